#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "model/config_fields.h"
#include "model/family.h"

namespace jielong {
namespace {

using Fields = ConfigFields;

Activation read_activation(const Fields& config) {
  const std::string name = config.text(
      "hidden_activation", config.text("hidden_act", config.text("activation_function", "silu")));
  if (name == "silu" || name == "swish") return Activation::silu;
  if (name == "gelu") return Activation::gelu_erf;
  if (name == "gelu_new" || name == "gelu_pytorch_tanh" || name == "gelu_fast") {
    return Activation::gelu_tanh;
  }
  if (name == "relu") return Activation::relu;
  if (name == "relu2") return Activation::relu_squared;
  throw Error(ErrorKind::unsupported, fmt::format("activation \"{}\" is not known", name),
              "config.json");
}

void read_scaling(const Fields& rope, const Fields& config, Hyperparameters& hyper) {
  RopeScaling& scaling = hyper.rope_scaling;
  const std::string kind = rope.text("rope_type", rope.text("type", "default"));
  scaling.factor = rope.number("factor", 1);
  scaling.attention_factor = rope.number("attention_factor", 0);
  scaling.original_context = rope.number(
      "original_max_position_embeddings",
      config.number("original_max_position_embeddings", static_cast<float>(hyper.context_length)));
  if (kind == "linear") {
    scaling.kind = RopeScaling::Kind::linear;
  } else if (kind == "llama3") {
    scaling.kind = RopeScaling::Kind::llama3;
    scaling.low_frequency_factor = rope.number("low_freq_factor", 1);
    scaling.high_frequency_factor = rope.number("high_freq_factor", 4);
  } else if (kind == "yarn") {
    scaling.kind = RopeScaling::Kind::yarn;
    scaling.beta_fast = rope.number("beta_fast", 32);
    scaling.beta_slow = rope.number("beta_slow", 1);
  } else if (kind == "longrope" || kind == "su") {
    scaling.kind = RopeScaling::Kind::factors;
    scaling.factors = rope.numbers("short_factor");
    scaling.long_factors = rope.numbers("long_factor");
    if (scaling.attention_factor == 0 && scaling.original_context > 1) {
      // LongRoPE (Ding et al., 2024): √(1 + ln s / ln L).
      const float stretch = rope.number(
          "factor", static_cast<float>(hyper.context_length) / scaling.original_context);
      if (stretch > 1) {
        scaling.attention_factor =
            std::sqrt(1 + std::log(stretch) / std::log(scaling.original_context));
      }
    }
    scaling.factor = 1;
  } else if (kind != "default") {
    throw Error(ErrorKind::unsupported, fmt::format("rope scaling \"{}\" is not known", kind),
                "config.json");
  }
}

/// transformers 4: "rope_theta" and "rope_scaling"; transformers 5: "rope_parameters", which
/// may have one entry for each kind of layer.
void read_rope(const Fields& config, Hyperparameters& hyper) {
  hyper.rope_base = config.number("rope_theta", 10000);
  hyper.rope_base_local = config.number("rope_local_base_freq", 0);
  float rotated = config.number("partial_rotary_factor", 1);
  if (const Json* scaling = config.object("rope_scaling")) {
    read_scaling(Fields(*scaling), config, hyper);
  }
  if (const Json* parameters = config.object("rope_parameters")) {
    const Fields both(*parameters);
    const Json* global = both.object("full_attention");
    const Fields main(global != nullptr ? *global : *parameters);
    hyper.rope_base = main.number("rope_theta", hyper.rope_base);
    rotated = main.number("partial_rotary_factor", rotated);
    read_scaling(main, config, hyper);
    if (const Json* local = both.object("sliding_attention")) {
      hyper.rope_base_local = Fields(*local).number("rope_theta", hyper.rope_base_local);
    }
  }
  const float channels = rotated * static_cast<float>(hyper.key_dim);
  if (!(channels >= 0 && channels <= static_cast<float>(hyper.key_dim))) {
    Fields::fail("partial_rotary_factor", "must lie between 0 and 1");
  }
  hyper.rope_channels = static_cast<std::int64_t>(channels);
}

void read_layer_types(const Fields& config, Hyperparameters& hyper) {
  if (!config.has("layer_types")) return;
  const Json& types = config.json().at("layer_types");
  if (!types.is_array()) Fields::fail("layer_types", "must be a list");
  for (const Json& type : types) hyper.windowed_layer.push_back(type == "sliding_attention");
}

}  // namespace

Hyperparameters read_config_hyperparameters(const Json& json, const Family& family) {
  if (!json.is_object()) throw bad_input("must be a JSON object", "config.json");
  const Fields config(json);
  Hyperparameters hyper;
  hyper.family = family.name;
  hyper.name = config.text("_name_or_path", "");
  hyper.layers = config.count({"num_hidden_layers", "n_layer"}, 0);
  hyper.channels = config.count({"hidden_size", "n_embd"}, 0);
  hyper.context_length = config.count({"max_position_embeddings", "n_positions"}, 0);
  hyper.feed_forward = config.count({"intermediate_size", "n_inner"}, 4 * hyper.channels);
  hyper.vocabulary = config.count("vocab_size", 0);
  hyper.norm_eps = config.number(
      "rms_norm_eps", config.number("layer_norm_eps", config.number("layer_norm_epsilon", 1e-5f)));
  hyper.activation = read_activation(config);

  hyper.heads = family.attends ? config.count({"num_attention_heads", "n_head"}, 0) : 1;
  if (hyper.heads < 1) Fields::fail("num_attention_heads", "must be at least 1");
  hyper.kv_heads = config.count("num_key_value_heads", hyper.heads);
  hyper.key_dim =
      family.attends ? config.count("head_dim", hyper.channels / hyper.heads) : hyper.channels;
  hyper.value_dim = hyper.key_dim;
  hyper.attention_soft_cap = config.number("attn_logit_softcapping", 0);
  hyper.logit_soft_cap = config.number("final_logit_softcapping", 0);
  hyper.window = config.count("sliding_window", 0);
  read_layer_types(config, hyper);
  read_rope(config, hyper);

  hyper.experts = config.count({"num_experts", "num_local_experts"}, 0);
  hyper.experts_used = config.count("num_experts_per_tok", 0);
  hyper.expert_feed_forward = config.count("moe_intermediate_size", hyper.feed_forward);
  hyper.shared_feed_forward = config.count("shared_expert_intermediate_size", 0);
  hyper.normalize_expert_weights = config.flag("norm_topk_prob", hyper.normalize_expert_weights);

  if (hyper.layers < 1 || hyper.layers > 4096) {
    Fields::fail("num_hidden_layers", "must lie between 1 and 4096");
  }
  if (family.read_config != nullptr) family.read_config(json, hyper);
  return hyper;
}

}  // namespace jielong
