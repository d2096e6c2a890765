#include <fmt/format.h>

#include "generate/samplers/samplers.h"
#include "generate/samplers/simple_sampler.h"

namespace jielong {

// Fan et al. 2018.
std::unique_ptr<Sampler> make_top_k(const SamplerSettings& settings) {
  const std::int64_t k = std::max(settings.top_k, settings.min_keep);
  return make_simple_sampler(
      SamplerKind::top_k, fmt::format("top-k {}", settings.top_k),
      [k](Distribution& distribution, const SamplerContext&) { distribution.keep_largest(k); });
}

}  // namespace jielong
