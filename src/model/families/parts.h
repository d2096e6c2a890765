#pragma once

#include <memory>
#include <string>

#include "model/family.h"
#include "model/layers/attention.h"
#include "model/layers/feed_forward.h"

namespace jielong::parts {

/// What families are put together from. Tensors are named as in GGUF; a "{stem}.bias" is
/// used wherever the file has one.

/// "blk.<layer>.<part>"
std::string in_layer(std::int64_t layer, std::string_view part);

Norm rms_norm(const WeightSource& source, const std::string& stem, std::int64_t channels,
              float eps);
Norm layer_norm(const WeightSource& source, const std::string& stem, std::int64_t channels,
                float eps);

Linear linear(const WeightSource& source, const std::string& stem, std::int64_t out,
              std::int64_t in);
/// Rows [first, first + out) of a fused linear map of `total` rows.
Linear linear_rows(const WeightSource& source, const std::string& stem, std::int64_t total,
                   std::int64_t in, std::int64_t first, std::int64_t out);

/// The rotation of full-attention layers, with the scaling the file asks for.
std::shared_ptr<const Rope> rope(const Hyperparameters& hyper, const WeightSource& source,
                                 std::int64_t context_length);
/// The unscaled rotation of windowed layers that have a base of their own.
std::shared_ptr<const Rope> local_rope(const Hyperparameters& hyper);

/// Self-attention of a layer from attn_q, attn_k, attn_v or a fused attn_qkv, attn_output,
/// and attn_q_norm, attn_k_norm where the file has them. Registers it with the stack's cache.
/// @param query  instead of attn_q
std::shared_ptr<Attention> attention(const Hyperparameters& hyper, const WeightSource& source,
                                     std::int64_t layer, std::shared_ptr<const Rope> rope,
                                     Stack& stack, std::optional<Linear> query = {});
/// ffn_gate, ffn_up, ffn_down; or gate and up fused in ffn_up.
std::shared_ptr<GatedFeedForward> gated_feed_forward(const Hyperparameters& hyper,
                                                     const WeightSource& source,
                                                     std::int64_t layer);
/// ffn_up, ffn_down.
std::shared_ptr<FeedForward> feed_forward(const Hyperparameters& hyper, const WeightSource& source,
                                          std::int64_t layer);
/// ffn_gate_inp and the experts' ffn_gate_exps, ffn_up_exps, ffn_down_exps.
std::shared_ptr<Experts> experts(const Hyperparameters& hyper, const WeightSource& source,
                                 std::int64_t layer);

/// Token embedding, final RMS norm and head (tied to the embedding when the file has none):
/// the frame of a decoder without learned positions.
Stack decoder(const Hyperparameters& hyper, const WeightSource& source);
/// The whole of the commonest architecture: RMS norm before attention and before a gated
/// feed-forward layer (or experts), one rotation for all layers.
Stack pre_norm_decoder(const Hyperparameters& hyper, const WeightSource& source,
                       std::int64_t context_length);
/// The head: "output", or the token embedding again.
Linear head(const Hyperparameters& hyper, const WeightSource& source, const Weight& tokens);

/// Stems that llama and most later families share.
inline constexpr TensorName kDecoderNames[] = {
    {"token_embd", "model.embed_tokens"},
    {"output_norm", "model.norm"},
    {"output", "lm_head"},
    {"blk.{}.attn_norm", "model.layers.{}.input_layernorm"},
    {"blk.{}.attn_q", "model.layers.{}.self_attn.q_proj"},
    {"blk.{}.attn_k", "model.layers.{}.self_attn.k_proj"},
    {"blk.{}.attn_v", "model.layers.{}.self_attn.v_proj"},
    {"blk.{}.attn_qkv", "model.layers.{}.self_attn.qkv_proj"},
    {"blk.{}.attn_output", "model.layers.{}.self_attn.o_proj"},
    {"blk.{}.attn_q_norm", "model.layers.{}.self_attn.q_norm"},
    {"blk.{}.attn_k_norm", "model.layers.{}.self_attn.k_norm"},
    {"blk.{}.ffn_norm", "model.layers.{}.post_attention_layernorm"},
    {"blk.{}.ffn_gate", "model.layers.{}.mlp.gate_proj"},
    {"blk.{}.ffn_up", "model.layers.{}.mlp.up_proj"},
    {"blk.{}.ffn_down", "model.layers.{}.mlp.down_proj"},
    {"blk.{}.ffn_gate_inp", "model.layers.{}.mlp.gate"},
    {"blk.{}.ffn_gate_exps", "model.layers.{}.mlp.experts.{e}.gate_proj"},
    {"blk.{}.ffn_up_exps", "model.layers.{}.mlp.experts.{e}.up_proj"},
    {"blk.{}.ffn_down_exps", "model.layers.{}.mlp.experts.{e}.down_proj"},
};

}  // namespace jielong::parts
