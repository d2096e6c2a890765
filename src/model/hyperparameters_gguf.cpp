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

}  // namespace

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

  hyper.heads = keys.count("attention.head_count");
  hyper.kv_heads = keys.count("attention.head_count_kv", hyper.heads);
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
