#pragma once

#include <memory>

#include "generate/sampler.h"
#include "generate/sampler_settings.h"

namespace jielong {

// One maker a step, each in a file of its own. They read the fields of SamplerSettings
// that bear their name and expect values that passed check().

std::unique_ptr<Sampler> make_logit_bias(const SamplerSettings& settings);
std::unique_ptr<Sampler> make_penalties(const SamplerSettings& settings);
std::unique_ptr<Sampler> make_dry(const SamplerSettings& settings, PieceOf piece_of);
std::unique_ptr<Sampler> make_top_n_sigma(const SamplerSettings& settings);
std::unique_ptr<Sampler> make_top_k(const SamplerSettings& settings);
std::unique_ptr<Sampler> make_typical(const SamplerSettings& settings);
std::unique_ptr<Sampler> make_top_p(const SamplerSettings& settings);
std::unique_ptr<Sampler> make_min_p(const SamplerSettings& settings);
std::unique_ptr<Sampler> make_xtc(const SamplerSettings& settings);
std::unique_ptr<Sampler> make_temperature(const SamplerSettings& settings);
std::unique_ptr<Sampler> make_mirostat(const SamplerSettings& settings);

}  // namespace jielong
