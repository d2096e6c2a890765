#include <fmt/format.h>

#include "generate/samplers/samplers.h"
#include "generate/samplers/simple_sampler.h"

namespace jielong {

std::unique_ptr<Sampler> make_logit_bias(const SamplerSettings& settings) {
  return make_simple_sampler(
      SamplerKind::logit_bias, fmt::format("logit-bias on {} tokens", settings.logit_bias.size()),
      [bias = settings.logit_bias](Distribution& distribution, const SamplerContext&) {
        for (const auto& [token, value] : bias) {
          const float logit = distribution.logit(token);
          if (logit != Distribution::kExcluded) distribution.set_logit(token, logit + value);
        }
      });
}

}  // namespace jielong
