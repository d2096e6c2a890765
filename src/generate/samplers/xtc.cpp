#include <fmt/format.h>

#include "generate/samplers/samplers.h"
#include "generate/samplers/simple_sampler.h"

namespace jielong {

// "Exclude top choices" (p-e-w 2024): with a given chance, all tokens that reach the
// threshold are removed save the least probable of them. Works only where the threshold
// lets at least two reach it, hence never above 0.5.
std::unique_ptr<Sampler> make_xtc(const SamplerSettings& settings) {
  return make_simple_sampler(
      SamplerKind::xtc,
      fmt::format("xtc {:g} of p >= {:g}", settings.xtc_probability, settings.xtc_threshold),
      [chance = settings.xtc_probability, threshold = settings.xtc_threshold,
       keep = settings.min_keep](Distribution& distribution, const SamplerContext& context) {
        // The coin falls whatever the distribution, so that the dice's stream stays aligned.
        const bool happens = context.rng->uniform() < chance;
        if (!happens) return;
        // At most 1/threshold tokens can reach it.
        const auto most = static_cast<std::int64_t>(1.0 / threshold) + 1;
        const std::vector<TokenProbability> top = distribution.top(most);
        std::size_t reaching = 0;
        while (reaching < top.size() && top[reaching].probability >= threshold) ++reaching;
        if (reaching < 2) return;
        if (distribution.survivors() - static_cast<std::int64_t>(reaching - 1) < keep) return;
        for (std::size_t i = 0; i + 1 < reaching; ++i) {
          distribution.set_logit(top[i].token, Distribution::kExcluded);
        }
      });
}

}  // namespace jielong
