#include "model/families/families.h"
#include "model/families/parts.h"

namespace jielong {
namespace {

void read_gguf(const Metadata& metadata, Hyperparameters& hyper) {
  // The converter reorders query and key rows so that adjacent channels rotate together.
  hyper.rope_pairs = RopePairs::adjacent;
  hyper.window = metadata.get_or<std::int64_t>("llama.attention.sliding_window", 0);
  hyper.windowed_layer.assign(static_cast<std::size_t>(hyper.layers), hyper.window > 0);
}

void read_config(const Json&, Hyperparameters& hyper) {
  // Mistral attends in a window in every layer.
  hyper.windowed_layer.assign(static_cast<std::size_t>(hyper.layers), hyper.window > 0);
}

constexpr std::string_view kModelTypes[] = {"llama", "mistral"};

constexpr std::string_view kOptional[] = {"blk.{}.ffn_gate.weight"};

}  // namespace

/// Llama 2 and 3, SmolLM2, Mistral and their many descendants.
const Family kLlama{"llama",   kModelTypes, {parts::kDecoderNames},
                    read_gguf, read_config, parts::pre_norm_decoder,
                    kOptional};

}  // namespace jielong
