#include "model/families/parts.h"

#include <fmt/format.h>

#include <cmath>

namespace jielong::parts {

std::string in_layer(std::int64_t layer, std::string_view part) {
  return fmt::format("blk.{}.{}", layer, part);
}

Norm rms_norm(const WeightSource& source, const std::string& stem, std::int64_t channels,
              float eps) {
  return {Norm::Kind::rms, eps, source.gain(stem + ".weight", channels), {}};
}

Norm layer_norm(const WeightSource& source, const std::string& stem, std::int64_t channels,
                float eps) {
  Norm norm{Norm::Kind::layer, eps, source.gain(stem + ".weight", channels), {}};
  if (source.has(stem + ".bias")) norm.bias = source.vector(stem + ".bias", channels);
  return norm;
}

Linear linear_rows(const WeightSource& source, const std::string& stem, std::int64_t total,
                   std::int64_t in, std::int64_t first, std::int64_t out) {
  Linear result;
  result.weight = source.rows(stem + ".weight", total, in, first, out);
  if (source.has(stem + ".bias")) result.bias = source.part(stem + ".bias", total, first, out);
  return result;
}

Linear linear(const WeightSource& source, const std::string& stem, std::int64_t out,
              std::int64_t in) {
  return linear_rows(source, stem, out, in, 0, out);
}

std::shared_ptr<const Rope> rope(const Hyperparameters& hyper, const WeightSource& source,
                                 std::int64_t context_length) {
  RopeScaling scaling = hyper.rope_scaling;
  const std::int64_t channels = hyper.rope_channels > 0 ? hyper.rope_channels : hyper.key_dim;
  const bool is_long =
      scaling.original_context > 0 && static_cast<float>(context_length) > scaling.original_context;
  const char* longrope = is_long ? "rope_factors_long.weight" : "rope_factors_short.weight";
  if (source.has("rope_freqs.weight")) {
    scaling.factors = source.constants("rope_freqs.weight", channels / 2);
  } else if (source.has(longrope)) {
    scaling.factors = source.constants(longrope, channels / 2);
  } else if (!scaling.long_factors.empty()) {
    scaling.factors = is_long ? scaling.long_factors : scaling.factors;
  }
  return std::make_shared<Rope>(make_rope(hyper.rope_pairs, channels, hyper.rope_base, scaling));
}

std::shared_ptr<const Rope> local_rope(const Hyperparameters& hyper) {
  const std::int64_t channels = hyper.rope_channels > 0 ? hyper.rope_channels : hyper.key_dim;
  return std::make_shared<Rope>(make_rope(hyper.rope_pairs, channels, hyper.rope_base_local, {}));
}

std::shared_ptr<Attention> attention(const Hyperparameters& hyper, const WeightSource& source,
                                     std::int64_t layer, std::shared_ptr<const Rope> rope,
                                     Stack& stack, std::optional<Linear> query) {
  auto result = std::make_shared<Attention>();
  const std::int64_t q = hyper.heads * hyper.key_dim, k = hyper.kv_heads * hyper.key_dim,
                     v = hyper.kv_heads * hyper.value_dim;
  const std::string fused = in_layer(layer, "attn_qkv");
  if (source.has(fused + ".weight")) {
    const std::int64_t total = q + k + v;
    result->query = linear_rows(source, fused, total, hyper.channels, 0, q);
    result->key = linear_rows(source, fused, total, hyper.channels, q, k);
    result->value = linear_rows(source, fused, total, hyper.channels, q + k, v);
  } else {
    result->query = query ? *query : linear(source, in_layer(layer, "attn_q"), q, hyper.channels);
    result->key = linear(source, in_layer(layer, "attn_k"), k, hyper.channels);
    result->value = linear(source, in_layer(layer, "attn_v"), v, hyper.channels);
  }
  result->output =
      linear(source, in_layer(layer, "attn_output"), hyper.channels, hyper.heads * hyper.value_dim);
  for (const auto& [stem, norm] : {std::pair{"attn_q_norm", &result->query_norm},
                                   std::pair{"attn_k_norm", &result->key_norm}}) {
    const std::string name = in_layer(layer, stem);
    if (source.has(name + ".weight")) {
      *norm = rms_norm(source, name, hyper.key_dim, hyper.norm_eps);
    }
  }
  result->rope = std::move(rope);
  result->params.heads = hyper.heads;
  result->params.scale = hyper.attention_scale > 0
                             ? hyper.attention_scale
                             : 1 / std::sqrt(static_cast<float>(hyper.key_dim));
  result->params.soft_cap = hyper.attention_soft_cap;
  result->params.window = hyper.is_windowed(layer) ? hyper.window : 0;
  result->shape.kv_heads = hyper.kv_heads;
  result->shape.key_dim = hyper.key_dim;
  result->shape.value_dim = hyper.value_dim;
  const auto mixes_values = [&](std::int64_t of) {
    return source.has(in_layer(of, "attn_v_mix.weight"));
  };
  if (stack.attentions.empty()) {
    for (std::int64_t later = layer + 1; later < hyper.layers; ++later) {
      result->gives_first_value = result->gives_first_value || mixes_values(later);
    }
  } else if (mixes_values(layer)) {
    result->value_mix = source.vector(in_layer(layer, "attn_v_mix.weight"), 1);
  }
  result->cache_layer = static_cast<std::int64_t>(stack.attentions.size());
  stack.attentions.push_back(result.get());
  return result;
}

std::shared_ptr<GatedFeedForward> gated_feed_forward(const Hyperparameters& hyper,
                                                     const WeightSource& source,
                                                     std::int64_t layer) {
  auto result = std::make_shared<GatedFeedForward>();
  const std::int64_t hidden = hyper.feed_forward;
  const std::string up = in_layer(layer, "ffn_up");
  if (source.has(in_layer(layer, "ffn_gate.weight"))) {
    result->gate = linear(source, in_layer(layer, "ffn_gate"), hidden, hyper.channels);
    result->up = linear(source, up, hidden, hyper.channels);
  } else {
    result->gate = linear_rows(source, up, 2 * hidden, hyper.channels, 0, hidden);
    result->up = linear_rows(source, up, 2 * hidden, hyper.channels, hidden, hidden);
  }
  result->down = linear(source, in_layer(layer, "ffn_down"), hyper.channels, hidden);
  result->activation = hyper.activation;
  return result;
}

std::shared_ptr<FeedForward> feed_forward(const Hyperparameters& hyper, const WeightSource& source,
                                          std::int64_t layer) {
  auto result = std::make_shared<FeedForward>();
  result->up = linear(source, in_layer(layer, "ffn_up"), hyper.feed_forward, hyper.channels);
  result->down = linear(source, in_layer(layer, "ffn_down"), hyper.channels, hyper.feed_forward);
  result->activation = hyper.activation;
  return result;
}

std::shared_ptr<Experts> experts(const Hyperparameters& hyper, const WeightSource& source,
                                 std::int64_t layer) {
  auto result = std::make_shared<Experts>();
  const std::int64_t hidden = hyper.expert_feed_forward;
  result->router = linear(source, in_layer(layer, "ffn_gate_inp"), hyper.experts, hyper.channels);
  result->used = hyper.experts_used;
  result->normalize_weights = hyper.normalize_expert_weights;
  for (std::int64_t e = 0; e < hyper.experts; ++e) {
    GatedFeedForward expert;
    const auto matrix = [&](const char* part, std::int64_t out, std::int64_t in) {
      return source.expert(in_layer(layer, part), e, hyper.experts, out, in);
    };
    expert.gate.weight = matrix("ffn_gate_exps.weight", hidden, hyper.channels);
    expert.up.weight = matrix("ffn_up_exps.weight", hidden, hyper.channels);
    expert.down.weight = matrix("ffn_down_exps.weight", hyper.channels, hidden);
    expert.activation = hyper.activation;
    result->experts.push_back(std::move(expert));
  }
  return result;
}

Linear head(const Hyperparameters& hyper, const WeightSource& source, const Weight& tokens) {
  Linear result;
  result.weight = source.has("output.weight")
                      ? source.table("output.weight", hyper.vocabulary, hyper.channels)
                      : tokens;
  return result;
}

Stack decoder(const Hyperparameters& hyper, const WeightSource& source) {
  Stack stack;
  stack.tokens = source.table("token_embd.weight", hyper.vocabulary, hyper.channels);
  stack.embedding_scale = hyper.embedding_scale;
  stack.final_norm = rms_norm(source, "output_norm", hyper.channels, hyper.norm_eps);
  stack.head = head(hyper, source, stack.tokens);
  stack.logit_soft_cap = hyper.logit_soft_cap;
  stack.depth = hyper.layers;
  return stack;
}

Stack pre_norm_decoder(const Hyperparameters& hyper, const WeightSource& source,
                       std::int64_t context_length) {
  Stack stack = decoder(hyper, source);
  const auto rotation = rope(hyper, source, context_length);
  for (std::int64_t i = 0; i < hyper.layers; ++i) {
    const auto norm = [&](const char* part) {
      return rms_norm(source, in_layer(i, part), hyper.channels, hyper.norm_eps);
    };
    stack.residuals.push_back(
        {norm("attn_norm"), attention(hyper, source, i, rotation, stack), {}, {}});
    std::shared_ptr<Layer> thought;
    if (hyper.experts > 0) {
      thought = experts(hyper, source, i);
    } else {
      thought = gated_feed_forward(hyper, source, i);
    }
    stack.residuals.push_back({norm("ffn_norm"), thought, {}, {}});
  }
  return stack;
}

}  // namespace jielong::parts
