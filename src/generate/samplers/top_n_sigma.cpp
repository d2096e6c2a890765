#include <fmt/format.h>

#include "generate/samplers/samplers.h"
#include "generate/samplers/simple_sampler.h"

namespace jielong {

// Tang et al. 2024: the informative tokens stand out from a Gaussian of noise logits, so
// keep those within n standard deviations of the largest.
std::unique_ptr<Sampler> make_top_n_sigma(const SamplerSettings& settings) {
  return make_simple_sampler(
      SamplerKind::top_n_sigma, fmt::format("top-n-sigma {:g}", settings.top_n_sigma),
      [n = settings.top_n_sigma](Distribution& distribution, const SamplerContext&) {
        const double reach = n * distribution.moments().deviation;
        distribution.keep_above(
            static_cast<float>(static_cast<double>(distribution.max_logit()) - reach), 1);
      });
}

}  // namespace jielong
