#include "model/families/hybrid.h"

#include <fmt/format.h>

#include <numeric>

#include "base/error.h"
#include "model/families/families.h"
#include "model/families/recurrent_parts.h"

namespace jielong {
namespace {

constexpr std::string_view kLetters = "AMSDFGE";

void check_pattern(const Hyperparameters& hyper) {
  constexpr std::string_view kFix =
      "spell the sublayers with A, M, S, D, F, G and E, as in \"MFAF\"";
  if (hyper.pattern.empty() || hyper.pattern.size() > 4096) {
    throw bad_input(fmt::format("a pattern of {} letters", hyper.pattern.size()), "pattern",
                    std::string(kFix));
  }
  for (const char letter : hyper.pattern) {
    if (kLetters.find(letter) != std::string_view::npos) continue;
    throw bad_input(fmt::format("\"{}\" has a letter that is no sublayer", hyper.pattern),
                    "pattern", std::string(kFix));
  }
  if (hyper.pattern.find('E') != std::string::npos && hyper.experts < 1) {
    throw bad_input("the pattern has experts, but their number is 0", "pattern",
                    "say how many experts there are");
  }
}

void complete(std::int64_t& value, std::int64_t usual) {
  if (value == 0) value = usual;
}

/// Sizes that the authors of these layers use, for a model of this width.
void complete_recurrences(Hyperparameters& hyper, bool mamba, bool mamba2, bool delta_net) {
  const std::int64_t channels = hyper.channels, head = std::gcd(channels, std::int64_t{64});
  // Sizes of kinds that do not occur say nothing, and would have to make sense.
  if (!mamba) hyper.mamba = {};
  if (!mamba2) hyper.mamba2 = {};
  if (!delta_net) hyper.delta_net = {};
  if (mamba) {
    complete(hyper.mamba.inner, 2 * channels);
    complete(hyper.mamba.states, 16);
    complete(hyper.mamba.rank, (channels + 15) / 16);
  }
  if (mamba2) {
    complete(hyper.mamba2.inner, 2 * channels);
    complete(hyper.mamba2.states, 64);
    complete(hyper.mamba2.rank, hyper.mamba2.inner / std::gcd(hyper.mamba2.inner, head));
  }
  if (delta_net) {
    complete(hyper.delta_net.states, head);
    complete(hyper.delta_net.inner, channels);
    complete(hyper.delta_net.rank, hyper.delta_net.inner / std::gcd(hyper.delta_net.inner, head));
    if (hyper.delta_net.groups == 1) hyper.delta_net.groups = hyper.delta_net.rank;
  }
}

void read_gguf(const Metadata& metadata, Hyperparameters& hyper) {
  hyper.pattern = metadata.require<std::string>("jielong.pattern");
  hyper.repeat_weights = metadata.get_or<bool>("jielong.repeat_weights", false);
  hyper.mamba = read_gguf_recurrence(metadata, "jielong.mamba.");
  hyper.mamba2 = read_gguf_recurrence(metadata, "jielong.mamba2.");
  hyper.delta_net = read_gguf_recurrence(metadata, "jielong.delta_net.");
  check_pattern(hyper);
}

/// One letter's sublayer with its norm.
Residual sublayer(char letter, const Hyperparameters& hyper, const WeightSource& source,
                  std::int64_t layer, const std::shared_ptr<const Rope>& rope, Stack& stack) {
  const bool mixes = letter == 'A' || letter == 'M' || letter == 'S' || letter == 'D';
  const std::string norm = parts::in_layer(layer, mixes ? "attn_norm" : "ffn_norm");
  Residual residual;
  residual.before = parts::rms_norm(source, norm, hyper.channels, hyper.norm_eps);
  switch (letter) {
    case 'A': residual.layer = parts::attention(hyper, source, layer, rope, stack); break;
    case 'M': residual.layer = parts::mamba(hyper, source, layer, stack); break;
    case 'S': residual.layer = parts::mamba2(hyper, source, layer, stack); break;
    case 'D': residual.layer = parts::delta_net(hyper, source, layer, stack); break;
    case 'G': {
      const auto thought = parts::feed_forward(hyper, source, layer);
      thought->activation = Activation::gelu_tanh;
      residual.layer = thought;
      break;
    }
    case 'E': residual.layer = parts::experts(hyper, source, layer); break;
    default: residual.layer = parts::gated_feed_forward(hyper, source, layer); break;
  }
  return residual;
}

Stack build(const Hyperparameters& hyper, const WeightSource& source, std::int64_t context_length) {
  check_pattern(hyper);
  Stack stack = parts::decoder(hyper, source);
  const auto rope = parts::rope(hyper, source, context_length);
  const auto period = static_cast<std::int64_t>(hyper.pattern.size());
  const std::int64_t own = hyper.repeat_weights ? std::min(period, hyper.layers) : hyper.layers;
  for (std::int64_t i = 0; i < own; ++i) {
    const char letter = hyper.pattern[static_cast<std::size_t>(i % period)];
    stack.residuals.push_back(sublayer(letter, hyper, source, i, rope, stack));
  }
  // Repetitions share the layers, but each remembers for itself.
  const std::vector<const Attention*> attentions = stack.attentions;
  const std::vector<const Recurrent*> recurrents = stack.recurrents;
  for (std::int64_t i = own; i < hyper.layers; ++i) {
    Residual again = stack.residuals[static_cast<std::size_t>(i % period)];
    again.cache_offset = i / period * static_cast<std::int64_t>(attentions.size());
    again.state_offset = i / period * static_cast<std::int64_t>(recurrents.size());
    const char letter = hyper.pattern[static_cast<std::size_t>(i % period)];
    if (letter == 'A') {
      stack.attentions.push_back(attentions[stack.attentions.size() % attentions.size()]);
    } else if (letter == 'M' || letter == 'S' || letter == 'D') {
      stack.recurrents.push_back(recurrents[stack.recurrents.size() % recurrents.size()]);
    }
    stack.residuals.push_back(std::move(again));
  }
  return stack;
}

constexpr std::string_view kOptional[] = {"blk.{}.ssm_dt.bias",     "blk.{}.ssm_conv1d.bias",
                                          "blk.{}.ssm_norm.weight", "blk.{}.ffn_gate.weight",
                                          "blk.{}.ffn_up.bias",     "blk.{}.ffn_down.bias"};

}  // namespace

void complete_sizes(Hyperparameters& hyper) {
  if (hyper.family == "jielong") check_pattern(hyper);
  const auto has = [&](char letter) { return hyper.pattern.find(letter) != std::string::npos; };
  complete_recurrences(hyper, has('M') || hyper.family == "mamba" || hyper.family == "jamba",
                       has('S') || hyper.family == "mamba2" || hyper.family == "falcon-h1",
                       has('D') || hyper.family == "qwen3next");
}

/// Stacks by a pattern of letters: see hybrid.h.
const Family kHybrid{"jielong", {},    {},        read_gguf,
                     nullptr,   build, kOptional, parts::initialize_recurrent};

}  // namespace jielong
