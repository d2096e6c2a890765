#include "model/model.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "model/convert/plan.h"
#include "model/family.h"
#include "model/file_weights.h"
#include "model/gguf.h"
#include "model/parameter_weights.h"
#include "model/safetensors.h"
#include "model/sentence_pooling.h"
#include "model/tokenizer_source.h"

namespace jielong {
namespace {

/// A GGUF file whose tensors and metadata share one lifetime, handed out as its tensors.
std::shared_ptr<const TensorFile> tensors_of(const std::shared_ptr<const GgufFile>& file) {
  return file;
}

std::shared_ptr<const TensorFile> tensors_of(const std::shared_ptr<const ModelFolder>& folder) {
  return {folder, &folder->tensors()};
}

std::string text_field(const Json& config, const char* name) {
  const auto found = config.find(name);
  return found != config.end() && found->is_string() ? found->get<std::string>() : "";
}

/// The template in tokenizer_config.json: a text, or a list of named ones.
std::optional<std::string> chat_template_of(const Json& config) {
  const auto found = config.find("chat_template");
  if (found == config.end()) return std::nullopt;
  if (found->is_string()) return found->get<std::string>();
  if (found->is_array()) {
    for (const Json& entry : *found) {
      if (entry.is_object() && text_field(entry, "name") == "default" &&
          entry.contains("template") && entry["template"].is_string()) {
        return entry["template"].get<std::string>();
      }
    }
  }
  return std::nullopt;
}

}  // namespace

std::shared_ptr<Model> Model::load(const std::filesystem::path& path, const LoadOptions& options) {
  const ModelLocation location = locate_model(path);
  std::shared_ptr<Model> model(new Model());
  model->path_ = location.path;
  if (options.trainable) {
    model->load_trainable(location.path, location.format == ModelFormat::gguf, options);
  } else if (location.format == ModelFormat::gguf) {
    model->load_gguf(location.path, options);
  } else {
    model->load_folder(location.path, options);
  }
  return model;
}

void Model::load_gguf(const std::filesystem::path& path, const LoadOptions& options) {
  const auto file = std::make_shared<const GgufFile>(path);
  const Metadata& metadata = file->metadata();
  const Family& family = family_by_name(metadata.require<std::string_view>("general.architecture"));
  read_metadata(metadata, family, options);
  count(*file);
  build(family, FileWeights(tensors_of(file), {}), options);
}

void Model::read_metadata(const Metadata& metadata, const Family& family,
                          const LoadOptions& options) {
  hyper_ = read_gguf_hyperparameters(metadata, family);
  tokenizer_ = tokenizer_from_gguf(metadata, family.name, options.allow_unknown_pre_tokenizer);
  chat_template_ = metadata.get<std::string>("tokenizer.chat_template");
}

void Model::count(const TensorFile& file) {
  for (const TensorInfo& tensor : file.tensors()) parameter_count_ += tensor.elements();
  file_bytes_ = file.tensor_bytes();
}

void Model::load_folder(const std::filesystem::path& path, const LoadOptions& options) {
  const auto folder = std::make_shared<const ModelFolder>(path);
  const Json config = parse_json(folder->config(), (path / "config.json").string());
  if (!config.is_object()) {
    throw bad_input("must be a JSON object", (path / "config.json").string());
  }
  const Family& family = family_by_model_type(text_field(config, "model_type"));
  hyper_ = read_config_hyperparameters(config, family);
  read_pooling(*folder, hyper_);

  const std::string tokenizer_config = folder->text("tokenizer_config.json").value_or("");
  if (const auto text = folder->text("tokenizer.json")) {
    tokenizer_ = tokenizer_from_json(*text, (path / "tokenizer.json").string(), tokenizer_config);
  }
  chat_template_ = folder->text("chat_template.jinja");
  if (!chat_template_ && !tokenizer_config.empty()) {
    const Json parsed = parse_json(tokenizer_config, (path / "tokenizer_config.json").string());
    if (parsed.is_object()) chat_template_ = chat_template_of(parsed);
  }
  count(folder->tensors());
  build(family, FileWeights(tensors_of(folder), family.hugging_face), options);
}

void Model::load_trainable(const std::filesystem::path& path, bool is_gguf,
                           const LoadOptions& options) {
  ConversionPlan plan = is_gguf ? plan_gguf_to_gguf(path) : plan_folder_to_gguf(path);
  theta_ = std::make_shared<Theta>(plan);
  const Family& family =
      family_by_name(theta_->metadata.require<std::string_view>("general.architecture"));
  read_metadata(theta_->metadata, family, options);
  build(family, ParameterWeights(theta_, path_), options);
  parameter_count_ = theta_->parameters.count();
  file_bytes_ = static_cast<std::uint64_t>(parameter_count_) * sizeof(float);
}

void Model::build(const Family& family, const WeightSource& source, const LoadOptions& options) {
  const std::string where = path_.string();
  // The table itself is the authority: files round their vocabulary up.
  hyper_.vocabulary = source.rows_of("token_embd.weight");
  check_hyperparameters(hyper_, where);
  if (options.context_length < 0) {
    throw bad_input("the context length must not be negative", "context");
  }
  context_length_ = options.context_length > 0 ? options.context_length : hyper_.context_length;
  stack_ = family.build(hyper_, source, context_length_);
  if (stack_.positions && context_length_ > stack_.positions.out) {
    throw bad_input(fmt::format("a context of {} was asked for, but this model has learnt only {} "
                                "positions",
                                context_length_, stack_.positions.out),
                    where, "ask for a shorter context");
  }
  if (tokenizer_ != nullptr) tokenizer_->pad_vocabulary(static_cast<Token>(hyper_.vocabulary));
}

const Tokenizer& Model::tokenizer() const {
  if (tokenizer_ == nullptr) {
    throw Error(ErrorKind::not_found, "has no tokenizer", path_.string(),
                "put the model's tokenizer.json beside its weights");
  }
  return *tokenizer_;
}

Parameters* Model::parameters() const { return theta_ == nullptr ? nullptr : &theta_->parameters; }

void Model::prepare(ThreadPool& pool) {
  if (theta_ == nullptr) stack_.prepare(pool);
}

}  // namespace jielong
