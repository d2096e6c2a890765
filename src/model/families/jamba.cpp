#include <fmt/format.h>

#include "base/error.h"
#include "model/config_fields.h"
#include "model/families/families.h"
#include "model/families/recurrent_parts.h"

namespace jielong {
namespace {

constexpr TensorName kNames[] = {
    {"token_embd", "model.embed_tokens"},
    {"output_norm", "model.final_layernorm"},
    {"output", "lm_head"},
    {"blk.{}.attn_norm", "model.layers.{}.input_layernorm"},
    {"blk.{}.attn_q", "model.layers.{}.self_attn.q_proj"},
    {"blk.{}.attn_k", "model.layers.{}.self_attn.k_proj"},
    {"blk.{}.attn_v", "model.layers.{}.self_attn.v_proj"},
    {"blk.{}.attn_output", "model.layers.{}.self_attn.o_proj"},
    {"blk.{}.ssm_in", "model.layers.{}.mamba.in_proj"},
    {"blk.{}.ssm_conv1d", "model.layers.{}.mamba.conv1d"},
    {"blk.{}.ssm_x", "model.layers.{}.mamba.x_proj"},
    {"blk.{}.ssm_dt", "model.layers.{}.mamba.dt_proj"},
    {"blk.{}.ssm_dt_norm", "model.layers.{}.mamba.dt_layernorm"},
    {"blk.{}.ssm_b_norm", "model.layers.{}.mamba.b_layernorm"},
    {"blk.{}.ssm_c_norm", "model.layers.{}.mamba.c_layernorm"},
    {"blk.{}.ssm_a", "model.layers.{}.mamba.A_log"},
    {"blk.{}.ssm_d", "model.layers.{}.mamba.D"},
    {"blk.{}.ssm_out", "model.layers.{}.mamba.out_proj"},
    {"blk.{}.ffn_norm", "model.layers.{}.pre_ff_layernorm"},
    {"blk.{}.ffn_gate", "model.layers.{}.feed_forward.gate_proj"},
    {"blk.{}.ffn_up", "model.layers.{}.feed_forward.up_proj"},
    {"blk.{}.ffn_down", "model.layers.{}.feed_forward.down_proj"},
    {"blk.{}.ffn_gate_inp", "model.layers.{}.feed_forward.router"},
    {"blk.{}.ffn_gate_exps", "model.layers.{}.feed_forward.experts.{e}.gate_proj"},
    {"blk.{}.ffn_up_exps", "model.layers.{}.feed_forward.experts.{e}.up_proj"},
    {"blk.{}.ffn_down_exps", "model.layers.{}.feed_forward.experts.{e}.down_proj"},
};

void read_gguf(const Metadata& metadata, Hyperparameters& hyper) {
  hyper.mamba = read_gguf_recurrence(metadata, "jamba.ssm.");
  hyper.normalize_expert_weights = false;
}

void read_config(const Json& json, Hyperparameters& hyper) {
  const ConfigFields config(json);
  hyper.normalize_expert_weights = false;
  auto& sizes = hyper.mamba;
  sizes.inner = config.count("mamba_expand", 2) * hyper.channels;
  sizes.taps = config.count("mamba_d_conv", 4);
  sizes.states = config.count("mamba_d_state", 16);
  const std::int64_t automatic = (hyper.channels + 15) / 16;
  sizes.rank =
      config.is_number("mamba_dt_rank") ? config.count("mamba_dt_rank", automatic) : automatic;
  const std::int64_t period = config.count("attn_layer_period", 8);
  const std::int64_t offset = config.count("attn_layer_offset", 4);
  if (period < 1 || offset < 0) {
    throw bad_input(
        fmt::format("attention cannot come every {} layers from layer {} on", period, offset),
        "config.json", "check the model's files");
  }
  for (std::int64_t i = 0; i < hyper.layers; ++i) {
    hyper.recurrent_layer.push_back(i % period != offset);
  }
}

/// Mamba or attention without positions, then feed-forward or experts: which of them shows the
/// file.
Stack build(const Hyperparameters& hyper, const WeightSource& source, std::int64_t) {
  Stack stack = parts::decoder(hyper, source);
  for (std::int64_t i = 0; i < hyper.layers; ++i) {
    const auto norm = [&](const char* part) {
      return parts::rms_norm(source, parts::in_layer(i, part), hyper.channels, hyper.norm_eps);
    };
    std::shared_ptr<Layer> mixer, thought;
    if (hyper.is_recurrent(i)) {
      mixer = parts::mamba(hyper, source, i, stack);
    } else {
      mixer = parts::attention(hyper, source, i, nullptr, stack);
    }
    if (source.has(parts::in_layer(i, "ffn_gate_inp.weight"))) {
      thought = parts::experts(hyper, source, i);
    } else {
      thought = parts::gated_feed_forward(hyper, source, i);
    }
    stack.residuals.push_back({norm("attn_norm"), mixer, {}, {}});
    stack.residuals.push_back({norm("ffn_norm"), thought, {}, {}});
  }
  return stack;
}

constexpr std::string_view kModelTypes[] = {"jamba"};
constexpr std::string_view kOptional[] = {"blk.{}.ssm_dt.bias",        "blk.{}.ssm_conv1d.bias",
                                          "blk.{}.ssm_dt_norm.weight", "blk.{}.ssm_b_norm.weight",
                                          "blk.{}.ssm_c_norm.weight",  "blk.{}.ffn_gate.weight"};

}  // namespace

/// Mostly Mamba, now and then attention, some feed-forward layers with experts.
const Family kJamba{"jamba",     kModelTypes, {kNames},  read_gguf,
                    read_config, build,       kOptional, parts::initialize_recurrent};

}  // namespace jielong
