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
  void flags(std::string_view rest, const std::vector<bool>& values) const {
    metadata_.set_flags(key(rest), values);
  }
  void counts(std::string_view rest, const std::vector<std::int32_t>& values) const {
    metadata_.set(key(rest), values);
  }

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

void put_recurrence(const Hyperparameters::Recurrence& sizes, const std::string& prefix,
                    const Keys& keys) {
  if (sizes.inner == 0) return;
  keys.count(prefix + "conv_kernel", sizes.taps);
  keys.count(prefix + "inner_size", sizes.inner);
  keys.count(prefix + "state_size", sizes.states);
  keys.count(prefix + "time_step_rank", sizes.rank);
  keys.count(prefix + "group_count", sizes.groups);
  if (sizes.normed) keys.flag(prefix + "dt_b_c_rms", true);
}

void put_recurrences(const Hyperparameters& hyper, const Keys& keys) {
  if (hyper.family == "jielong") {
    keys.text("pattern", hyper.pattern);
    keys.flag("repeat_weights", hyper.repeat_weights);
    put_recurrence(hyper.mamba, "mamba.", keys);
    put_recurrence(hyper.mamba2, "mamba2.", keys);
    put_recurrence(hyper.delta_net, "delta_net.", keys);
    return;
  }
  if (hyper.family == "qwen3next") keys.flags("attention.recurrent_layers", hyper.recurrent_layer);
  // Of the others each has one kind.
  for (const auto* sizes : {&hyper.mamba, &hyper.mamba2, &hyper.delta_net}) {
    put_recurrence(*sizes, "ssm.", keys);
  }
}

/// One number for all layers, or one for each where some do not attend.
void put_kv_heads(const Hyperparameters& hyper, const Keys& keys) {
  if (hyper.family != "jamba") return keys.count("attention.head_count_kv", hyper.kv_heads);
  std::vector<std::int32_t> heads;
  for (std::int64_t i = 0; i < hyper.layers; ++i) {
    heads.push_back(hyper.is_recurrent(i) ? 0 : static_cast<std::int32_t>(hyper.kv_heads));
  }
  keys.counts("attention.head_count_kv", heads);
}

void put_attention(const Hyperparameters& hyper, const Keys& keys) {
  keys.count("attention.head_count", hyper.heads);
  put_kv_heads(hyper, keys);
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
  put_recurrences(hyper, keys);
  if (hyper.family == "mamba" || hyper.family == "mamba2") {
    keys.count("attention.head_count", 0);  // readers ask for it
    return;
  }
  put_attention(hyper, keys);
  put_rope(hyper, keys);
  if (hyper.experts > 0) {
    keys.count("expert_count", hyper.experts);
    keys.count("expert_used_count", hyper.experts_used);
    keys.count("expert_feed_forward_length", hyper.expert_feed_forward);
    if (hyper.shared_feed_forward > 0) {
      keys.count("expert_shared_feed_forward_length", hyper.shared_feed_forward);
    }
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
