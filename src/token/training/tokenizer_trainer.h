#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "token/training/training_words.h"

namespace jielong {

/// How to learn a tokenizer from text.
struct TokenizerTraining {
  enum class Kind : std::uint8_t { bpe, unigram };

  Kind kind = Kind::bpe;
  std::size_t vocabulary = 32000;  ///< tokens in all
  /// BPE: where words are cut: "gpt2", "llama3", "qwen2", "gpt4o", "tekken", or a regular
  /// expression.
  std::string pattern = "gpt2";
  std::uint64_t min_frequency = 2;            ///< BPE: of a pair that becomes a token
  std::optional<std::size_t> limit_alphabet;  ///< BPE: bytes that get a token
  bool all_bytes = true;                      ///< any text has tokens
  double coverage = 0.9995;  ///< Unigram: of the text by characters with a piece of their own

  /// Jobs of special tokens as tokenizer_config.json names them, as {"eos_token", "<|endoftext|>"}.
  std::vector<std::pair<std::string, std::string>> roles = {{"bos_token", "<|endoftext|>"},
                                                            {"eos_token", "<|endoftext|>"}};
  std::vector<std::string> special;  ///< more of them
  /// Whether encoding puts BOS (or [CLS]) before a text, EOS (or [SEP]) behind it.
  bool add_bos = false, add_eos = false;
  std::string chat_template;  ///< goes into tokenizer_config.json
};

/// A tokenizer as two files of the Hugging Face format, which `tokenizers` and
/// tokenizer_from_json() read.
struct TrainedTokenizer {
  std::string tokenizer_json;
  std::string config_json;
  std::size_t tokens = 0;
  std::size_t words = 0;  ///< distinct ones in the text
  /// Unigram: −log p of the text in nats a character.
  std::optional<double> loss;
};

/// Learns a tokenizer: give it all texts, then finish. The same at any number of threads.
class TokenizerTrainer {
 public:
  /// Throws Error(bad_input) for settings that do not fit together.
  TokenizerTrainer(TokenizerTraining settings, ThreadPool& pool, TrainingProgress progress = {});

  /// Texts of below 4 GiB each. What is not UTF-8 is learnt byte by byte (BPE) or left out.
  void add(std::span<const std::string_view> texts) { counter_.add(texts); }
  /// Throws Error(bad_input) when there was no text.
  TrainedTokenizer finish();

 private:
  TokenizerTraining settings_;
  ThreadPool& pool_;
  TrainingProgress progress_;
  std::vector<std::string> special_;  ///< all of them, the first tokens in this order
  WordCounter counter_;
};

/// The kinds of `pattern` that have a name.
std::vector<std::string_view> tokenizer_pattern_names();

}  // namespace jielong
