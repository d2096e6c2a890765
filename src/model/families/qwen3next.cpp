#include <nlohmann/json.hpp>

#include "model/config_fields.h"
#include "model/families/families.h"
#include "model/families/recurrent_parts.h"
#include "model/layers/parallel.h"

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
    {"blk.{}.ssm_in", "model.layers.{}.linear_attn.in_proj_qkvz"},
    {"blk.{}.ssm_ba", "model.layers.{}.linear_attn.in_proj_ba"},
    {"blk.{}.ssm_conv1d", "model.layers.{}.linear_attn.conv1d"},
    {"blk.{}.ssm_dt.bias", "model.layers.{}.linear_attn.dt_bias"},
    {"blk.{}.ssm_a", "model.layers.{}.linear_attn.A_log"},
    {"blk.{}.ssm_norm", "model.layers.{}.linear_attn.norm"},
    {"blk.{}.ssm_out", "model.layers.{}.linear_attn.out_proj"},
    {"blk.{}.post_attention_norm", "model.layers.{}.post_attention_layernorm"},
    {"blk.{}.ffn_gate_inp", "model.layers.{}.mlp.gate"},
    {"blk.{}.ffn_gate_exps", "model.layers.{}.mlp.experts.{e}.gate_proj"},
    {"blk.{}.ffn_up_exps", "model.layers.{}.mlp.experts.{e}.up_proj"},
    {"blk.{}.ffn_down_exps", "model.layers.{}.mlp.experts.{e}.down_proj"},
    {"blk.{}.ffn_gate_inp_shexp", "model.layers.{}.mlp.shared_expert_gate"},
    {"blk.{}.ffn_gate_shexp", "model.layers.{}.mlp.shared_expert.gate_proj"},
    {"blk.{}.ffn_up_shexp", "model.layers.{}.mlp.shared_expert.up_proj"},
    {"blk.{}.ffn_down_shexp", "model.layers.{}.mlp.shared_expert.down_proj"},
};

/// All layers are recurrent but every `interval`-th.
void set_interval(Hyperparameters& hyper, std::int64_t interval) {
  if (interval < 1) interval = 1;
  for (std::int64_t i = 0; i < hyper.layers; ++i) {
    hyper.recurrent_layer.push_back((i + 1) % interval != 0);
  }
}

void read_gguf(const Metadata& metadata, Hyperparameters& hyper) {
  hyper.delta_net = read_gguf_recurrence(metadata, "qwen3next.ssm.");
  constexpr const char* kLayers = "qwen3next.attention.recurrent_layers";
  hyper.recurrent_layer.clear();
  if (metadata.contains(kLayers)) {
    for (const std::uint8_t flag : metadata.require<std::vector<std::uint8_t>>(kLayers)) {
      hyper.recurrent_layer.push_back(flag != 0);
    }
  } else {
    set_interval(hyper, metadata.get_or<std::int64_t>("qwen3next.full_attention_interval", 4));
  }
}

void read_config(const Json& json, Hyperparameters& hyper) {
  const ConfigFields config(json);
  auto& sizes = hyper.delta_net;
  sizes.taps = config.count("linear_conv_kernel_dim", 4);
  sizes.states = config.count("linear_key_head_dim", 128);
  sizes.groups = config.count("linear_num_key_heads", 16);
  sizes.rank = config.count("linear_num_value_heads", 32);
  sizes.inner = sizes.rank * config.count("linear_value_head_dim", 128);
  hyper.windowed_layer.clear();
  if (!config.has("layer_types")) {
    set_interval(hyper, config.count("full_attention_interval", 4));
    return;
  }
  for (const Json& type : json.at("layer_types")) {
    hyper.recurrent_layer.push_back(type == "linear_attention");
  }
}

/// Attention whose queries and openings lie side by side in attn_q, head by head.
std::shared_ptr<Attention> opened_attention(const Hyperparameters& hyper,
                                            const WeightSource& source, std::int64_t layer,
                                            std::shared_ptr<const Rope> rope, Stack& stack) {
  const std::string name = parts::in_layer(layer, "attn_q.weight");
  const std::int64_t dim = hyper.key_dim;
  std::vector<std::int64_t> queries, openings;
  for (std::int64_t h = 0; h < hyper.heads; ++h) {
    for (std::int64_t i = 0; i < dim; ++i) {
      queries.push_back(2 * h * dim + i);
      openings.push_back((2 * h + 1) * dim + i);
    }
  }
  const auto pick = [&](const std::vector<std::int64_t>& rows) {
    return Linear{source.picked_rows(name, 2 * hyper.heads * dim, hyper.channels, rows), {}};
  };
  const auto result = parts::attention(hyper, source, layer, std::move(rope), stack, pick(queries));
  result->open = pick(openings);
  return result;
}

/// The experts that are chosen, beside one that sees every token.
std::shared_ptr<Layer> all_experts(const Hyperparameters& hyper, const WeightSource& source,
                                   std::int64_t layer) {
  const auto named = [&](const char* part) { return parts::in_layer(layer, part); };
  const std::int64_t hidden = hyper.shared_feed_forward;
  auto shared = std::make_shared<GatedFeedForward>();
  shared->gate = parts::linear(source, named("ffn_gate_shexp"), hidden, hyper.channels);
  shared->up = parts::linear(source, named("ffn_up_shexp"), hidden, hyper.channels);
  shared->down = parts::linear(source, named("ffn_down_shexp"), hyper.channels, hidden);
  auto opened = std::make_shared<Opened>();
  opened->open.weight = source.matrix(named("ffn_gate_inp_shexp.weight"), 1, hyper.channels);
  opened->layer = std::move(shared);
  auto both = std::make_shared<Parallel>();
  both->layers = {parts::experts(hyper, source, layer), std::move(opened)};
  return both;
}

Stack build(const Hyperparameters& hyper, const WeightSource& source, std::int64_t context_length) {
  Stack stack = parts::decoder(hyper, source);
  const auto rotation = parts::rope(hyper, source, context_length);
  for (std::int64_t i = 0; i < hyper.layers; ++i) {
    const auto norm = [&](const char* part) {
      return parts::rms_norm(source, parts::in_layer(i, part), hyper.channels, hyper.norm_eps);
    };
    std::shared_ptr<Layer> mixer;
    if (hyper.is_recurrent(i)) {
      mixer = parts::delta_net(hyper, source, i, stack);
    } else {
      mixer = opened_attention(hyper, source, i, rotation, stack);
    }
    stack.residuals.push_back({norm("attn_norm"), mixer, {}, {}});
    stack.residuals.push_back({norm("post_attention_norm"), all_experts(hyper, source, i), {}, {}});
  }
  return stack;
}

constexpr std::string_view kModelTypes[] = {"qwen3_next"};

}  // namespace

/// Three layers of gated DeltaNet to one of attention, whose outputs are gated; experts everywhere.
const Family kQwen3Next{"qwen3next", kModelTypes, {kNames, false, true},
                        read_gguf,   read_config, build};

}  // namespace jielong
