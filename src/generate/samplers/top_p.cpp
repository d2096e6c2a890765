#include <fmt/format.h>

#include "generate/samplers/samplers.h"
#include "generate/samplers/simple_sampler.h"

namespace jielong {

// Nucleus sampling, Holtzman et al. 2020: the smallest set whose probability reaches p.
std::unique_ptr<Sampler> make_top_p(const SamplerSettings& settings) {
  return make_simple_sampler(SamplerKind::top_p, fmt::format("top-p {:g}", settings.top_p),
                             [mass = settings.top_p, keep = settings.min_keep](
                                 Distribution& distribution, const SamplerContext&) {
                               distribution.keep_mass(mass, keep);
                             });
}

}  // namespace jielong
