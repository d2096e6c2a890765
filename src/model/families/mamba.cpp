#include "model/config_fields.h"
#include "model/families/families.h"
#include "model/families/recurrent_parts.h"

namespace jielong {
namespace {

constexpr TensorName kMambaNames[] = {
    {"token_embd", "backbone.embeddings"},
    {"output_norm", "backbone.norm_f"},
    {"output", "lm_head"},
    {"blk.{}.attn_norm", "backbone.layers.{}.norm"},
    {"blk.{}.ssm_in", "backbone.layers.{}.mixer.in_proj"},
    {"blk.{}.ssm_conv1d", "backbone.layers.{}.mixer.conv1d"},
    {"blk.{}.ssm_x", "backbone.layers.{}.mixer.x_proj"},
    {"blk.{}.ssm_dt", "backbone.layers.{}.mixer.dt_proj"},
    {"blk.{}.ssm_a", "backbone.layers.{}.mixer.A_log"},
    {"blk.{}.ssm_d", "backbone.layers.{}.mixer.D"},
    {"blk.{}.ssm_out", "backbone.layers.{}.mixer.out_proj"},
};

constexpr TensorName kMamba2Names[] = {
    {"token_embd", "backbone.embeddings"},
    {"output_norm", "backbone.norm_f"},
    {"output", "lm_head"},
    {"blk.{}.attn_norm", "backbone.layers.{}.norm"},
    {"blk.{}.ssm_in", "backbone.layers.{}.mixer.in_proj"},
    {"blk.{}.ssm_conv1d", "backbone.layers.{}.mixer.conv1d"},
    {"blk.{}.ssm_dt.bias", "backbone.layers.{}.mixer.dt_bias"},
    {"blk.{}.ssm_a", "backbone.layers.{}.mixer.A_log"},
    {"blk.{}.ssm_d", "backbone.layers.{}.mixer.D"},
    {"blk.{}.ssm_norm", "backbone.layers.{}.mixer.norm"},
    {"blk.{}.ssm_out", "backbone.layers.{}.mixer.out_proj"},
};

/// The state has no end, so neither has the context; files of either kind name a number at will.
constexpr std::int64_t kContext = std::int64_t{1} << 20;

std::int64_t steps_rank(const ConfigFields& config, std::int64_t channels) {
  const std::int64_t automatic = (channels + 15) / 16;
  // "auto" is a text.
  return config.is_number("time_step_rank") ? config.count("time_step_rank", automatic) : automatic;
}

void read_mamba_gguf(const Metadata& metadata, Hyperparameters& hyper) {
  hyper.mamba = read_gguf_recurrence(metadata, "mamba.ssm.");
}

void read_mamba_config(const Json& json, Hyperparameters& hyper) {
  const ConfigFields config(json);
  hyper.context_length = kContext;
  hyper.feed_forward = 0;
  auto& sizes = hyper.mamba;
  sizes.inner = config.count("intermediate_size", config.count("expand", 2) * hyper.channels);
  sizes.taps = config.count("conv_kernel", 4);
  sizes.states = config.count("state_size", 16);
  sizes.rank = steps_rank(config, hyper.channels);
  sizes.normed = config.text("model_type", "") == "falcon_mamba";
}

void read_mamba2_gguf(const Metadata& metadata, Hyperparameters& hyper) {
  hyper.mamba2 = read_gguf_recurrence(metadata, "mamba2.ssm.");
}

void read_mamba2_config(const Json& json, Hyperparameters& hyper) {
  const ConfigFields config(json);
  hyper.context_length = kContext;
  hyper.feed_forward = 0;
  auto& sizes = hyper.mamba2;
  sizes.rank = config.count("num_heads", 128);
  sizes.inner = sizes.rank * config.count("head_dim", 64);
  sizes.taps = config.count("conv_kernel", 4);
  sizes.states = config.count("state_size", 128);
  sizes.groups = config.count("n_groups", 8);
}

template <typename Mixer>
Stack build(const Hyperparameters& hyper, const WeightSource& source, const Mixer& mixer) {
  Stack stack = parts::decoder(hyper, source);
  for (std::int64_t i = 0; i < hyper.layers; ++i) {
    stack.residuals.push_back(
        {parts::rms_norm(source, parts::in_layer(i, "attn_norm"), hyper.channels, hyper.norm_eps),
         mixer(hyper, source, i, stack),
         {},
         {}});
  }
  return stack;
}

Stack build_mamba(const Hyperparameters& hyper, const WeightSource& source, std::int64_t) {
  return build(hyper, source, parts::mamba);
}

Stack build_mamba2(const Hyperparameters& hyper, const WeightSource& source, std::int64_t) {
  return build(hyper, source, parts::mamba2);
}

constexpr std::string_view kMambaTypes[] = {"mamba", "falcon_mamba"};
constexpr std::string_view kMamba2Types[] = {"mamba2"};

}  // namespace

/// Mamba layers and nothing else.
const Family kMamba{"mamba",
                    kMambaTypes,
                    {kMambaNames},
                    read_mamba_gguf,
                    read_mamba_config,
                    build_mamba,
                    parts::kRecurrentOptional,
                    parts::initialize_recurrent,
                    false};

/// Mamba-2 layers and nothing else.
const Family kMamba2{"mamba2",
                     kMamba2Types,
                     {kMamba2Names},
                     read_mamba2_gguf,
                     read_mamba2_config,
                     build_mamba2,
                     parts::kRecurrentOptional,
                     parts::initialize_recurrent,
                     false};

}  // namespace jielong
