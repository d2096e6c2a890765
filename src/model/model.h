#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "model/hyperparameters.h"
#include "model/stack.h"
#include "token/tokenizer.h"

namespace jielong {

struct LoadOptions {
  /// The longest chain that will be asked for; 0: what the model was trained for. LongRoPE
  /// models choose their factors by it.
  std::int64_t context_length = 0;
  /// Read files whose pre-tokenizer name is unknown with GPT-2's pattern, instead of refusing.
  bool allow_unknown_pre_tokenizer = false;
};

/// f_θ: an architecture with its weights, and the tokens it speaks. Immutable after
/// prepare(), so that any number of runners may share it.
class Model {
 public:
  /// Reads a GGUF file or a folder in Hugging Face layout (see locate_model). Weights stay
  /// mapped; every shape is checked. Throws Error with file and field for anything wrong.
  static std::shared_ptr<Model> load(const std::filesystem::path& path,
                                     const LoadOptions& options = {});

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
  /// Number of parameters, and bytes they take in the file.
  std::int64_t parameters() const { return parameters_; }
  std::uint64_t file_bytes() const { return file_bytes_; }

  /// Lays the weights out for the active instruction set; until then the model cannot run.
  void prepare(ThreadPool& pool);

 private:
  Model() = default;
  void load_gguf(const std::filesystem::path& path, const LoadOptions& options);
  void load_folder(const std::filesystem::path& path, const LoadOptions& options);
  void build(const struct Family& family, std::shared_ptr<const class TensorFile> file,
             bool is_gguf, const LoadOptions& options);

  std::filesystem::path path_;
  Hyperparameters hyper_;
  Stack stack_;
  std::int64_t context_length_ = 0;
  std::unique_ptr<Tokenizer> tokenizer_;
  std::optional<std::string> chat_template_;
  std::int64_t parameters_ = 0;
  std::uint64_t file_bytes_ = 0;
};

}  // namespace jielong
