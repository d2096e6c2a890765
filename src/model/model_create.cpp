#include <fmt/format.h>

#include "base/error.h"
#include "model/convert/hyper_metadata.h"
#include "model/convert/tokenizer_metadata.h"
#include "model/families/hybrid.h"
#include "model/family.h"
#include "model/gguf.h"
#include "model/model.h"
#include "model/new_weights.h"
#include "model/safetensors.h"
#include "token/tokenizer_json.h"

namespace jielong {
namespace {

namespace fs = std::filesystem;

bool has_gate(const Family& family) { return family.name != "gpt2" && family.name != "bert"; }

/// 8/3 · channels up to the next multiple of 64: with a gate, as many parameters as 4 · channels
/// without (Shazeer, 2020).
std::int64_t usual_feed_forward(const Family& family, std::int64_t channels) {
  return has_gate(family) ? (channels * 8 / 3 + 63) / 64 * 64 : 4 * channels;
}

void complete(const Family& family, Hyperparameters& hyper) {
  if (!family.attends) hyper.heads = 1;
  if (hyper.heads < 1 || hyper.channels < 1 || hyper.layers < 1) {
    throw bad_input(fmt::format("{} layers of {} channels and {} heads cannot be", hyper.layers,
                                hyper.channels, hyper.heads),
                    "new model");
  }
  if (hyper.kv_heads == 0) hyper.kv_heads = hyper.heads;
  if (hyper.key_dim == 0) {
    if (hyper.channels % hyper.heads != 0) {
      throw bad_input(
          fmt::format("{} channels cannot be divided into {} heads", hyper.channels, hyper.heads),
          "new model", "choose numbers that divide, or state the channels of a head");
    }
    hyper.key_dim = hyper.channels / hyper.heads;
  }
  if (hyper.value_dim == 0) hyper.value_dim = hyper.key_dim;
  if (hyper.feed_forward == 0) hyper.feed_forward = usual_feed_forward(family, hyper.channels);
  if (hyper.experts > 0 && hyper.expert_feed_forward == 0) {
    hyper.expert_feed_forward = hyper.feed_forward;
  }
  complete_sizes(hyper);
}

/// Writes the tokenizer as a GGUF file holds it.
void put_tokenizer_of(const fs::path& path, Hyperparameters& hyper, MetadataBuilder& metadata) {
  if (is_gguf(path)) {
    const GgufFile file(path);
    if (hyper.vocabulary == 0) {
      const MetaValue* tokens = file.metadata().find("tokenizer.ggml.tokens");
      if (tokens != nullptr) hyper.vocabulary = static_cast<std::int64_t>(tokens->size());
    }
    for (const MetaValue& value : file.metadata().values()) {
      if (value.key().starts_with("tokenizer.")) metadata.set(value);
    }
    return;
  }
  const TextFolder folder(fs::is_directory(path) ? path : path.parent_path());
  const auto text = folder.text("tokenizer.json");
  if (!text) {
    throw Error(ErrorKind::not_found, "there is no tokenizer.json", folder.path().string());
  }
  if (hyper.vocabulary == 0) {
    const auto tokenizer = tokenizer_from_json(*text, (folder.path() / "tokenizer.json").string());
    hyper.vocabulary = static_cast<std::int64_t>(tokenizer->vocabulary().size());
  }
  std::vector<std::string> notes;
  put_tokenizer(folder, hyper, metadata, notes);
}

}  // namespace

std::shared_ptr<Model> Model::create(const Hyperparameters& wanted, const CreateOptions& options,
                                     ThreadPool& pool) {
  const Family& family = family_by_name(wanted.family);
  Hyperparameters hyper = wanted;
  complete(family, hyper);
  MetadataBuilder tokenizer;
  if (options.tokenizer.empty()) {
    tokenizer.set("tokenizer.ggml.model", "no_vocab");
  } else {
    put_tokenizer_of(options.tokenizer, hyper, tokenizer);
  }
  check_hyperparameters(hyper, "new model");

  // What the model is, is read from what its file will say, so that training and the file agree.
  MetadataBuilder metadata;
  put_hyperparameters(hyper, metadata);
  const std::string encoded = tokenizer.encode();
  const Metadata of_tokenizer = parse_metadata(std::as_bytes(std::span(encoded)), "tokenizer");
  for (const MetaValue& value : of_tokenizer.values()) metadata.set(value);
  std::shared_ptr<Model> model(new Model());
  model->path_ = "new model";
  model->theta_ = std::make_shared<Theta>();
  model->theta_->set_metadata(metadata);
  model->read_metadata(model->theta_->metadata, family, {});
  model->hyper_.segments = hyper.segments;
  NewWeights::Options made{options.seed, options.deviation, options.optional_tensors};
  if (!options.tied_embeddings) made.optional_tensors.emplace_back("output.weight");
  model->build(family, NewWeights(model->theta_, family, model->hyper_, made, pool), {});
  model->parameter_count_ = model->theta_->parameters.count();
  model->file_bytes_ = static_cast<std::uint64_t>(model->parameter_count_) * sizeof(float);
  return model;
}

}  // namespace jielong
