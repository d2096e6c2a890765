#include "model/convert/hyper_metadata.h"

#include <cmath>

#include "base/error.h"

namespace jielong {
namespace {

class Keys {
 public:
  Keys(const std::string& family, MetadataBuilder& metadata)
      : family_(family), metadata_(metadata) {}

  void count(std::string_view rest, std::int64_t value) const {
    metadata_.set(key(rest), static_cast<std::uint32_t>(value));
  }
  void number(std::string_view rest, float value) const { metadata_.set(key(rest), value); }
  void text(std::string_view rest, std::string_view value) const {
    metadata_.set(key(rest), value);
  }
  void flag(std::string_view rest, bool value) const { metadata_.set(key(rest), value); }

 private:
  std::string key(std::string_view rest) const { return family_ + "." + std::string(rest); }

  const std::string& family_;
  MetadataBuilder& metadata_;
};

void put_rope(const Hyperparameters& hyper, const Keys& keys) {
  keys.count("rope.dimension_count", hyper.rope_channels > 0 ? hyper.rope_channels : hyper.key_dim);
  keys.number("rope.freq_base", hyper.rope_base);
  if (hyper.rope_base_local > 0) keys.number("rope.freq_base_swa", hyper.rope_base_local);
  const RopeScaling& scaling = hyper.rope_scaling;
  switch (scaling.kind) {
    case RopeScaling::Kind::none:
    case RopeScaling::Kind::llama3:  // a tensor of divisors says it
      break;
    case RopeScaling::Kind::linear:
      keys.text("rope.scaling.type", "linear");
      keys.number("rope.scaling.factor", scaling.factor);
      break;
    case RopeScaling::Kind::yarn:
      keys.text("rope.scaling.type", "yarn");
      keys.number("rope.scaling.factor", scaling.factor);
      keys.count("rope.scaling.original_context_length",
                 static_cast<std::int64_t>(scaling.original_context));
      if (scaling.beta_fast != 32) keys.number("rope.scaling.yarn_beta_fast", scaling.beta_fast);
      if (scaling.beta_slow != 1) keys.number("rope.scaling.yarn_beta_slow", scaling.beta_slow);
      break;
    case RopeScaling::Kind::factors:
      keys.count("rope.scaling.original_context_length",
                 static_cast<std::int64_t>(scaling.original_context));
      keys.number("rope.scaling.attn_factor",
                  scaling.attention_factor > 0 ? scaling.attention_factor : 1.0f);
      break;
  }
}

void put_attention(const Hyperparameters& hyper, const Keys& keys) {
  keys.count("attention.head_count", hyper.heads);
  keys.count("attention.head_count_kv", hyper.kv_heads);
  keys.count("attention.key_length", hyper.key_dim);
  keys.count("attention.value_length", hyper.value_dim);
  if (hyper.window > 0) keys.count("attention.sliding_window", hyper.window);
  if (hyper.attention_soft_cap > 0) keys.number("attn_logit_softcapping", hyper.attention_soft_cap);
  if (hyper.logit_soft_cap > 0) keys.number("final_logit_softcapping", hyper.logit_soft_cap);
}

/// Layers from one full-attention layer to the next; 0 when they do not come regularly.
std::int64_t window_period(const Hyperparameters& hyper) {
  const auto& windowed = hyper.windowed_layer;
  std::size_t period = 0;
  while (period < windowed.size() && windowed[period]) ++period;
  ++period;
  for (std::size_t i = 0; i < windowed.size(); ++i) {
    if (windowed[i] != ((i + 1) % period != 0)) return 0;
  }
  return static_cast<std::int64_t>(period);
}

}  // namespace

void put_hyperparameters(const Hyperparameters& hyper, MetadataBuilder& metadata) {
  metadata.set("general.architecture", std::string_view(hyper.family));
  metadata.set("general.type", "model");
  if (!hyper.name.empty()) metadata.set("general.name", std::string_view(hyper.name));
  const Keys keys(hyper.family, metadata);
  keys.count("block_count", hyper.layers);
  keys.count("context_length", hyper.context_length);
  keys.count("embedding_length", hyper.channels);
  keys.count("feed_forward_length", hyper.feed_forward);
  keys.count("vocab_size", hyper.vocabulary);
  if (hyper.pooling != Hyperparameters::Pooling::none) {
    keys.count("pooling_type", static_cast<std::int64_t>(hyper.pooling));
  }
  if (hyper.family == "gpt2" || hyper.family == "bert") {
    keys.count("attention.head_count", hyper.heads);
    keys.number("attention.layer_norm_epsilon", hyper.norm_eps);
    if (hyper.family == "bert") {
      keys.flag("attention.causal", false);
      if (hyper.segments > 0) {
        metadata.set("tokenizer.ggml.token_type_count", static_cast<std::uint32_t>(hyper.segments));
      }
    }
    return;
  }
  keys.number("attention.layer_norm_rms_epsilon", hyper.norm_eps);
  put_attention(hyper, keys);
  put_rope(hyper, keys);
  if (hyper.experts > 0) {
    keys.count("expert_count", hyper.experts);
    keys.count("expert_used_count", hyper.experts_used);
    keys.count("expert_feed_forward_length", hyper.expert_feed_forward);
  }
  if (hyper.family == "gemma3") {
    const std::int64_t period = window_period(hyper);
    if (period == 0) {
      throw Error(ErrorKind::unsupported, "windowed layers follow no period that GGUF can state",
                  "config.json");
    }
    keys.count("attention.sliding_window_pattern", period);
  }
}

}  // namespace jielong
