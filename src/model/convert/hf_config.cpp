#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "model/convert/hyper_metadata.h"

namespace jielong {
namespace {

using OrderedJson = nlohmann::ordered_json;

struct HuggingFaceName {
  std::string_view family;
  const char *architecture, *model_type, *activation_key, *activation;
};

constexpr HuggingFaceName kNames[] = {
    {"llama", "LlamaForCausalLM", "llama", "hidden_act", "silu"},
    {"qwen2", "Qwen2ForCausalLM", "qwen2", "hidden_act", "silu"},
    {"qwen3", "Qwen3ForCausalLM", "qwen3", "hidden_act", "silu"},
    {"qwen3moe", "Qwen3MoeForCausalLM", "qwen3_moe", "hidden_act", "silu"},
    {"gemma2", "Gemma2ForCausalLM", "gemma2", "hidden_activation", "gelu_pytorch_tanh"},
    {"gemma3", "Gemma3ForCausalLM", "gemma3_text", "hidden_activation", "gelu_pytorch_tanh"},
    {"gpt2", "GPT2LMHeadModel", "gpt2", "activation_function", "gelu_new"},
    {"phi3", "Phi3ForCausalLM", "phi3", "hidden_act", "silu"},
    {"bert", "BertModel", "bert", "hidden_act", "gelu"},
    {"mamba", "MambaForCausalLM", "mamba", "hidden_act", "silu"},
    {"mamba2", "Mamba2ForCausalLM", "mamba2", "hidden_act", "silu"},
    {"jamba", "JambaForCausalLM", "jamba", "hidden_act", "silu"},
    {"falcon-h1", "FalconH1ForCausalLM", "falcon_h1", "hidden_act", "silu"},
    {"qwen3next", "Qwen3NextForCausalLM", "qwen3_next", "hidden_act", "silu"},
};

const HuggingFaceName& name_of(const std::string& family) {
  for (const HuggingFaceName& name : kNames) {
    if (name.family == family) return name;
  }
  std::string known;
  for (const HuggingFaceName& name : kNames) {
    known += (known.empty() ? "" : ", ") + std::string(name.family);
  }
  throw Error(ErrorKind::unsupported,
              "the way from GGUF to the Hugging Face layout is not known for family " + family, {},
              "it is for " + known);
}

/// The f32 as people wrote it: 1e-05 and not 9.999999747378752e-06.
double shortest(float value) { return std::strtod(fmt::format("{}", value).c_str(), nullptr); }

std::vector<double> shortest(const std::vector<float>& values) {
  std::vector<double> result;
  for (const float value : values) result.push_back(shortest(value));
  return result;
}

/// LongRoPE's magnitude where no file states it: √(1 + ln s / ln L) (Ding et al., 2024).
float implied_magnitude(const Hyperparameters& hyper) {
  const float original = hyper.rope_scaling.original_context;
  const float stretch = static_cast<float>(hyper.context_length) / original;
  return stretch > 1 ? std::sqrt(1 + std::log(stretch) / std::log(original)) : 1;
}

float stated_magnitude(const RopeScaling& scaling) {
  return scaling.attention_factor > 0 ? scaling.attention_factor : 1;
}

OrderedJson rope_scaling(const Hyperparameters& hyper) {
  const RopeScaling& scaling = hyper.rope_scaling;
  const auto original = static_cast<std::int64_t>(scaling.original_context);
  OrderedJson json;
  switch (scaling.kind) {
    case RopeScaling::Kind::none: return nullptr;
    case RopeScaling::Kind::linear:
      return {{"rope_type", "linear"}, {"factor", shortest(scaling.factor)}};
    case RopeScaling::Kind::llama3:
      json = {{"rope_type", "llama3"},
              {"factor", shortest(scaling.factor)},
              {"low_freq_factor", shortest(scaling.low_frequency_factor)},
              {"high_freq_factor", shortest(scaling.high_frequency_factor)},
              {"original_max_position_embeddings", original}};
      break;
    case RopeScaling::Kind::yarn:
      json = {{"rope_type", "yarn"},
              {"factor", shortest(scaling.factor)},
              {"original_max_position_embeddings", original}};
      if (scaling.beta_fast != 32) json["beta_fast"] = shortest(scaling.beta_fast);
      if (scaling.beta_slow != 1) json["beta_slow"] = shortest(scaling.beta_slow);
      break;
    case RopeScaling::Kind::factors:
      // Phi-3's own configuration takes these three entries and no other.
      json = {{hyper.family == "phi3" ? "type" : "rope_type", "longrope"},
              {"short_factor", shortest(scaling.factors)},
              {"long_factor", shortest(scaling.long_factors)}};
      if (hyper.family != "phi3") json["original_max_position_embeddings"] = original;
      if (std::fabs(stated_magnitude(scaling) - implied_magnitude(hyper)) > 1e-5f) {
        json["attention_factor"] = shortest(stated_magnitude(scaling));
      }
      return json;
  }
  if (scaling.attention_factor > 0) json["attention_factor"] = shortest(scaling.attention_factor);
  return json;
}

/// The share of a head's channels that are rotated, such that readers who multiply and cut
/// off come to the same number of channels.
double rotated_share(const Hyperparameters& hyper) {
  double share = static_cast<double>(hyper.rope_channels) / static_cast<double>(hyper.key_dim);
  while (static_cast<std::int64_t>(static_cast<float>(share) * static_cast<float>(hyper.key_dim)) <
         hyper.rope_channels) {
    share = static_cast<double>(std::nextafterf(static_cast<float>(share), 2.0f));
  }
  return share;
}

void add_gpt2(const Hyperparameters& hyper, OrderedJson& config) {
  config["n_embd"] = hyper.channels;
  config["n_layer"] = hyper.layers;
  config["n_head"] = hyper.heads;
  config["n_inner"] = hyper.feed_forward;
  config["n_positions"] = hyper.context_length;
  config["layer_norm_epsilon"] = shortest(hyper.norm_eps);
}

void add_common(const Hyperparameters& hyper, OrderedJson& config) {
  config["hidden_size"] = hyper.channels;
  config["intermediate_size"] = hyper.feed_forward;
  config["num_hidden_layers"] = hyper.layers;
  config["num_attention_heads"] = hyper.heads;
  config["max_position_embeddings"] = hyper.context_length;
}

void add_bert(const Hyperparameters& hyper, OrderedJson& config) {
  add_common(hyper, config);
  config["type_vocab_size"] = hyper.segments;
  config["layer_norm_eps"] = shortest(hyper.norm_eps);
  config["position_embedding_type"] = "absolute";
}

void add_experts(const Hyperparameters& hyper, OrderedJson& config) {
  config["num_experts"] = hyper.experts;
  config["num_experts_per_tok"] = hyper.experts_used;
  config["moe_intermediate_size"] = hyper.expert_feed_forward;
  config["norm_topk_prob"] = hyper.normalize_expert_weights;
  config["decoder_sparse_step"] = 1;
}

void add_gemma(const Hyperparameters& hyper, OrderedJson& config) {
  const auto cap = [](float value) {
    return value > 0 ? OrderedJson(shortest(value)) : OrderedJson();
  };
  const auto scale = static_cast<double>(hyper.attention_scale);
  config["query_pre_attn_scalar"] =
      scale > 0 ? static_cast<std::int64_t>(std::lround(1 / (scale * scale))) : hyper.key_dim;
  config["attn_logit_softcapping"] = cap(hyper.attention_soft_cap);
  config["final_logit_softcapping"] = cap(hyper.logit_soft_cap);
  OrderedJson types = OrderedJson::array();
  for (std::int64_t i = 0; i < hyper.layers; ++i) {
    types.push_back(hyper.is_windowed(i) ? "sliding_attention" : "full_attention");
  }
  config["layer_types"] = types;
}

void add_mamba(const Hyperparameters& hyper, OrderedJson& config) {
  const bool first = hyper.family == "mamba";
  const auto& sizes = first ? hyper.mamba : hyper.mamba2;
  config["hidden_size"] = hyper.channels;
  config["num_hidden_layers"] = hyper.layers;
  config["layer_norm_epsilon"] = shortest(hyper.norm_eps);
  config["state_size"] = sizes.states;
  config["conv_kernel"] = sizes.taps;
  config["expand"] = sizes.inner / hyper.channels;
  if (first) {
    if (sizes.normed) config["model_type"] = "falcon_mamba";
    config["intermediate_size"] = sizes.inner;
    config["time_step_rank"] = sizes.rank;
  } else {
    config["num_heads"] = sizes.rank;
    config["head_dim"] = sizes.inner / sizes.rank;
    config["n_groups"] = sizes.groups;
  }
}

/// The offset and period of the layers for which `is_one` holds; layers, layers + 1 for none.
template <typename Is>
std::pair<std::int64_t, std::int64_t> regular(const Hyperparameters& hyper, const char* what,
                                              const Is& is_one) {
  std::vector<std::int64_t> found;
  for (std::int64_t i = 0; i < hyper.layers; ++i) {
    if (is_one(i)) found.push_back(i);
  }
  if (found.empty()) return {hyper.layers, hyper.layers + 1};
  const std::int64_t period = found.size() > 1 ? found[1] - found[0] : hyper.layers;
  for (std::int64_t i = 0; i < hyper.layers; ++i) {
    if (is_one(i) == (i % period == found[0])) continue;
    throw Error(ErrorKind::unsupported,
                fmt::format("layers with {} follow no period that config.json can state", what));
  }
  return {found[0], period};
}

void add_jamba(const Hyperparameters& hyper, const ConfigFacts& facts, OrderedJson& config) {
  const auto [attention, attention_period] =
      regular(hyper, "attention", [&](std::int64_t i) { return !hyper.is_recurrent(i); });
  const auto [experts, experts_period] = regular(hyper, "experts", [&](std::int64_t i) {
    return bool{facts.expert_layers[static_cast<std::size_t>(i)]};
  });
  config["attn_layer_offset"] = attention;
  config["attn_layer_period"] = attention_period;
  config["expert_layer_offset"] = experts;
  config["expert_layer_period"] = experts_period;
  config["num_experts"] = std::max<std::int64_t>(hyper.experts, 1);
  config["num_experts_per_tok"] = std::max<std::int64_t>(hyper.experts_used, 1);
  config["mamba_expand"] = hyper.mamba.inner / hyper.channels;
  config["mamba_d_conv"] = hyper.mamba.taps;
  config["mamba_d_state"] = hyper.mamba.states;
  config["mamba_dt_rank"] = hyper.mamba.rank;
}

void add_falcon_h1(const Hyperparameters& hyper, OrderedJson& config) {
  const auto& sizes = hyper.mamba2;
  config["mamba_d_ssm"] = sizes.inner;
  config["mamba_n_heads"] = sizes.rank;
  config["mamba_d_head"] = sizes.inner / sizes.rank;
  config["mamba_n_groups"] = sizes.groups;
  config["mamba_d_state"] = sizes.states;
  config["mamba_d_conv"] = sizes.taps;
  config["mamba_rms_norm"] = false;
}

void add_qwen3next(const Hyperparameters& hyper, OrderedJson& config) {
  const auto& sizes = hyper.delta_net;
  config["linear_conv_kernel_dim"] = sizes.taps;
  config["linear_key_head_dim"] = sizes.states;
  config["linear_value_head_dim"] = sizes.inner / sizes.rank;
  config["linear_num_key_heads"] = sizes.groups;
  config["linear_num_value_heads"] = sizes.rank;
  config["shared_expert_intermediate_size"] = hyper.shared_feed_forward;
  OrderedJson types = OrderedJson::array();
  for (std::int64_t i = 0; i < hyper.layers; ++i) {
    types.push_back(hyper.is_recurrent(i) ? "linear_attention" : "full_attention");
  }
  config["layer_types"] = types;
}

void add_decoder(const Hyperparameters& hyper, const ConfigFacts& facts, OrderedJson& config) {
  add_common(hyper, config);
  config["num_key_value_heads"] = hyper.kv_heads;
  config["head_dim"] = hyper.key_dim;
  config["rms_norm_eps"] = shortest(hyper.norm_eps);
  config["rope_theta"] = shortest(hyper.rope_base);
  config["rope_scaling"] = rope_scaling(hyper);
  config["attention_bias"] = facts.attention_bias;
  if (hyper.rope_base_local > 0) config["rope_local_base_freq"] = shortest(hyper.rope_base_local);
  if (hyper.window > 0) config["sliding_window"] = hyper.window;
  if (hyper.rope_channels > 0 && hyper.rope_channels < hyper.key_dim) {
    config["partial_rotary_factor"] = rotated_share(hyper);
  }
  if (hyper.family == "phi3") {
    config["original_max_position_embeddings"] =
        hyper.rope_scaling.original_context > 0
            ? static_cast<std::int64_t>(hyper.rope_scaling.original_context)
            : hyper.context_length;
  }
  if (hyper.family == "jamba") return add_jamba(hyper, facts, config);
  if (hyper.family == "falcon-h1") add_falcon_h1(hyper, config);
  if (hyper.family == "qwen3next") add_qwen3next(hyper, config);
  if (hyper.experts > 0) add_experts(hyper, config);
  if (hyper.family == "gemma2" || hyper.family == "gemma3") add_gemma(hyper, config);
}

}  // namespace

std::string make_config_json(const Hyperparameters& hyper, const Metadata& metadata,
                             const ConfigFacts& facts) {
  const HuggingFaceName& name = name_of(hyper.family);
  OrderedJson config;
  config["architectures"] = {name.architecture};
  config["model_type"] = name.model_type;
  config["torch_dtype"] = facts.dtype;
  config["vocab_size"] = hyper.vocabulary;
  config[name.activation_key] = name.activation;
  if (hyper.family == "gpt2") {
    add_gpt2(hyper, config);
  } else if (hyper.family == "bert") {
    add_bert(hyper, config);
  } else if (hyper.family == "mamba" || hyper.family == "mamba2") {
    add_mamba(hyper, config);
  } else {
    add_decoder(hyper, facts, config);
  }
  config["tie_word_embeddings"] = facts.tied_embeddings;
  const std::pair<const char*, const char*> specials[] = {
      {"bos_token_id", "tokenizer.ggml.bos_token_id"},
      {"eos_token_id", "tokenizer.ggml.eos_token_id"},
      {"pad_token_id", "tokenizer.ggml.padding_token_id"}};
  for (const auto& [key, stored] : specials) {
    // Left out, it would be the family's usual number, which this vocabulary may not reach.
    const auto id = metadata.get<std::int64_t>(stored);
    config[key] = id && *id < hyper.vocabulary ? OrderedJson(*id) : OrderedJson();
  }
  return config.dump(2) + "\n";
}

}  // namespace jielong
