#include <cmath>
#include <nlohmann/json.hpp>

#include "model/families/families.h"
#include "model/families/parts.h"

namespace jielong {
namespace {

constexpr TensorName kNames[] = {
    {"token_embd", "model.embed_tokens"},
    {"output_norm", "model.norm"},
    {"output", "lm_head"},
    {"blk.{}.attn_norm", "model.layers.{}.input_layernorm"},
    {"blk.{}.attn_qkv", "model.layers.{}.self_attn.qkv_proj"},
    {"blk.{}.attn_output", "model.layers.{}.self_attn.o_proj"},
    {"blk.{}.ffn_norm", "model.layers.{}.post_attention_layernorm"},
    {"blk.{}.ffn_up", "model.layers.{}.mlp.gate_up_proj"},
    {"blk.{}.ffn_down", "model.layers.{}.mlp.down_proj"},
};

void window_everywhere(Hyperparameters& hyper) {
  // Files say "no window" by one at least as long as the context.
  if (hyper.window >= hyper.context_length) hyper.window = 0;
  hyper.windowed_layer.assign(static_cast<std::size_t>(hyper.layers), hyper.window > 0);
}

void read_gguf(const Metadata& metadata, Hyperparameters& hyper) {
  hyper.window = metadata.get_or<std::int64_t>("phi3.attention.sliding_window", 0);
  window_everywhere(hyper);
}

void read_config(const Json&, Hyperparameters& hyper) { window_everywhere(hyper); }

constexpr std::string_view kModelTypes[] = {"phi3"};

constexpr std::string_view kOptional[] = {"blk.{}.attn_qkv.weight"};

}  // namespace

/// Llama's layout with fused query/key/value and gate/up matrices, and LongRoPE.
const Family kPhi3{"phi3",   kModelTypes, {kNames}, read_gguf, read_config, parts::pre_norm_decoder,
                   kOptional};

}  // namespace jielong
