#include <fmt/format.h>

#include "generate/samplers/samplers.h"
#include "generate/samplers/simple_sampler.h"

namespace jielong {

// Locally typical sampling, Meister et al. 2023: candidates whose surprise is nearest to
// the expected one (the entropy), until their probability reaches p.
std::unique_ptr<Sampler> make_typical(const SamplerSettings& settings) {
  return make_simple_sampler(SamplerKind::typical, fmt::format("typical {:g}", settings.typical_p),
                             [mass = settings.typical_p, keep = settings.min_keep](
                                 Distribution& distribution, const SamplerContext&) {
                               distribution.keep_mass(mass, keep, distribution.entropy());
                             });
}

}  // namespace jielong
