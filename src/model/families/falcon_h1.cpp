#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "model/config_fields.h"
#include "model/families/families.h"
#include "model/families/recurrent_parts.h"
#include "model/layers/parallel.h"

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
    {"blk.{}.ssm_dt.bias", "model.layers.{}.mamba.dt_bias"},
    {"blk.{}.ssm_a", "model.layers.{}.mamba.A_log"},
    {"blk.{}.ssm_d", "model.layers.{}.mamba.D"},
    {"blk.{}.ssm_norm", "model.layers.{}.mamba.norm"},
    {"blk.{}.ssm_out", "model.layers.{}.mamba.out_proj"},
    // GGUF files have this one without ".weight".
    {"blk.{}.ffn_norm", "model.layers.{}.pre_ff_layernorm.weight"},
    {"blk.{}.ffn_gate", "model.layers.{}.feed_forward.gate_proj"},
    {"blk.{}.ffn_up", "model.layers.{}.feed_forward.up_proj"},
    {"blk.{}.ffn_down", "model.layers.{}.feed_forward.down_proj"},
};

void read_gguf(const Metadata& metadata, Hyperparameters& hyper) {
  hyper.mamba2 = read_gguf_recurrence(metadata, "falcon-h1.ssm.");
}

/// GGUF files have the multipliers of "maximal update parametrization" in their weights.
void refuse_multipliers(const ConfigFields& config) {
  const auto check = [](const char* name, float value) {
    if (value == 1) return;
    throw Error(ErrorKind::unsupported,
                std::string("\"") + name +
                    "\" is not 1, which only GGUF files of this family can "
                    "have in their weights",
                "config.json", "convert it with llama.cpp's convert_hf_to_gguf.py");
  };
  for (const char* name :
       {"embedding_multiplier", "lm_head_multiplier", "key_multiplier", "attention_in_multiplier",
        "attention_out_multiplier", "ssm_in_multiplier", "ssm_out_multiplier"}) {
    check(name, config.number(name, 1));
  }
  for (const char* name : {"mlp_multipliers", "ssm_multipliers"}) {
    for (const float value : config.numbers(name)) check(name, value);
  }
}

void read_config(const Json& json, Hyperparameters& hyper) {
  const ConfigFields config(json);
  refuse_multipliers(config);
  if (config.flag("mamba_rms_norm", false) && config.flag("mamba_norm_before_gate", true)) {
    throw Error(ErrorKind::unsupported, "a norm before the gate is not known", "config.json");
  }
  auto& sizes = hyper.mamba2;
  sizes.inner = config.count("mamba_d_ssm", config.count("mamba_expand", 2) * hyper.channels);
  sizes.taps = config.count("mamba_d_conv", 4);
  sizes.states = config.count("mamba_d_state", 256);
  sizes.rank = config.count("mamba_n_heads", 128);
  sizes.groups = config.count("mamba_n_groups", 1);
}

Stack build(const Hyperparameters& hyper, const WeightSource& source, std::int64_t context_length) {
  Stack stack = parts::decoder(hyper, source);
  const auto rotation = parts::rope(hyper, source, context_length);
  for (std::int64_t i = 0; i < hyper.layers; ++i) {
    auto mixer = std::make_shared<Parallel>();
    mixer->layers = {parts::attention(hyper, source, i, rotation, stack),
                     parts::mamba2(hyper, source, i, stack)};
    stack.residuals.push_back(
        {parts::rms_norm(source, parts::in_layer(i, "attn_norm"), hyper.channels, hyper.norm_eps),
         mixer,
         {},
         {}});
    const Norm thought{Norm::Kind::rms,
                       hyper.norm_eps,
                       source.gain(parts::in_layer(i, "ffn_norm"), hyper.channels),
                       {}};
    stack.residuals.push_back({thought, parts::gated_feed_forward(hyper, source, i), {}, {}});
  }
  return stack;
}

constexpr std::string_view kModelTypes[] = {"falcon_h1"};
constexpr std::string_view kOptional[] = {"blk.{}.ssm_conv1d.bias", "blk.{}.ffn_gate.weight"};

}  // namespace

/// Attention and Mamba-2 side by side in every layer.
const Family kFalconH1{"falcon-h1", kModelTypes, {kNames},  read_gguf,
                       read_config, build,       kOptional, parts::initialize_recurrent};

}  // namespace jielong
