#include "model/family.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "model/families/families.h"

namespace jielong {
namespace {

constexpr std::array<const Family*, 15> kFamilies = {
    &kLlama, &kQwen2, &kQwen3,  &kQwen3Moe, &kGemma2,   &kGemma3,    &kGpt2,  &kPhi3,
    &kBert,  &kMamba, &kMamba2, &kJamba,    &kFalconH1, &kQwen3Next, &kHybrid};

[[noreturn]] void throw_unknown(std::string_view name) {
  std::vector<std::string_view> known;
  for (const Family* family : kFamilies) known.push_back(family->name);
  throw Error(ErrorKind::unsupported, fmt::format("the model family \"{}\" is not supported", name),
              "", fmt::format("use a model of one of the families {}", fmt::join(known, ", ")));
}

}  // namespace

std::span<const Family* const> families() { return kFamilies; }

const Family& family_by_name(std::string_view name) {
  for (const Family* family : kFamilies) {
    if (family->name == name) return *family;
  }
  throw_unknown(name);
}

const Family& family_by_model_type(std::string_view model_type) {
  for (const Family* family : kFamilies) {
    if (std::ranges::find(family->model_types, model_type) != family->model_types.end()) {
      return *family;
    }
  }
  throw_unknown(model_type);
}

}  // namespace jielong
