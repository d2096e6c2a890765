#include <fmt/format.h>

#include <cmath>

#include "base/error.h"
#include "model/family.h"

namespace jielong {
namespace {

/// Keys of one family: "<family>.<rest>".
struct Keys {
  const Metadata& metadata;
  std::string family;

  std::string key(std::string_view rest) const { return fmt::format("{}.{}", family, rest); }
  std::int64_t count(std::string_view rest) const {
    return metadata.require<std::int64_t>(key(rest));
  }
  std::int64_t count(std::string_view rest, std::int64_t fallback) const {
    return metadata.get_or<std::int64_t>(key(rest), fallback);
  }
  float number(std::string_view rest, float fallback) const {
    return metadata.get_or<float>(key(rest), fallback);
  }
  bool has(std::string_view rest) const { return metadata.contains(key(rest)); }
};

RopeScaling read_rope_scaling(const Keys& keys) {
  RopeScaling scaling;
  const auto kind = keys.metadata.get_or<std::string>(keys.key("rope.scaling.type"), "none");
  scaling.original_context = keys.number("rope.scaling.original_context_length", 0);
  scaling.attention_factor = keys.number("rope.scaling.attn_factor", 0);
  // "rope.scale_linear" is the older spelling.
  const float factor = keys.number("rope.scaling.factor", keys.number("rope.scale_linear", 0));
  if (kind == "yarn") {
    scaling.kind = RopeScaling::Kind::yarn;
    scaling.beta_fast = keys.number("rope.scaling.yarn_beta_fast", 32);
    scaling.beta_slow = keys.number("rope.scaling.yarn_beta_slow", 1);
  } else if (kind == "longrope") {
    scaling.kind = RopeScaling::Kind::factors;
  } else if (kind == "linear" || (kind == "none" && factor > 1)) {
    scaling.kind = RopeScaling::Kind::linear;
  } else if (kind != "none") {
    throw Error(ErrorKind::unsupported, fmt::format("rope scaling \"{}\" is not known", kind),
                keys.key("rope.scaling.type"));
  }
  if (factor > 0) scaling.factor = factor;
  return scaling;
}

Hyperparameters::Pooling read_pooling(const Keys& keys) {
  using Pooling = Hyperparameters::Pooling;
  switch (keys.count("pooling_type", 0)) {
    case 1: return Pooling::mean;
    case 2: return Pooling::first;
    case 3: return Pooling::last;
    default: return Pooling::none;
  }
}

/// Hybrids say by zeros which layers do not attend.
void read_kv_heads(const Keys& keys, Hyperparameters& hyper) {
  const std::string key = keys.key("attention.head_count_kv");
  const MetaValue* value = keys.metadata.find(key);
  if (value == nullptr || !value->is_array()) {
    hyper.kv_heads = keys.count("attention.head_count_kv", hyper.heads);
    return;
  }
  hyper.kv_heads = 0;
  for (const std::int64_t heads : value->as<std::vector<std::int64_t>>()) {
    if (heads != 0 && hyper.kv_heads != 0 && heads != hyper.kv_heads) {
      throw Error(ErrorKind::unsupported, "layers differ in their key/value heads", key);
    }
    if (heads != 0) hyper.kv_heads = heads;
    hyper.recurrent_layer.push_back(heads == 0);
  }
  if (hyper.kv_heads == 0) hyper.kv_heads = hyper.heads;
}

}  // namespace

Hyperparameters::Recurrence read_gguf_recurrence(const Metadata& metadata,
                                                 const std::string& prefix) {
  const auto count = [&](const char* rest, std::int64_t fallback) {
    return metadata.get_or<std::int64_t>(prefix + rest, fallback);
  };
  Hyperparameters::Recurrence result;
  result.inner = count("inner_size", 0);
  result.taps = count("conv_kernel", 4);
  result.states = count("state_size", 0);
  result.rank = count("time_step_rank", 0);
  result.groups = count("group_count", 1);
  result.normed = metadata.get_or<bool>(prefix + "dt_b_c_rms", false);
  return result;
}

Hyperparameters read_gguf_hyperparameters(const Metadata& metadata, const Family& family) {
  const Keys keys{metadata, std::string(family.name)};
  Hyperparameters hyper;
  hyper.family = family.name;
  hyper.name = metadata.get_or<std::string>("general.name", "");
  hyper.layers = keys.count("block_count");
  hyper.channels = keys.count("embedding_length");
  hyper.context_length = keys.count("context_length");
  hyper.feed_forward = keys.count("feed_forward_length", 0);
  hyper.vocabulary = keys.count("vocab_size", 0);  // else the embedding's rows tell
  hyper.norm_eps = keys.has("attention.layer_norm_rms_epsilon")
                       ? keys.number("attention.layer_norm_rms_epsilon", 0)
                       : keys.number("attention.layer_norm_epsilon", 1e-5f);

  hyper.heads = family.attends ? keys.count("attention.head_count") : 1;
  read_kv_heads(keys, hyper);
  if (!family.attends) hyper.kv_heads = 1;
  if (hyper.heads < 1) {
    throw bad_input(fmt::format("{} attention heads", hyper.heads),
                    keys.key("attention.head_count"), "the file is damaged");
  }
  hyper.key_dim = keys.count("attention.key_length", hyper.channels / hyper.heads);
  hyper.value_dim = keys.count("attention.value_length", hyper.channels / hyper.heads);
  hyper.attention_soft_cap = keys.number("attn_logit_softcapping", 0);
  hyper.logit_soft_cap = keys.number("final_logit_softcapping", 0);

  hyper.rope_channels = keys.count("rope.dimension_count", 0);
  hyper.rope_base = keys.number("rope.freq_base", 10000);
  hyper.rope_scaling = read_rope_scaling(keys);

  hyper.experts = keys.count("expert_count", 0);
  hyper.experts_used = keys.count("expert_used_count", 0);
  hyper.expert_feed_forward = keys.count("expert_feed_forward_length", hyper.feed_forward);
  hyper.shared_feed_forward = keys.count("expert_shared_feed_forward_length", 0);
  hyper.pooling = read_pooling(keys);

  // Bounds what the family's own reader may allocate by.
  if (hyper.layers < 1 || hyper.layers > 4096) {
    throw bad_input(fmt::format("{} layers", hyper.layers), keys.key("block_count"),
                    "the file is damaged");
  }
  if (family.read_gguf != nullptr) family.read_gguf(metadata, hyper);
  return hyper;
}

}  // namespace jielong
