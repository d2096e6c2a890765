#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/hyperparameters.h"
#include "model/stack.h"
#include "model/theta.h"
#include "model/weight_source.h"
#include "token/tokenizer.h"

namespace jielong {

struct LoadOptions {
  /// The longest chain that will be asked for; 0: what the model was trained for. LongRoPE
  /// models choose their factors by it.
  std::int64_t context_length = 0;
  /// Read files whose pre-tokenizer name is unknown with GPT-2's pattern, instead of refusing.
  bool allow_unknown_pre_tokenizer = false;
  /// Read all weights into memory as f32, where training may change them (see parameters()).
  bool trainable = false;
};

struct CreateOptions {
  std::uint64_t seed = 1;
  /// A tokenizer.json, a folder that has one, or a model whose tokenizer to take; empty: none.
  std::filesystem::path tokenizer = {};
  bool tied_embeddings = true;  ///< the token embedding is the head, too
  float deviation = 0.02f;      ///< of the first values; see new_weights.h
  /// Tensors to make where layers find them optional, besides the family's own, as patterns:
  /// "blk.{}.attn_q_norm.weight" for norms of queries, "blk.{}.attn_q.bias" for biases.
  std::vector<std::string> optional_tensors = {};
};

/// f_θ: an architecture with its weights, and the tokens it speaks. Immutable after
/// prepare(), so that any number of runners may share it; but for the parameters of one that
/// trains, which the trainer changes while nothing runs.
class Model {
 public:
  /// Reads a GGUF file or a folder in Hugging Face layout (see locate_model). Weights stay
  /// mapped; every shape is checked. Throws Error with file and field for anything wrong.
  static std::shared_ptr<Model> load(const std::filesystem::path& path,
                                     const LoadOptions& options = {});

  /// A new model of hyper.family that knows nothing yet, to be trained. Counts that are 0 become
  /// the usual ones: heads of channels / heads, a feed-forward layer of 4 · channels (8/3 where it
  /// is gated), the tokenizer's vocabulary. Throws Error(bad_input) for what cannot be,
  /// Error(unsupported) for a tokenizer that GGUF cannot describe.
  static std::shared_ptr<Model> create(const Hyperparameters& hyper, const CreateOptions& options,
                                       ThreadPool& pool);

  const Hyperparameters& hyper() const { return hyper_; }
  const Stack& stack() const { return stack_; }
  /// The longest chain it was loaded for.
  std::int64_t context_length() const { return context_length_; }
  /// Whether it continues chains; encoders such as BERT only return vectors.
  bool generates() const { return static_cast<bool>(stack_.head); }

  /// Throws Error(not_found) when the files had no tokenizer.
  const Tokenizer& tokenizer() const;
  bool has_tokenizer() const { return tokenizer_ != nullptr; }
  /// The source of the chat template that came with the model.
  const std::optional<std::string>& chat_template() const { return chat_template_; }

  const std::filesystem::path& path() const { return path_; }
  /// What training changes; null unless the model was created or loaded for it.
  Parameters* parameters() const;
  const Theta* theta() const { return theta_.get(); }

  /// Number of parameters, and bytes they take in the file.
  std::int64_t parameter_count() const { return parameter_count_; }
  std::uint64_t file_bytes() const { return file_bytes_; }

  /// Lays the weights out for the active instruction set; until then the model cannot run. One that
  /// trains runs as it is, and this does nothing.
  void prepare(ThreadPool& pool);

 private:
  Model() = default;
  void load_gguf(const std::filesystem::path& path, const LoadOptions& options);
  void load_folder(const std::filesystem::path& path, const LoadOptions& options);
  void load_trainable(const std::filesystem::path& path, bool is_gguf, const LoadOptions& options);
  void read_metadata(const Metadata& metadata, const struct Family& family,
                     const LoadOptions& options);
  void count(const TensorFile& file);
  void build(const Family& family, const WeightSource& source, const LoadOptions& options);

  std::filesystem::path path_;
  Hyperparameters hyper_;
  Stack stack_;
  std::int64_t context_length_ = 0;
  std::unique_ptr<Tokenizer> tokenizer_;
  std::optional<std::string> chat_template_;
  std::shared_ptr<Theta> theta_;
  std::int64_t parameter_count_ = 0;
  std::uint64_t file_bytes_ = 0;
};

}  // namespace jielong
