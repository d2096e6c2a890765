#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tensor/ops/rope.h"
#include "tensor/vector.h"

namespace jielong {

/// What people decided about a model, whichever file it comes from: GGUF metadata
/// (hyperparameters_gguf.cpp) or config.json (hyperparameters_hf.cpp). Zero or empty means
/// "not used".
struct Hyperparameters {
  std::string family;  ///< as GGUF's general.architecture: "llama", "qwen2", …
  std::string name;    ///< a title for people, may be empty

  std::int64_t layers = 0;
  std::int64_t channels = 0;  ///< width of the residual stream
  std::int64_t vocabulary = 0;
  std::int64_t context_length = 0;  ///< positions the model was trained for
  std::int64_t feed_forward = 0;    ///< hidden width of a feed-forward layer
  float norm_eps = 1e-5f;
  Activation activation = Activation::silu;

  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t key_dim = 0;    ///< channels of one query or key head
  std::int64_t value_dim = 0;  ///< channels of one value head
  float attention_scale = 0;   ///< multiplies q·k; 0: 1/√key_dim
  float attention_soft_cap = 0;
  float logit_soft_cap = 0;
  float embedding_scale = 1;

  std::int64_t window = 0;           ///< sliding-window length of windowed layers
  std::vector<bool> windowed_layer;  ///< (layers) which layers attend in the window; empty: none

  RopePairs rope_pairs = RopePairs::halves;
  std::int64_t rope_channels = 0;  ///< 0: key_dim
  float rope_base = 10000;
  float rope_base_local = 0;  ///< base of windowed layers when it differs (Gemma 3)
  RopeScaling rope_scaling;   ///< of the layers that are not windowed with their own base

  std::int64_t experts = 0;
  std::int64_t experts_used = 0;
  std::int64_t expert_feed_forward = 0;
  bool normalize_expert_weights = true;

  std::int64_t shared_feed_forward = 0;  ///< of an expert that sees every token

  /// Sizes of a kind of recurrent layers, in the words of GGUF's "ssm.*" keys.
  struct Recurrence {
    std::int64_t inner = 0;   ///< channels that are scanned; of all values in DeltaNet
    std::int64_t taps = 4;    ///< of the convolution
    std::int64_t states = 0;  ///< of a channel; channels of a key in DeltaNet
    std::int64_t rank = 0;    ///< of what Δ is made from in Mamba; heads in the others
    std::int64_t groups = 1;  ///< of heads that share B and C; key heads in DeltaNet
    bool normed = false;      ///< Mamba: RMS norms without gain on Δ's input, B and C
  };
  Recurrence mamba, mamba2, delta_net;
  std::vector<bool> recurrent_layer;  ///< (layers) which layers do not attend; empty: none

  /// Kinds of sublayers by letter, repeated to `layers` of them: see families/hybrid.h.
  std::string pattern;
  bool repeat_weights = false;  ///< every repetition of the pattern has the same parameters

  std::int64_t segments = 0;  ///< BERT's token types
  enum class Pooling : std::uint8_t { none, mean, first, last };
  Pooling pooling = Pooling::none;

  bool is_windowed(std::int64_t layer) const {
    return window > 0 && layer < static_cast<std::int64_t>(windowed_layer.size()) &&
           windowed_layer[static_cast<std::size_t>(layer)];
  }
  bool is_recurrent(std::int64_t layer) const {
    return layer < static_cast<std::int64_t>(recurrent_layer.size()) &&
           recurrent_layer[static_cast<std::size_t>(layer)];
  }
};

/// Throws Error(bad_input) naming the field when a number is zero, negative, huge or does
/// not fit the others. `where` is the file.
void check_hyperparameters(const Hyperparameters& hyper, const std::string& where);

}  // namespace jielong
