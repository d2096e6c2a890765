#include <cmath>
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

OrderedJson rope_scaling(const Hyperparameters& hyper) {
  const RopeScaling& scaling = hyper.rope_scaling;
  switch (scaling.kind) {
    case RopeScaling::Kind::linear: return {{"rope_type", "linear"}, {"factor", scaling.factor}};
    case RopeScaling::Kind::yarn:
      return {{"rope_type", "yarn"},
              {"factor", scaling.factor},
              {"original_max_position_embeddings",
               static_cast<std::int64_t>(scaling.original_context)}};
    default: return nullptr;
  }
}

}  // namespace

std::string make_config_json(const Hyperparameters& hyper, const Metadata& metadata,
                             bool tied_embeddings, bool attention_bias,
                             std::string_view dtype_name) {
  const HuggingFaceName& name = name_of(hyper.family);
  OrderedJson config;
  config["architectures"] = {name.architecture};
  config["model_type"] = name.model_type;
  config["torch_dtype"] = dtype_name;
  config["vocab_size"] = hyper.vocabulary;
  config["hidden_size"] = hyper.channels;
  config["intermediate_size"] = hyper.feed_forward;
  config["num_hidden_layers"] = hyper.layers;
  config["num_attention_heads"] = hyper.heads;
  config["num_key_value_heads"] = hyper.kv_heads;
  config["head_dim"] = hyper.key_dim;
  config[name.activation_key] = name.activation;
  config["max_position_embeddings"] = hyper.context_length;
  config["rms_norm_eps"] = hyper.norm_eps;
  config["rope_theta"] = hyper.rope_base;
  config["rope_scaling"] = rope_scaling(hyper);
  config["attention_bias"] = attention_bias;
  config["tie_word_embeddings"] = tied_embeddings;
  if (hyper.rope_base_local > 0) config["rope_local_base_freq"] = hyper.rope_base_local;
  if (hyper.window > 0) config["sliding_window"] = hyper.window;
  if (hyper.experts > 0) {
    config["num_experts"] = hyper.experts;
    config["num_experts_per_tok"] = hyper.experts_used;
    config["moe_intermediate_size"] = hyper.expert_feed_forward;
    config["norm_topk_prob"] = hyper.normalize_expert_weights;
    config["decoder_sparse_step"] = 1;
  }
  if (hyper.family == "gemma2" || hyper.family == "gemma3") {
    config["query_pre_attn_scalar"] = hyper.attention_scale > 0
                                          ? static_cast<std::int64_t>(std::lround(
                                                1 / (static_cast<double>(hyper.attention_scale) *
                                                     static_cast<double>(hyper.attention_scale))))
                                          : hyper.key_dim;
    config["attn_logit_softcapping"] =
        hyper.attention_soft_cap > 0 ? OrderedJson(hyper.attention_soft_cap) : OrderedJson();
    config["final_logit_softcapping"] =
        hyper.logit_soft_cap > 0 ? OrderedJson(hyper.logit_soft_cap) : OrderedJson();
    OrderedJson types = OrderedJson::array();
    for (std::int64_t i = 0; i < hyper.layers; ++i) {
      types.push_back(hyper.is_windowed(i) ? "sliding_attention" : "full_attention");
    }
    config["layer_types"] = types;
  }
  const std::pair<const char*, const char*> specials[] = {
      {"bos_token_id", "tokenizer.ggml.bos_token_id"},
      {"eos_token_id", "tokenizer.ggml.eos_token_id"},
      {"pad_token_id", "tokenizer.ggml.padding_token_id"}};
  for (const auto& [key, stored] : specials) {
    if (const auto id = metadata.get<std::int64_t>(stored)) config[key] = *id;
  }
  return config.dump(2) + "\n";
}

}  // namespace jielong
