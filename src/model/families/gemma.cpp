#include <fmt/format.h>

#include <cmath>

#include "base/error.h"
#include "model/config_fields.h"
#include "model/families/families.h"
#include "model/families/parts.h"

namespace jielong {
namespace {

constexpr TensorName kNames[] = {
    {"token_embd", "model.embed_tokens"},
    {"output_norm", "model.norm"},
    {"output", "lm_head"},
    {"blk.{}.attn_norm", "model.layers.{}.input_layernorm"},
    {"blk.{}.attn_q", "model.layers.{}.self_attn.q_proj"},
    {"blk.{}.attn_k", "model.layers.{}.self_attn.k_proj"},
    {"blk.{}.attn_v", "model.layers.{}.self_attn.v_proj"},
    {"blk.{}.attn_output", "model.layers.{}.self_attn.o_proj"},
    {"blk.{}.attn_q_norm", "model.layers.{}.self_attn.q_norm"},
    {"blk.{}.attn_k_norm", "model.layers.{}.self_attn.k_norm"},
    {"blk.{}.post_attention_norm", "model.layers.{}.post_attention_layernorm"},
    {"blk.{}.ffn_norm", "model.layers.{}.pre_feedforward_layernorm"},
    {"blk.{}.ffn_gate", "model.layers.{}.mlp.gate_proj"},
    {"blk.{}.ffn_up", "model.layers.{}.mlp.up_proj"},
    {"blk.{}.ffn_down", "model.layers.{}.mlp.down_proj"},
    {"blk.{}.post_ffw_norm", "model.layers.{}.post_feedforward_layernorm"},
};

/// Norms before and after every sublayer; windowed layers with a rotation of their own
/// where the base says so.
Stack build(const Hyperparameters& hyper, const WeightSource& source, std::int64_t context_length) {
  Stack stack = parts::decoder(hyper, source);
  const auto global_rope = parts::rope(hyper, source, context_length);
  const auto local_rope = hyper.rope_base_local > 0 ? parts::local_rope(hyper) : global_rope;
  for (std::int64_t i = 0; i < hyper.layers; ++i) {
    const auto norm = [&](const char* part) {
      return parts::rms_norm(source, parts::in_layer(i, part), hyper.channels, hyper.norm_eps);
    };
    const auto& rope = hyper.is_windowed(i) ? local_rope : global_rope;
    stack.residuals.push_back({norm("attn_norm"),
                               parts::attention(hyper, source, i, rope, stack),
                               norm("post_attention_norm"),
                               {}});
    stack.residuals.push_back(
        {norm("ffn_norm"), parts::gated_feed_forward(hyper, source, i), norm("post_ffw_norm"), {}});
  }
  return stack;
}

/// All layers are windowed but every `period`-th.
void set_window_period(Hyperparameters& hyper, std::int64_t period) {
  if (!hyper.windowed_layer.empty()) return;
  if (period < 1) {
    throw bad_input(fmt::format("windowed layers cannot come in a period of {}", period),
                    "sliding_window_pattern", "the file is damaged");
  }
  for (std::int64_t i = 0; i < hyper.layers; ++i) {
    hyper.windowed_layer.push_back((i + 1) % period != 0);
  }
}

void set_common(Hyperparameters& hyper) {
  hyper.embedding_scale = std::sqrt(static_cast<float>(hyper.channels));
  hyper.activation = Activation::gelu_tanh;
}

constexpr std::int64_t kGemma2Period = 2, kGemma3Period = 6;
constexpr float kGemma3LocalBase = 10000;

void read_gemma2_gguf(const Metadata& metadata, Hyperparameters& hyper) {
  set_common(hyper);
  hyper.window = metadata.get_or<std::int64_t>("gemma2.attention.sliding_window", 4096);
  set_window_period(hyper, kGemma2Period);
  // The 27B model alone, of 46 layers, scales by channels a head; GGUF does not say so.
  if (hyper.layers == 46) {
    hyper.attention_scale =
        1 / std::sqrt(static_cast<float>(hyper.channels) / static_cast<float>(hyper.heads));
  }
}

void read_gemma3_gguf(const Metadata& metadata, Hyperparameters& hyper) {
  set_common(hyper);
  hyper.window = metadata.get_or<std::int64_t>("gemma3.attention.sliding_window", 0);
  set_window_period(hyper, metadata.get_or<std::int64_t>("gemma3.attention.sliding_window_pattern",
                                                         kGemma3Period));
  hyper.rope_base_local = metadata.get_or<float>("gemma3.rope.freq_base_swa", kGemma3LocalBase);
  if (hyper.layers == 62) {  // 27B, as above
    hyper.attention_scale =
        1 / std::sqrt(static_cast<float>(hyper.channels) / static_cast<float>(hyper.heads));
  }
}

void set_query_scale(const Json& config, Hyperparameters& hyper) {
  hyper.attention_scale = 1 / std::sqrt(ConfigFields(config).number(
                                  "query_pre_attn_scalar", static_cast<float>(hyper.key_dim)));
}

void read_gemma2_config(const Json& config, Hyperparameters& hyper) {
  set_common(hyper);
  set_query_scale(config, hyper);
  set_window_period(hyper, kGemma2Period);
}

void read_gemma3_config(const Json& config, Hyperparameters& hyper) {
  set_common(hyper);
  set_query_scale(config, hyper);
  set_window_period(hyper, ConfigFields(config).count("sliding_window_pattern", kGemma3Period));
  if (hyper.rope_base_local == 0) hyper.rope_base_local = kGemma3LocalBase;
}

constexpr std::string_view kGemma2Types[] = {"gemma2"};
constexpr std::string_view kGemma3Types[] = {"gemma3_text"};

constexpr std::string_view kGemma2Optional[] = {"blk.{}.ffn_gate.weight"};
constexpr std::string_view kGemma3Optional[] = {
    "blk.{}.ffn_gate.weight", "blk.{}.attn_q_norm.weight", "blk.{}.attn_k_norm.weight"};

}  // namespace

/// Alternating local and global attention, soft-caps on scores and logits.
const Family kGemma2{"gemma2",           kGemma2Types, {kNames, false, true}, read_gemma2_gguf,
                     read_gemma2_config, build,        kGemma2Optional};

/// Five local layers to a global one, norms on queries and keys, no soft-caps.
const Family kGemma3{"gemma3",           kGemma3Types, {kNames, false, true}, read_gemma3_gguf,
                     read_gemma3_config, build,        kGemma3Optional};

}  // namespace jielong
