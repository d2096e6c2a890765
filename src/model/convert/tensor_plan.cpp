#include "model/convert/tensor_plan.h"

#include <fmt/format.h>

#include <set>

#include "base/error.h"
#include "base/quote.h"
#include "model/convert/rope_factors.h"

namespace jielong {
namespace {

/// Some tensors, and table entries that spell it out, have none.
constexpr std::string_view kSuffixes[] = {"", ".weight", ".bias"};

std::string filled(std::string_view pattern, std::int64_t layer, std::int64_t expert) {
  std::string name(pattern);
  for (const auto& [mark, number] : {std::pair{"{}", layer}, std::pair{"{e}", expert}}) {
    if (const auto at = name.find(mark); at != std::string::npos) {
      name.replace(at, std::string_view(mark).size(), std::to_string(number));
    }
  }
  return name;
}

/// The name under which the file has the tensor, which may lack or have a wrapper's prefix;
/// empty when it has none.
std::string stored_name(const TensorFile& file, const std::string& name) {
  if (file.contains(name)) return name;
  for (const std::string_view prefix : {"model.", "transformer.", "bert."}) {
    const std::string shorter = name.starts_with(prefix) ? name.substr(prefix.size()) : "";
    if (!shorter.empty() && file.contains(shorter)) return shorter;
    if (const std::string longer = std::string(prefix) + name; file.contains(longer)) return longer;
  }
  return {};
}

/// Layers that a table's entry stands for: all, or one that has no number.
std::int64_t layers_of(const TensorName& entry, const Hyperparameters& hyper) {
  return entry.gguf.find("{}") != std::string_view::npos ? hyper.layers : 1;
}

bool is_table(std::string_view stem) {
  return stem == "token_embd" || stem == "position_embd" || stem == "output";
}

/// What the two conventions do differently with a tensor, seen from Hugging Face.
RowChange change_to_gguf(const Family& family, const std::string& stem, std::string_view suffix,
                         std::size_t dimensions) {
  const WeightSource::Dialect& dialect = family.hugging_face;
  if (family.name == "llama" && (stem.ends_with("attn_q") || stem.ends_with("attn_k"))) {
    return RowChange::interleave;
  }
  if (dialect.transposed && dimensions == 2 && !is_table(stem)) return RowChange::transpose;
  if (stem.ends_with("ssm_a")) return RowChange::negative_exp;
  // Qwen3-Next's norm of DeltaNet is stored with its 1.
  if (dialect.gain_plus_one && suffix == ".weight" && stem.ends_with("norm") &&
      !stem.ends_with("ssm_norm")) {
    return RowChange::add_one;
  }
  return RowChange::none;
}

RowChange reversed(RowChange change) {
  if (change == RowChange::interleave) return RowChange::separate;
  if (change == RowChange::add_one) return RowChange::subtract_one;
  if (change == RowChange::negative_exp) return RowChange::log_negative;
  return change;
}

/// The shape in one convention of what recurrent layers keep in another shape in the other.
void reshape_recurrent(RowSource& source, const Hyperparameters& hyper, const std::string& stem,
                       bool to_gguf) {
  std::vector<std::int64_t>& shape = source.shape;
  if (stem.ends_with("ssm_conv1d") && shape.size() > 1) {
    const std::int64_t channels = shape.front(), taps = shape.back();
    shape = to_gguf ? std::vector{channels, taps} : std::vector{channels, std::int64_t{1}, taps};
  }
  if (hyper.family != "mamba2" && hyper.family != "falcon-h1") return;
  const bool per_head = stem.ends_with("ssm_a") || stem.ends_with("ssm_d");
  if (!per_head && !stem.ends_with("ssm_norm")) return;
  std::int64_t count = 1;
  for (const std::int64_t size : shape) count *= size;
  if (!to_gguf || (!per_head && count % hyper.mamba2.groups != 0)) {
    shape = {count};
  } else if (per_head) {
    shape = {count, 1};
  } else {
    shape = {hyper.mamba2.groups, count / hyper.mamba2.groups};
  }
}

void set_shape(RowSource& source, const Hyperparameters& hyper, const std::string& stem,
               bool to_gguf) {
  source.heads = stem.ends_with("attn_k") ? hyper.kv_heads : hyper.heads;
  source.shape = source.parts.front()->shape;
  reshape_recurrent(source, hyper, stem, to_gguf);
  if (source.change == RowChange::transpose) std::swap(source.shape[0], source.shape[1]);
  if (source.change != RowChange::interleave && source.change != RowChange::separate) return;
  if (source.shape.empty() || source.heads < 1 || source.shape[0] % (2 * source.heads) != 0) {
    throw bad_input(fmt::format("has shape {}, which {} heads do not divide",
                                describe_shape(source.shape), source.heads),
                    fmt::format("tensor {}", in_quotes(source.parts.front()->name)));
  }
}

/// Tensors that models carry without needing them.
bool is_dispensable(std::string_view name, bool tied_embeddings) {
  for (const std::string_view ending :
       {".attn.bias", ".attn.masked_bias", "rotary_emb.inv_freq", "position_ids",
        "pooler.dense.weight", "pooler.dense.bias"}) {
    if (name.ends_with(ending)) return true;
  }
  return name.starts_with("cls.") || (tied_embeddings && name.ends_with("lm_head.weight"));
}

RowSource computed(std::string name, std::vector<float> values) {
  RowSource source;
  source.name = std::move(name);
  source.shape = {static_cast<std::int64_t>(values.size())};
  source.values = std::move(values);
  return source;
}

/// A Hugging Face name as the family's checkpoints write it: a bare encoder is not wrapped.
std::string published_name(const Family& family, std::string name) {
  constexpr std::string_view kWrapper = "bert.";
  if (name.starts_with(kWrapper) && family.name == "bert") name.erase(0, kWrapper.size());
  return name;
}

}  // namespace

std::vector<RowSource> plan_gguf_tensors(const TensorFile& file, const Family& family,
                                         const Hyperparameters& hyper, bool tied_embeddings,
                                         std::vector<std::string>& notes) {
  std::vector<RowSource> plan;
  std::set<std::string> used;
  for (std::int64_t layer = 0; layer < hyper.layers; ++layer) {
    for (const TensorName& entry : family.hugging_face.names) {
      if (layer >= layers_of(entry, hyper)) continue;
      if (tied_embeddings && entry.gguf == "output") continue;
      const bool per_expert = entry.hugging_face.find("{e}") != std::string_view::npos;
      for (const std::string_view suffix : kSuffixes) {
        RowSource source;
        const std::int64_t count = per_expert ? hyper.experts : 1;
        for (std::int64_t expert = 0; expert < count; ++expert) {
          const std::string wanted =
              filled(entry.hugging_face, layer, expert) + std::string(suffix);
          const std::string stored = stored_name(file, wanted);
          if (stored.empty() && expert == 0) break;
          source.parts.push_back(&file.require(stored.empty() ? wanted : stored));
          used.insert(source.parts.back()->name);
          if (source.parts.back()->shape != source.parts.front()->shape) {
            throw bad_input(fmt::format("has another shape than its siblings: {}",
                                        describe_shape(source.parts.back()->shape)),
                            fmt::format("tensor {}", in_quotes(source.parts.back()->name)));
          }
        }
        if (source.parts.empty()) continue;
        const std::string stem = filled(entry.gguf, layer, 0);
        source.name = stem + std::string(suffix);
        source.change = change_to_gguf(family, stem, suffix, source.parts.front()->shape.size());
        set_shape(source, hyper, stem, true);
        if (per_expert) source.shape.insert(source.shape.begin(), hyper.experts);
        plan.push_back(std::move(source));
      }
    }
  }
  for (const TensorInfo& tensor : file.tensors()) {
    if (used.contains(tensor.name)) continue;
    if (!is_dispensable(tensor.name, tied_embeddings)) {
      throw Error(ErrorKind::unsupported,
                  fmt::format("tensor {} has no place in GGUF's {} family and would be lost",
                              in_quotes(tensor.name), family.name),
                  file.path().string());
    }
    notes.push_back(fmt::format("left out {}: not needed to run the model", tensor.name));
  }
  for (RopeTensor& tensor : rope_tensors(hyper)) {
    plan.push_back(computed(std::move(tensor.name), std::move(tensor.divisors)));
  }
  return plan;
}

std::vector<RowSource> plan_hugging_face_tensors(const TensorFile& file, const Family& family,
                                                 const Hyperparameters& hyper) {
  std::vector<RowSource> plan;
  std::set<std::string> used;
  for (std::int64_t layer = 0; layer < hyper.layers; ++layer) {
    for (const TensorName& entry : family.hugging_face.names) {
      if (layer >= layers_of(entry, hyper)) continue;
      const std::string stem = filled(entry.gguf, layer, 0);
      const bool per_expert = entry.hugging_face.find("{e}") != std::string_view::npos;
      for (const std::string_view suffix : kSuffixes) {
        const TensorInfo* tensor = file.find(stem + std::string(suffix));
        if (tensor == nullptr) continue;
        used.insert(tensor->name);
        RowSource source;
        source.parts = {tensor};
        source.change = reversed(change_to_gguf(family, stem, suffix, tensor->shape.size()));
        set_shape(source, hyper, stem, false);
        if (!per_expert) {
          source.name =
              published_name(family, filled(entry.hugging_face, layer, 0) + std::string(suffix));
          plan.push_back(std::move(source));
          continue;
        }
        if (source.shape.size() < 2 || source.shape.front() != hyper.experts) {
          throw bad_input(fmt::format("has shape {} where {} experts are expected",
                                      describe_shape(source.shape), hyper.experts),
                          fmt::format("tensor {}", in_quotes(tensor->name)));
        }
        source.shape.erase(source.shape.begin());
        for (std::int64_t expert = 0; expert < hyper.experts; ++expert) {
          source.name = filled(entry.hugging_face, layer, expert) + std::string(suffix);
          source.first_row = expert * source.rows();
          plan.push_back(source);
        }
      }
    }
  }
  for (const TensorInfo& tensor : file.tensors()) {
    // The factors return to config.json.
    if (used.contains(tensor.name) || tensor.name.starts_with("rope_f")) continue;
    throw Error(ErrorKind::unsupported,
                fmt::format("tensor {} has no place in the Hugging Face layout of {} and would be "
                            "lost",
                            in_quotes(tensor.name), family.name),
                file.path().string());
  }
  return plan;
}

}  // namespace jielong
