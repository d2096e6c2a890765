#include "model/families/families.h"
#include "model/families/parts.h"

namespace jielong {
namespace {

constexpr TensorName kNames[] = {
    {"token_embd", "transformer.wte"},
    {"position_embd", "transformer.wpe"},
    {"output_norm", "transformer.ln_f"},
    {"output", "lm_head"},
    {"blk.{}.attn_norm", "transformer.h.{}.ln_1"},
    {"blk.{}.attn_qkv", "transformer.h.{}.attn.c_attn"},
    {"blk.{}.attn_output", "transformer.h.{}.attn.c_proj"},
    {"blk.{}.ffn_norm", "transformer.h.{}.ln_2"},
    {"blk.{}.ffn_up", "transformer.h.{}.mlp.c_fc"},
    {"blk.{}.ffn_down", "transformer.h.{}.mlp.c_proj"},
};

Stack build(const Hyperparameters& hyper, const WeightSource& source, std::int64_t) {
  Stack stack;
  stack.tokens = source.table("token_embd.weight", hyper.vocabulary, hyper.channels);
  stack.positions = source.table("position_embd.weight", hyper.context_length, hyper.channels);
  stack.depth = hyper.layers;
  for (std::int64_t i = 0; i < hyper.layers; ++i) {
    const auto norm = [&](const char* part) {
      return parts::layer_norm(source, parts::in_layer(i, part), hyper.channels, hyper.norm_eps);
    };
    stack.residuals.push_back(
        {norm("attn_norm"), parts::attention(hyper, source, i, nullptr, stack), {}, {}});
    stack.residuals.push_back({norm("ffn_norm"), parts::feed_forward(hyper, source, i), {}, {}});
  }
  stack.final_norm = parts::layer_norm(source, "output_norm", hyper.channels, hyper.norm_eps);
  stack.head = parts::head(hyper, source, stack.tokens);
  return stack;
}

void read_gguf(const Metadata&, Hyperparameters& hyper) {
  hyper.activation = Activation::gelu_tanh;
}

constexpr std::string_view kModelTypes[] = {"gpt2"};

constexpr std::string_view kOptional[] = {"blk.{}.attn_norm.bias", "blk.{}.attn_qkv.weight",
                                          "blk.{}.attn_qkv.bias",  "blk.{}.attn_output.bias",
                                          "blk.{}.ffn_norm.bias",  "blk.{}.ffn_up.bias",
                                          "blk.{}.ffn_down.bias",  "output_norm.bias"};

}  // namespace

/// Learned positions, layer norms before each sublayer, plain feed-forward layers.
const Family kGpt2{"gpt2", kModelTypes, {kNames, true}, read_gguf, nullptr, build, kOptional};

}  // namespace jielong
