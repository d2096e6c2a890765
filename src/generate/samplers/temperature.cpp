#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "generate/samplers/samplers.h"
#include "generate/samplers/simple_sampler.h"

namespace jielong {
namespace {

void heat(Distribution& distribution, double temperature) {
  if (temperature <= 0) {
    distribution.keep_largest(1);
  } else if (temperature != 1) {
    distribution.divide(static_cast<float>(temperature));
  }
}

}  // namespace

std::unique_ptr<Sampler> make_temperature(const SamplerSettings& settings) {
  const double middle = settings.temperature;
  const double range = settings.dynamic_temperature_range;
  if (range <= 0 || middle <= 0) {
    return make_simple_sampler(SamplerKind::temperature,
                               middle <= 0 ? std::string("temperature 0 (greedy)")
                                           : fmt::format("temperature {:g}", middle),
                               [middle](Distribution& distribution, const SamplerContext&) {
                                 heat(distribution, middle);
                               });
  }
  // Entropy-based dynamic temperature (kalomaze 2023): sure distributions are cooled,
  // undecided ones heated.
  const double low = std::max(0.0, middle - range);
  const double high = middle + range;
  return make_simple_sampler(
      SamplerKind::temperature, fmt::format("temperature {:g} to {:g} by entropy", low, high),
      [low, high, exponent = settings.dynamic_temperature_exponent](Distribution& distribution,
                                                                    const SamplerContext&) {
        const std::int64_t survivors = distribution.survivors();
        if (survivors < 2) return;
        const double relative = distribution.entropy() / std::log(static_cast<double>(survivors));
        heat(distribution, low + (high - low) * std::pow(std::clamp(relative, 0.0, 1.0), exponent));
      });
}

}  // namespace jielong
