#include "generate/sampler_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.h"
#include "generate/samplers/samplers.h"

namespace jielong {
namespace {

struct KindName {
  SamplerKind kind;
  std::string_view name;
};

constexpr std::array<KindName, 11> kNames{{{SamplerKind::logit_bias, "logit-bias"},
                                           {SamplerKind::penalties, "penalties"},
                                           {SamplerKind::dry, "dry"},
                                           {SamplerKind::top_n_sigma, "top-n-sigma"},
                                           {SamplerKind::top_k, "top-k"},
                                           {SamplerKind::typical, "typical"},
                                           {SamplerKind::top_p, "top-p"},
                                           {SamplerKind::min_p, "min-p"},
                                           {SamplerKind::xtc, "xtc"},
                                           {SamplerKind::temperature, "temperature"},
                                           {SamplerKind::mirostat, "mirostat"}}};

void check_range(std::string_view field, double value, double low, double high) {
  if (value >= low && value <= high) return;
  throw bad_input(
      fmt::format("{} is {:g}, but must lie between {:g} and {:g}", field, value, low, high),
      "sampling");
}

/// Whether a step changes anything under these settings.
bool matters(SamplerKind kind, const SamplerSettings& s) {
  switch (kind) {
    case SamplerKind::logit_bias: return !s.logit_bias.empty();
    case SamplerKind::penalties:
      return s.penalty_window != 0 &&
             (s.repeat_penalty != 1 || s.frequency_penalty != 0 || s.presence_penalty != 0);
    case SamplerKind::dry: return s.dry_multiplier != 0 && s.dry_base >= 1 && s.dry_window != 0;
    case SamplerKind::top_n_sigma: return s.top_n_sigma > 0;
    case SamplerKind::top_k: return s.top_k > 0;
    case SamplerKind::typical: return s.typical_p < 1;
    case SamplerKind::top_p: return s.top_p < 1;
    case SamplerKind::min_p: return s.min_p > 0;
    case SamplerKind::xtc: return s.xtc_probability > 0 && s.xtc_threshold <= 0.5;
    case SamplerKind::temperature: return s.temperature != 1 || s.dynamic_temperature_range > 0;
    case SamplerKind::mirostat: return s.mirostat == 2;
  }
  return false;
}

/// Mirostat sets the cut by itself: the other cuts would take its room to steer.
bool is_cut(SamplerKind kind) {
  switch (kind) {
    case SamplerKind::top_n_sigma:
    case SamplerKind::top_k:
    case SamplerKind::typical:
    case SamplerKind::top_p:
    case SamplerKind::min_p:
    case SamplerKind::xtc: return true;
    default: return false;
  }
}

std::unique_ptr<Sampler> make(SamplerKind kind, const SamplerSettings& s, const PieceOf& piece) {
  switch (kind) {
    case SamplerKind::logit_bias: return make_logit_bias(s);
    case SamplerKind::penalties: return make_penalties(s);
    case SamplerKind::dry: return make_dry(s, piece);
    case SamplerKind::top_n_sigma: return make_top_n_sigma(s);
    case SamplerKind::top_k: return make_top_k(s);
    case SamplerKind::typical: return make_typical(s);
    case SamplerKind::top_p: return make_top_p(s);
    case SamplerKind::min_p: return make_min_p(s);
    case SamplerKind::xtc: return make_xtc(s);
    case SamplerKind::temperature: return make_temperature(s);
    case SamplerKind::mirostat: return make_mirostat(s);
  }
  throw Error(ErrorKind::internal, "a sampler without a maker", "sampling");
}

}  // namespace

void Sampler::accept(Token, double) {}

std::string_view name(SamplerKind kind) {
  for (const KindName& entry : kNames) {
    if (entry.kind == kind) return entry.name;
  }
  return "unknown";
}

std::vector<SamplerKind> SamplerSettings::default_order() {
  std::vector<SamplerKind> order;
  order.reserve(kNames.size());
  for (const KindName& entry : kNames) order.push_back(entry.kind);
  return order;
}

std::vector<SamplerKind> parse_sampler_order(std::string_view text) {
  std::vector<SamplerKind> order;
  while (!text.empty()) {
    const std::size_t end = text.find_first_of(";,");
    std::string word(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    std::replace(word.begin(), word.end(), '_', '-');
    std::erase(word, ' ');
    if (word.empty()) continue;
    const auto found = std::find_if(kNames.begin(), kNames.end(),
                                    [&](const KindName& entry) { return entry.name == word; });
    if (found == kNames.end()) {
      std::string known;
      for (const KindName& entry : kNames) {
        known += known.empty() ? "" : ", ";
        known += entry.name;
      }
      throw bad_input("unknown sampler \"" + word + "\"", "sampler order", "use some of " + known);
    }
    if (std::find(order.begin(), order.end(), found->kind) != order.end()) {
      throw bad_input("\"" + word + "\" occurs twice", "sampler order");
    }
    order.push_back(found->kind);
  }
  return order;
}

void check(const SamplerSettings& s) {
  check_range("temperature", s.temperature, -1, 100);
  check_range("dynamic_temperature_range", s.dynamic_temperature_range, 0, 100);
  check_range("dynamic_temperature_exponent", s.dynamic_temperature_exponent, 0, 100);
  check_range("top_k", static_cast<double>(s.top_k), 0, 1e9);
  check_range("top_p", s.top_p, 0, 1);
  check_range("min_p", s.min_p, 0, 1);
  check_range("typical_p", s.typical_p, 0, 1);
  check_range("top_n_sigma", s.top_n_sigma, -1, 1000);
  check_range("min_keep", static_cast<double>(s.min_keep), 1, 1e9);
  check_range("xtc_probability", s.xtc_probability, 0, 1);
  check_range("xtc_threshold", s.xtc_threshold, 0.001, 1);
  check_range("dry_multiplier", s.dry_multiplier, 0, 1000);
  check_range("dry_base", s.dry_base, 0, 1000);
  check_range("dry_allowed_length", static_cast<double>(s.dry_allowed_length), 1, 1e9);
  check_range("dry_window", static_cast<double>(s.dry_window), -1, 1e9);
  check_range("repeat_penalty", s.repeat_penalty, 0.01, 100);
  check_range("frequency_penalty", s.frequency_penalty, -100, 100);
  check_range("presence_penalty", s.presence_penalty, -100, 100);
  check_range("penalty_window", static_cast<double>(s.penalty_window), -1, 1e9);
  check_range("mirostat_tau", s.mirostat_tau, 0, 100);
  check_range("mirostat_eta", s.mirostat_eta, 0, 100);
  if (s.mirostat != 0 && s.mirostat != 2) {
    throw bad_input(fmt::format("mirostat {} is not supported", s.mirostat), "sampling",
                    "use 2, or 0 to switch it off");
  }
  for (const auto& [token, bias] : s.logit_bias) {
    if (std::isnan(bias) || bias == std::numeric_limits<float>::infinity()) {
      throw bad_input(fmt::format("the bias of token {} is not a number", token), "logit_bias");
    }
  }
}

std::vector<std::unique_ptr<Sampler>> make_samplers(const SamplerSettings& settings,
                                                    const PieceOf& piece_of) {
  check(settings);
  const bool mirostat = settings.mirostat == 2 && settings.temperature > 0;
  std::vector<std::unique_ptr<Sampler>> chain;
  for (const SamplerKind kind : settings.order) {
    if (mirostat && is_cut(kind)) continue;
    if (!mirostat && kind == SamplerKind::mirostat) continue;
    if (matters(kind, settings)) chain.push_back(make(kind, settings, piece_of));
  }
  return chain;
}

}  // namespace jielong
