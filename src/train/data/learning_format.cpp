#include "train/data/learning_format.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/quote.h"

namespace jielong {
namespace {

constexpr LearningFormat kFormats[] = {LearningFormat::next_token, LearningFormat::masked,
                                       LearningFormat::classify, LearningFormat::instruct,
                                       LearningFormat::preference};

}  // namespace

std::string name_of(LearningFormat format) {
  switch (format) {
    case LearningFormat::next_token: return "next_token";
    case LearningFormat::masked: return "masked";
    case LearningFormat::classify: return "classify";
    case LearningFormat::instruct: return "instruct";
    case LearningFormat::preference: return "preference";
  }
  return "next_token";
}

LearningFormat learning_format(const std::string& name, const std::string& where) {
  std::string known;
  for (const LearningFormat format : kFormats) {
    if (name == name_of(format)) return format;
    known += (known.empty() ? "" : ", ") + name_of(format);
  }
  throw bad_input(fmt::format("{} is no way to learn", in_quotes(name)), where,
                  "choose one of " + known);
}

}  // namespace jielong
