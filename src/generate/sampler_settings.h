#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "generate/sampler.h"

namespace jielong {

/// The steps of the sampler chain.
enum class SamplerKind : std::uint8_t {
  logit_bias,
  penalties,
  dry,
  top_n_sigma,
  top_k,
  typical,
  top_p,
  min_p,
  xtc,
  temperature,
  mirostat
};

std::string_view name(SamplerKind kind);

/// How the next token is chosen. Values follow llama.cpp's conventions; each step is left
/// out of the chain at its neutral value, which the comments give.
struct SamplerSettings {
  double temperature = 0.8;  ///< 0 or less: always the most probable token
  /// With a range r > 0 the temperature moves in temperature ± r with the distribution's
  /// relative entropy to the power of `dynamic_temperature_exponent`.
  double dynamic_temperature_range = 0;
  double dynamic_temperature_exponent = 1;

  std::int64_t top_k = 40;    ///< the k most probable; 0: off
  double top_p = 0.95;        ///< nucleus (Holtzman et al. 2020); 1: off
  double min_p = 0.05;        ///< p ≥ min_p · p_max (Nguyen et al. 2024); 0: off
  double typical_p = 1;       ///< locally typical (Meister et al. 2023); 1: off
  double top_n_sigma = 0;     ///< logit ≥ max − n·σ (Tang et al. 2024); 0: off
  std::int64_t min_keep = 1;  ///< the cuts by probability never leave fewer

  double xtc_probability = 0;  ///< chance that XTC removes the top choices; 0: off
  double xtc_threshold = 0.1;  ///< a top choice has at least this probability

  double dry_multiplier = 0;  ///< strength of "don't repeat yourself"; 0: off
  double dry_base = 1.75;
  std::int64_t dry_allowed_length = 2;  ///< repeats shorter than this are free
  std::int64_t dry_window = -1;         ///< tokens looked at; −1: all
  std::vector<std::string> dry_breakers{"\n", ":", "\"", "*"};

  double repeat_penalty = 1;         ///< divides positive, multiplies negative logits; 1: off
  double frequency_penalty = 0;      ///< subtracted for each occurrence; 0: off
  double presence_penalty = 0;       ///< subtracted once; 0: off
  std::int64_t penalty_window = 64;  ///< tokens looked at, prompt included; −1: all

  /// Added to the logit of a token; −∞ forbids it.
  std::vector<std::pair<Token, float>> logit_bias;

  int mirostat = 0;           ///< 2: Mirostat 2 (Basu et al. 2021) instead of the cuts; 0: off
  double mirostat_tau = 5;    ///< the surprise aimed at, in bits
  double mirostat_eta = 0.1;  ///< how fast it adapts

  /// The order of the steps. The default is llama.cpp's.
  std::vector<SamplerKind> order = default_order();

  static std::vector<SamplerKind> default_order();
};

/// "top-k;top-p;temperature" (also with commas) as an order. Throws Error that lists the names.
std::vector<SamplerKind> parse_sampler_order(std::string_view text);

/// Throws Error(bad_input) that names the field when a value makes no sense.
void check(const SamplerSettings& settings);

/// The steps that do something under these settings, in order.
std::vector<std::unique_ptr<Sampler>> make_samplers(const SamplerSettings& settings,
                                                    const PieceOf& piece_of);

}  // namespace jielong
