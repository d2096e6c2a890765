#include "model/convert/plan.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "model/config_fields.h"
#include "model/convert/hyper_metadata.h"
#include "model/convert/rope_factors.h"
#include "model/convert/tensor_plan.h"
#include "model/convert/tokenizer_files.h"
#include "model/convert/tokenizer_metadata.h"
#include "model/family.h"
#include "model/gguf.h"
#include "model/safetensors.h"
#include "model/sentence_pooling.h"

namespace jielong {
namespace {

ModelTraits traits_of(const Hyperparameters& hyper, bool tied_embeddings) {
  return {hyper.family, hyper.layers, hyper.heads, hyper.kv_heads, hyper.experts, tied_embeddings};
}

/// Reads what the recipe's rules ask for; a family that we cannot run may still be quantized.
ModelTraits traits_of(const TensorFile& file, const Metadata& metadata) {
  ModelTraits traits;
  traits.family = metadata.get_or<std::string>("general.architecture", "");
  const auto count = [&](const char* rest) -> std::int64_t {
    const MetaValue* value = metadata.find(traits.family + "." + rest);
    if (value == nullptr) return 0;
    if (!value->is_array()) return value->as<std::int64_t>();
    const auto each_layer = value->as<std::vector<std::int64_t>>();
    return each_layer.empty() ? 0 : each_layer.front();
  };
  traits.layers = count("block_count");
  traits.heads = count("attention.head_count");
  traits.kv_heads = count("attention.head_count_kv");
  if (traits.kv_heads == 0) traits.kv_heads = traits.heads;
  traits.experts = count("expert_count");
  traits.tied_embeddings = !file.contains("output.weight");
  return traits;
}

RowSource unchanged(const TensorInfo& tensor) {
  RowSource source;
  source.name = tensor.name;
  source.shape = tensor.shape;
  source.parts = {&tensor};
  return source;
}

/// What the files state and GGUF cannot.
void check_expressible(const Hyperparameters& hyper) {
  if (hyper.attention_scale <= 0) return;
  const auto is_near = [&](double channels) {
    return std::fabs(hyper.attention_scale * std::sqrt(channels) - 1) < 1e-4;
  };
  const bool is_27b = (hyper.family == "gemma2" && hyper.layers == 46) ||
                      (hyper.family == "gemma3" && hyper.layers == 62);
  const auto expected = static_cast<double>(is_27b ? hyper.channels / hyper.heads : hyper.key_dim);
  if (!is_near(expected)) {
    throw Error(ErrorKind::unsupported, "GGUF cannot state this attention scale",
                "config.json, \"query_pre_attn_scalar\"");
  }
}

std::string_view torch_name(DType dtype) {
  if (dtype == DType::f16) return "float16";
  return dtype == DType::bf16 ? "bfloat16" : "float32";
}

/// Counts BERT's token types; a file without any gets two that change nothing, since the
/// Hugging Face layout has no model without.
void add_segments(const TensorFile& file, Hyperparameters& hyper, std::vector<RowSource>& tensors) {
  if (const TensorInfo* types = file.find("token_types.weight")) {
    hyper.segments = types->rows();
    return;
  }
  hyper.segments = 2;
  RowSource source;
  source.name = "embeddings.token_type_embeddings.weight";
  source.shape = {hyper.segments, hyper.channels};
  source.values.resize(static_cast<std::size_t>(hyper.segments * hyper.channels));
  tensors.push_back(std::move(source));
}

/// Copies the folder's own tokenizer and settings.
void copy_files(const ModelFolder& folder, ConversionPlan& plan) {
  for (const char* name :
       {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
        "generation_config.json", "chat_template.jinja", "vocab.txt", "vocab.json", "merges.txt",
        "modules.json", "sentence_bert_config.json", "1_Pooling/config.json"}) {
    if (auto text = folder.text(name)) plan.files.emplace_back(name, std::move(*text));
  }
}

}  // namespace

ConversionPlan plan_gguf_to_gguf(const std::filesystem::path& path) {
  const auto file = std::make_shared<GgufFile>(path);
  return plan_gguf_to_gguf(file, file->metadata());
}

ConversionPlan plan_gguf_to_gguf(std::shared_ptr<const TensorFile> file, const Metadata& metadata) {
  ConversionPlan plan;
  plan.traits = traits_of(*file, metadata);
  for (const TensorInfo& tensor : file->tensors()) plan.tensors.push_back(unchanged(tensor));
  for (const MetaValue& value : metadata.values()) {
    if (!value.key().starts_with("split.")) plan.metadata.set(value);
  }
  plan.source = std::move(file);
  return plan;
}

ConversionPlan plan_folder_to_gguf(const std::filesystem::path& path) {
  auto folder = std::make_shared<ModelFolder>(path);
  const Json config = parse_json(folder->config(), (path / "config.json").string());
  if (!config.is_object()) {
    throw bad_input("must be a JSON object", (path / "config.json").string());
  }
  const Family& family = family_by_model_type(ConfigFields(config).text("model_type", ""));
  Hyperparameters hyper = read_config_hyperparameters(config, family);
  check_hyperparameters(hyper, (path / "config.json").string());
  check_expressible(hyper);
  if (hyper.name.empty()) hyper.name = std::filesystem::absolute(path).filename().string();
  ConversionPlan plan;
  // Gemma, GPT-2 and Mamba are tied unless they say otherwise; the others the other way round.
  const bool tied_by_default = family.name == "gpt2" || family.name == "gemma2" ||
                               family.name == "gemma3" || family.name == "mamba";
  const bool tied = ConfigFields(config).flag("tie_word_embeddings", tied_by_default);
  plan.tensors = plan_gguf_tensors(folder->tensors(), family, hyper, tied, plan.notes);
  plan.traits = traits_of(
      hyper, std::none_of(plan.tensors.begin(), plan.tensors.end(),
                          [](const RowSource& source) { return source.name == "output.weight"; }));
  for (const RowSource& source : plan.tensors) {
    if (source.name == "token_types.weight") hyper.segments = source.rows();
    if (source.name == "token_embd.weight" && source.rows() != hyper.vocabulary) {
      throw bad_input(
          fmt::format("is {}, but the embedding has {} rows", hyper.vocabulary, source.rows()),
          (path / "config.json").string() + ", \"vocab_size\"");
    }
  }
  read_pooling(*folder, hyper);
  put_hyperparameters(hyper, plan.metadata);
  put_tokenizer(*folder, hyper, plan.metadata, plan.notes);
  plan.source = std::move(folder);
  return plan;
}

ConversionPlan plan_gguf_to_folder(const std::filesystem::path& path, DType dtype) {
  const auto file = std::make_shared<GgufFile>(path);
  return plan_gguf_to_folder(file, file->metadata(), dtype);
}

ConversionPlan plan_gguf_to_folder(std::shared_ptr<const TensorFile> file, const Metadata& metadata,
                                   DType dtype) {
  const Family& family = family_by_name(metadata.require<std::string>("general.architecture"));
  Hyperparameters hyper = read_gguf_hyperparameters(metadata, family);
  if (hyper.vocabulary == 0) hyper.vocabulary = file->require("token_embd.weight").rows();
  check_hyperparameters(hyper, file->path().string());
  ConversionPlan plan;
  plan.traits = traits_of(hyper, !file->contains("output.weight"));
  restore_rope_scaling(*file, hyper);
  plan.tensors = plan_hugging_face_tensors(*file, family, hyper);
  if (family.name == "bert") add_segments(*file, hyper, plan.tensors);
  ConfigFacts facts{
      plan.traits.tied_embeddings, file->contains("blk.0.attn_q.bias"), torch_name(dtype), {}};
  for (std::int64_t i = 0; i < hyper.layers; ++i) {
    facts.expert_layers.push_back(file->contains(fmt::format("blk.{}.ffn_gate_inp.weight", i)));
  }
  plan.files.emplace_back("config.json", make_config_json(hyper, metadata, facts));
  add_pooling_files(hyper, plan.files);
  add_tokenizer_files(metadata, plan.files, plan.notes);
  plan.source = std::move(file);
  return plan;
}

ConversionPlan plan_folder_to_folder(const std::filesystem::path& path,
                                     std::optional<DType> dtype) {
  auto folder = std::make_shared<ModelFolder>(path);
  ConversionPlan plan;
  for (const TensorInfo& tensor : folder->tensors().tensors()) {
    plan.tensors.push_back(unchanged(tensor));
  }
  std::string config = folder->config();
  if (dtype) {
    Json json = parse_json(config, (path / "config.json").string());
    if (json.is_object()) {
      json[json.contains("dtype") ? "dtype" : "torch_dtype"] = torch_name(*dtype);
      config = json.dump(2) + "\n";
    }
  }
  plan.files.emplace_back("config.json", std::move(config));
  copy_files(*folder, plan);
  plan.source = std::move(folder);
  return plan;
}

}  // namespace jielong
