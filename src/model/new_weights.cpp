#include "model/new_weights.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/random.h"

namespace jielong {
namespace {

/// Whether `name` is `pattern` with a number in place of "{}".
bool matches(std::string_view pattern, std::string_view name) {
  const std::size_t mark = pattern.find("{}");
  if (mark == std::string_view::npos) return pattern == name;
  if (!name.starts_with(pattern.substr(0, mark))) return false;
  const std::size_t end = std::min(name.find_first_not_of("0123456789", mark), name.size());
  return end > mark && name.substr(end) == pattern.substr(mark + 2);
}

/// FNV-1a, so that a name gives the same seed everywhere.
std::uint64_t seed_of(std::uint64_t seed, const std::string& name) {
  std::uint64_t hash = 0xcbf29ce484222325ULL ^ seed;
  for (const char letter : name) {
    hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001b3ULL;
  }
  return hash;
}

bool ends_a_sublayer(const std::string& name) {
  constexpr std::string_view kOutputs[] = {".attn_output.", ".ffn_down.", ".ffn_down_exps.",
                                           ".ssm_out."};
  return std::any_of(std::begin(kOutputs), std::end(kOutputs),
                     [&](std::string_view part) { return name.find(part) != std::string::npos; });
}

/// Values drawn from one stream of random numbers; each part has its own, so that threads share the
/// work.
constexpr std::int64_t kPart = 1 << 14;

/// Normal numbers by the method of Box and Muller (1958).
void draw_part(Rng rng, float deviation, float* values, std::int64_t count) {
  for (std::int64_t i = 0; i < count; i += 2) {
    const double radius = std::sqrt(-2 * std::log(1 - rng.uniform()));
    const double angle = 2 * std::numbers::pi * rng.uniform();
    values[i] = deviation * static_cast<float>(radius * std::cos(angle));
    if (i + 1 < count) values[i + 1] = deviation * static_cast<float>(radius * std::sin(angle));
  }
}

}  // namespace

bool NewWeights::has(const std::string& name) const {
  if (ParameterWeights::has(name)) return true;
  const auto fits = [&](std::string_view pattern) { return matches(pattern, name); };
  return std::any_of(family_.optional_tensors.begin(), family_.optional_tensors.end(), fits) ||
         std::any_of(options_.optional_tensors.begin(), options_.optional_tensors.end(), fits);
}

std::int64_t NewWeights::rows_of(const std::string& name) const {
  if (name == "token_embd.weight") return hyper_.vocabulary;
  // BERT tells two segments apart.
  if (name == "token_types.weight") return hyper_.segments > 0 ? hyper_.segments : 2;
  return ParameterWeights::rows_of(name);
}

const Parameter& NewWeights::find(const std::string& name, const std::vector<std::int64_t>& shape,
                                  Use use) const {
  if (theta().parameters.find(name) != nullptr) return ParameterWeights::find(name, shape, use);
  std::int64_t rows = 1;
  for (std::size_t i = 0; i + 1 < shape.size(); ++i) rows *= shape[i];
  Parameter& made =
      theta().parameters.add(name, role_of(name, shape), rows, shape.empty() ? 1 : shape.back());
  made.shape = shape;
  initialize(made, use);
  return made;
}

void NewWeights::initialize(Parameter& parameter, Use use) const {
  Rng rng(seed_of(options_.seed, parameter.name));
  if (family_.initialize != nullptr && family_.initialize(parameter, hyper_, rng)) return;
  if (parameter.name.ends_with(".attn_v_mix.weight")) {  // half and half (Zhou et al., 2024)
    std::fill_n(parameter.values, parameter.count(), 0.5f);
    return;
  }
  switch (use) {
    case Use::gain: std::fill_n(parameter.values, parameter.count(), 1.0f); break;
    case Use::vector: break;
    case Use::matrix: {
      const auto sublayers = static_cast<float>(2 * hyper_.layers);
      const float shrink = ends_a_sublayer(parameter.name) ? 1 / std::sqrt(sublayers) : 1;
      draw(parameter, options_.deviation * shrink);
    }
  }
}

void NewWeights::draw(Parameter& parameter, float deviation) const {
  const std::uint64_t seed = seed_of(options_.seed, parameter.name);
  pool_.for_range(parameter.count(), kPart, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t at = begin; at < end; at += kPart) {
      draw_part(Rng(seed + static_cast<std::uint64_t>(at)), deviation, parameter.values + at,
                std::min(kPart, end - at));
    }
  });
}

}  // namespace jielong
