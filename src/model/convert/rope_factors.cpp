#include "model/convert/rope_factors.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/error.h"
#include "base/quote.h"
#include "tensor/quant/dequantize.h"

namespace jielong {
namespace {

constexpr const char* kFrequencies = "rope_freqs.weight";
constexpr const char* kShort = "rope_factors_short.weight";
constexpr const char* kLong = "rope_factors_long.weight";

std::int64_t rotated_channels(const Hyperparameters& hyper) {
  return hyper.rope_channels > 0 ? hyper.rope_channels : hyper.key_dim;
}

/// Positions in one turn of each pair of channels.
std::vector<double> wavelengths(const Hyperparameters& hyper) {
  const std::int64_t channels = rotated_channels(hyper);
  std::vector<double> result;
  for (std::int64_t i = 0; i < channels; i += 2) {
    result.push_back(2 * M_PI *
                     std::pow(static_cast<double>(hyper.rope_base),
                              static_cast<double>(i) / static_cast<double>(channels)));
  }
  return result;
}

/// Llama 3.1's divisors: long waves are stretched by the factor, short ones kept, those
/// between blended.
std::vector<float> llama3_divisors(const RopeScaling& scaling, const std::vector<double>& waves) {
  std::vector<float> result;
  for (const double wave : waves) {
    const double low = scaling.low_frequency_factor, high = scaling.high_frequency_factor;
    const double share =
        std::min(1.0, std::max(0.0, (scaling.original_context / wave - low) / (high - low)));
    result.push_back(static_cast<float>(1 / ((1 - share) / scaling.factor + share)));
  }
  return result;
}

bool is_near(const std::vector<float>& a, const std::vector<float>& b) {
  constexpr float kRounding = 1e-5f;  // files were written from f32 arithmetic
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](float x, float y) {
    return std::fabs(x - y) <= kRounding * std::max(x, y);
  });
}

/// The parameters that give these divisors. Only the ratios of context, low and high factor
/// matter, so one of the three is free: the published models have a low factor of 1.
std::optional<RopeScaling> llama3_parameters(const Hyperparameters& hyper,
                                             const std::vector<float>& divisors) {
  const std::vector<double> waves = wavelengths(hyper);
  RopeScaling scaling;
  scaling.kind = RopeScaling::Kind::llama3;
  scaling.factor = *std::max_element(divisors.begin(), divisors.end());
  if (scaling.factor <= 1) return std::nullopt;
  scaling.low_frequency_factor = 1;
  scaling.high_frequency_factor = 4;
  for (std::int64_t context = 1; context <= std::int64_t{1} << 24; context *= 2) {
    scaling.original_context = static_cast<float>(context);
    if (is_near(llama3_divisors(scaling, waves), divisors)) return scaling;
  }
  // Where waves are blended, the share of the short form is a straight line over 1 / wave.
  std::vector<std::pair<double, double>> line;
  for (std::size_t i = 0; i < divisors.size(); ++i) {
    const double stretched = 1 / static_cast<double>(scaling.factor);
    const double share = (1 / static_cast<double>(divisors[i]) - stretched) / (1 - stretched);
    if (share > 1e-4 && share < 1 - 1e-4) line.emplace_back(1 / waves[i], share);
  }
  if (line.size() < 2) return std::nullopt;
  const auto [x0, y0] = line.front();
  const auto [x1, y1] = line.back();
  const double slope = (y1 - y0) / (x1 - x0), offset = y0 - slope * x0;
  if (!(slope > 0 && offset < 0)) return std::nullopt;
  scaling.high_frequency_factor = static_cast<float>(1 - 1 / offset);
  scaling.original_context = static_cast<float>(std::round(-slope / offset));
  if (!is_near(llama3_divisors(scaling, waves), divisors)) return std::nullopt;
  return scaling;
}

std::vector<float> read_divisors(const TensorFile& file, const char* name,
                                 const Hyperparameters& hyper) {
  const TensorInfo& tensor = file.require(name);
  const std::string where =
      fmt::format("{}, tensor {}", file.path().string(), in_quotes(tensor.name));
  const std::int64_t expected = rotated_channels(hyper) / 2;
  if (tensor.elements() != expected) {
    throw bad_input(
        fmt::format("has {} values for {} pairs of rotated channels", tensor.elements(), expected),
        where, "the file is damaged or was made wrongly; get it again");
  }
  std::vector<float> values(static_cast<std::size_t>(expected));
  dequantize_row(tensor.dtype, tensor.data.data(), values.data(), expected);
  for (const float value : values) {
    if (!(std::isfinite(value) && value > 0)) {
      throw bad_input(fmt::format("holds the divisor {}, not a positive number", value), where,
                      "the file is damaged; get it again");
    }
  }
  return values;
}

}  // namespace

std::vector<RopeTensor> rope_tensors(const Hyperparameters& hyper) {
  const RopeScaling& scaling = hyper.rope_scaling;
  std::vector<RopeTensor> result;
  if (scaling.kind == RopeScaling::Kind::llama3) {
    result.push_back({kFrequencies, llama3_divisors(scaling, wavelengths(hyper))});
  } else if (scaling.kind == RopeScaling::Kind::factors) {
    if (!scaling.factors.empty()) result.push_back({kShort, scaling.factors});
    if (!scaling.long_factors.empty()) result.push_back({kLong, scaling.long_factors});
  }
  return result;
}

void restore_rope_scaling(const TensorFile& file, Hyperparameters& hyper) {
  const bool frequencies = file.contains(kFrequencies);
  if (!frequencies && !file.contains(kShort) && !file.contains(kLong)) return;
  RopeScaling& scaling = hyper.rope_scaling;
  if (scaling.kind != RopeScaling::Kind::none && scaling.kind != RopeScaling::Kind::factors) {
    throw Error(ErrorKind::unsupported,
                "config.json cannot state rope divisors beside another kind of rope scaling",
                file.path().string(), "convert from the original Hugging Face folder instead");
  }
  if (!frequencies) {
    scaling.kind = RopeScaling::Kind::factors;
    scaling.factors = read_divisors(file, file.contains(kShort) ? kShort : kLong, hyper);
    scaling.long_factors = read_divisors(file, file.contains(kLong) ? kLong : kShort, hyper);
    return;
  }
  const std::vector<float> divisors = read_divisors(file, kFrequencies, hyper);
  const bool plain =
      std::all_of(divisors.begin(), divisors.end(), [](float divisor) { return divisor == 1; });
  if (plain) return;
  if (auto found = llama3_parameters(hyper, divisors)) {
    found->attention_factor = scaling.attention_factor;
    scaling = *found;
    return;
  }
  scaling.kind = RopeScaling::Kind::factors;
  scaling.factors = scaling.long_factors = divisors;
  if (scaling.original_context <= 0) {
    scaling.original_context = static_cast<float>(hyper.context_length);
  }
  if (scaling.attention_factor <= 0) scaling.attention_factor = 1;
}

}  // namespace jielong
