#include "model/config_fields.h"
#include "model/families/families.h"
#include "model/families/parts.h"

namespace jielong {
namespace {

void read_config(const Json& config, Hyperparameters& hyper) {
  // The window is off unless asked for, and then spares the first layers.
  if (!ConfigFields(config).flag("use_sliding_window", false)) hyper.window = 0;
  if (!hyper.windowed_layer.empty() || hyper.window == 0) return;
  const auto first = ConfigFields(config).count("max_window_layers", hyper.layers);
  for (std::int64_t i = 0; i < hyper.layers; ++i) hyper.windowed_layer.push_back(i >= first);
}

constexpr std::string_view kQwen2Types[] = {"qwen2"};
constexpr std::string_view kQwen3Types[] = {"qwen3"};
constexpr std::string_view kQwen3MoeTypes[] = {"qwen3_moe"};

constexpr std::string_view kQwen2Optional[] = {"blk.{}.ffn_gate.weight", "blk.{}.attn_q.bias",
                                               "blk.{}.attn_k.bias", "blk.{}.attn_v.bias"};
constexpr std::string_view kQwen3Optional[] = {
    "blk.{}.ffn_gate.weight", "blk.{}.attn_q_norm.weight", "blk.{}.attn_k_norm.weight"};

}  // namespace

/// Llama's layout with biases on queries, keys and values.
const Family kQwen2{"qwen2",       kQwen2Types, {parts::kDecoderNames},
                    nullptr,       read_config, parts::pre_norm_decoder,
                    kQwen2Optional};

/// Norms on the queries and keys of each head instead of biases.
const Family kQwen3{"qwen3",       kQwen3Types, {parts::kDecoderNames},
                    nullptr,       read_config, parts::pre_norm_decoder,
                    kQwen3Optional};

/// Qwen 3 with experts for feed-forward layers.
const Family kQwen3Moe{"qwen3moe",  kQwen3MoeTypes,          {parts::kDecoderNames}, nullptr,
                       read_config, parts::pre_norm_decoder, kQwen3Optional};

}  // namespace jielong
