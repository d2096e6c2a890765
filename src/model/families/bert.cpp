#include "model/families/families.h"
#include "model/families/parts.h"

namespace jielong {
namespace {

constexpr TensorName kNames[] = {
    {"token_embd", "bert.embeddings.word_embeddings"},
    {"position_embd", "bert.embeddings.position_embeddings"},
    {"token_types", "bert.embeddings.token_type_embeddings"},
    {"token_embd_norm", "bert.embeddings.LayerNorm"},
    {"blk.{}.attn_q", "bert.encoder.layer.{}.attention.self.query"},
    {"blk.{}.attn_k", "bert.encoder.layer.{}.attention.self.key"},
    {"blk.{}.attn_v", "bert.encoder.layer.{}.attention.self.value"},
    {"blk.{}.attn_output", "bert.encoder.layer.{}.attention.output.dense"},
    {"blk.{}.attn_output_norm", "bert.encoder.layer.{}.attention.output.LayerNorm"},
    {"blk.{}.ffn_up", "bert.encoder.layer.{}.intermediate.dense"},
    {"blk.{}.ffn_down", "bert.encoder.layer.{}.output.dense"},
    {"blk.{}.layer_output_norm", "bert.encoder.layer.{}.output.LayerNorm"},
};

Stack build(const Hyperparameters& hyper, const WeightSource& source, std::int64_t) {
  const auto norm = [&](const std::string& stem) {
    return parts::layer_norm(source, stem, hyper.channels, hyper.norm_eps);
  };
  Stack stack;
  stack.tokens = source.table("token_embd.weight", hyper.vocabulary, hyper.channels);
  stack.positions = source.table("position_embd.weight", hyper.context_length, hyper.channels);
  if (source.has("token_types.weight")) {
    stack.segments =
        source.table("token_types.weight", source.rows_of("token_types.weight"), hyper.channels);
  }
  stack.embedding_norm = norm("token_embd_norm");
  stack.depth = hyper.layers;
  for (std::int64_t i = 0; i < hyper.layers; ++i) {
    auto attention = parts::attention(hyper, source, i, nullptr, stack);
    attention->params.causal = false;
    stack.residuals.push_back({{}, attention, {}, norm(parts::in_layer(i, "attn_output_norm"))});
    stack.residuals.push_back({{},
                               parts::feed_forward(hyper, source, i),
                               {},
                               norm(parts::in_layer(i, "layer_output_norm"))});
  }
  return stack;
}

void complete(Hyperparameters& hyper) {
  if (hyper.pooling == Hyperparameters::Pooling::none) {
    hyper.pooling = Hyperparameters::Pooling::mean;
  }
}

void read_gguf(const Metadata&, Hyperparameters& hyper) {
  hyper.activation = Activation::gelu_erf;
  complete(hyper);
}

void read_config(const Json&, Hyperparameters& hyper) { complete(hyper); }

constexpr std::string_view kModelTypes[] = {"bert"};

constexpr std::string_view kOptional[] = {
    "token_types.weight",           "token_embd_norm.bias", "blk.{}.attn_q.bias",
    "blk.{}.attn_k.bias",           "blk.{}.attn_v.bias",   "blk.{}.attn_output.bias",
    "blk.{}.attn_output_norm.bias", "blk.{}.ffn_up.bias",   "blk.{}.ffn_down.bias",
    "blk.{}.layer_output_norm.bias"};

}  // namespace

/// The encoder (first form): sees the text in both directions, returns vectors.
const Family kBert{"bert", kModelTypes, {kNames}, read_gguf, read_config, build, kOptional};

}  // namespace jielong
