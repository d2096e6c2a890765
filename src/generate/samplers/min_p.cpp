#include <fmt/format.h>

#include <cmath>

#include "generate/samplers/samplers.h"
#include "generate/samplers/simple_sampler.h"

namespace jielong {

// Nguyen et al. 2024: p ≥ min_p · p_max, which in logits is a distance from the largest.
std::unique_ptr<Sampler> make_min_p(const SamplerSettings& settings) {
  return make_simple_sampler(
      SamplerKind::min_p, fmt::format("min-p {:g}", settings.min_p),
      [distance = static_cast<float>(std::log(settings.min_p)), keep = settings.min_keep](
          Distribution& distribution, const SamplerContext&) {
        distribution.keep_above(distribution.max_logit() + distance, keep);
      });
}

}  // namespace jielong
