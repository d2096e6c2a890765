#include "cli/generation_flags.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <limits>
#include <random>

#include "base/error.h"

namespace jielong::cli {
namespace {

/// "15043-2.5", "15043+1" or "15043-inf".
std::pair<Token, float> parse_bias(const std::string& text, Token vocabulary) {
  Token token = 0;
  const char* end = text.data() + text.size();
  const auto [sign, error] = std::from_chars(text.data(), end, token);
  const std::string_view rest(sign, static_cast<std::size_t>(end - sign));
  const auto bad = [&] {
    return bad_input("\"" + text + "\" is not a bias", "--logit-bias",
                     "write a token's number and a signed value, as in 15043-2.5 or 15043-inf");
  };
  if (error != std::errc() || rest.size() < 2 || (rest[0] != '+' && rest[0] != '-')) throw bad();
  if (token < 0 || token >= vocabulary) {
    throw bad_input(fmt::format("token {} is not among the model's {}", token, vocabulary),
                    "--logit-bias");
  }
  float value = std::numeric_limits<float>::infinity();
  if (rest.substr(1) != "inf") {
    const auto parsed = std::from_chars(rest.data() + 1, end, value);
    if (parsed.ec != std::errc() || parsed.ptr != end || !std::isfinite(value)) throw bad();
  } else if (rest[0] == '+') {
    throw bad();
  }
  return {token, rest[0] == '-' ? -value : value};
}

/// A shell hands "\n" over as two characters.
std::string unescape(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    switch (text[++i]) {
      case 'n': out += '\n'; break;
      case 't': out += '\t'; break;
      case '\\': out += '\\'; break;
      default: out += '\\'; out += text[i];
    }
  }
  return out;
}

}  // namespace

void GenerationFlags::declare(Command& c) {
  c.group("Length and end");
  c.value("-n,--max-tokens", max_tokens, "The most tokens to answer with; -1: until it ends");
  c.values("--stop", stop, "TEXT", "End the answer before this text (\\n for a line break)");
  c.flag("--ignore-end", ignore_end, "Forbid END tokens: only a count or a stop text ends it");
  c.flag("--context-shift", context_shift,
         "When the context is full, drop the older half and go on");
  c.value("--keep", keep, "Tokens at the beginning that a context shift never drops");

  form.declare(c);

  c.group("Dice");
  c.value("--temp", sampling.temperature, "Temperature; 0: always the most probable token");
  c.value("-s,--seed", seed, "Seed of the dice: the same seed gives the same bytes");
  c.value("--top-k", sampling.top_k, "Keep the K most probable tokens; 0: all");
  c.value("--top-p", sampling.top_p, "Keep the most probable tokens up to this mass; 1: all");
  c.value("--min-p", sampling.min_p, "Drop tokens below this share of the best one's probability");
  c.value("--typical", sampling.typical_p, "Locally typical sampling up to this mass; 1: off");
  c.value("--top-n-sigma", sampling.top_n_sigma,
          "Keep logits within this many deviations of the best; 0: off");
  c.value("--min-keep", sampling.min_keep, "The cuts never leave fewer tokens");
  c.value("--xtc-probability", sampling.xtc_probability, "Chance to exclude top choices; 0: off");
  c.value("--xtc-threshold", sampling.xtc_threshold, "What counts as a top choice");
  c.value("--dynatemp-range", sampling.dynamic_temperature_range,
          "Temperature follows the entropy by up to this much; 0: off");
  c.value("--dynatemp-exponent", sampling.dynamic_temperature_exponent, "Shape of that");
  c.value("--mirostat", mirostat, "2: Mirostat 2 instead of the cuts; 0: off");
  c.value("--mirostat-tau", sampling.mirostat_tau, "Surprise aimed at, in bits");
  c.value("--mirostat-eta", sampling.mirostat_eta, "How fast it adapts");
  c.value("--samplers", order, "NAMES",
          "The steps in order, as in top-k;top-p;temperature (default: logit-bias;penalties;dry;"
          "top-n-sigma;top-k;typical;top-p;min-p;xtc;temperature;mirostat)");
  c.values("--logit-bias", logit_bias, "TOKEN±X", "Add X to a token's logit; TOKEN-inf forbids it");

  c.group("Repetition");
  c.value("--repeat-penalty", sampling.repeat_penalty, "Divides logits of recent tokens; 1: off");
  c.value("--frequency-penalty", sampling.frequency_penalty, "Subtracted for each occurrence");
  c.value("--presence-penalty", sampling.presence_penalty, "Subtracted once");
  c.value("--penalty-window", sampling.penalty_window, "Recent tokens looked at; -1: all");
  c.value("--dry-multiplier", sampling.dry_multiplier, "Strength of DRY; 0: off");
  c.value("--dry-base", sampling.dry_base, "Growth of DRY with the length of a repeat");
  c.value("--dry-allowed-length", sampling.dry_allowed_length,
          "Repeats shorter than this are free");
  c.value("--dry-window", sampling.dry_window, "Tokens DRY looks at; -1: all");
  c.values("--dry-breaker", breakers, "TEXT",
           "Text no repeat reaches across (default: line break, colon, quote, star)");

  c.group("Inspection");
  c.optional_value("--show-dice", dice, 8,
                   "Draw the distribution before and after each sampler, for N candidates");
  c.value("--logprobs", logprobs, "With --json: log-probabilities of the N best tokens; -1: none");
  c.flag("--show-special", show_special, "Show control tokens by their names");
}

GenerateOptions GenerationFlags::options(const Tokenizer& tokenizer,
                                         std::uint64_t fallback_seed) const {
  GenerateOptions options;
  options.sampling = sampling;
  options.sampling.mirostat = static_cast<int>(mirostat);
  if (!order.empty()) options.sampling.order = parse_sampler_order(order);
  if (!breakers.empty()) options.sampling.dry_breakers.clear();
  for (const std::string& text : breakers) options.sampling.dry_breakers.push_back(unescape(text));
  for (const std::string& text : logit_bias) {
    options.sampling.logit_bias.push_back(parse_bias(text, tokenizer.vocabulary().size()));
  }
  check(options.sampling);
  for (const std::string& text : stop) options.stop.push_back(unescape(text));
  options.seed = seed.value_or(fallback_seed);
  options.max_tokens = max_tokens;
  options.ignore_end = ignore_end;
  options.context_shift = context_shift;
  options.shift_keep = keep;
  options.show_special = show_special;
  options.logprobs = logprobs;
  options.trace_top = dice;
  options.constraint = form.constraint(tokenizer);
  return options;
}

std::string GenerationFlags::describe(const Tokenizer& tokenizer) const {
  std::string text;
  for (const auto& sampler : make_samplers(options(tokenizer, 0).sampling, {})) {
    if (!text.empty()) text += ", ";
    text += sampler->describe();
  }
  if (text.empty()) text = "plain dice";
  if (const std::string bound = form.describe(); !bound.empty()) text += ", " + bound;
  return ignore_end ? text + ", END forbidden" : text;
}

std::uint64_t random_seed() {
  std::random_device device;
  // Short enough to be typed again.
  return device() % 1'000'000'000U;
}

}  // namespace jielong::cli
