#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/thread_pool.h"
#include "model/chat_template.h"
#include "token/tokenizer.h"
#include "train/data/learning_format.h"
#include "train/data/record_reader.h"
#include "train/data/token_shard.h"

namespace jielong {

/// One of the places that documents come from.
struct DataSource {
  std::string name;                ///< names its files and its lines in reports
  std::vector<std::string> paths;  ///< see find_data_files()
  TextCut cut = TextCut::file;
  std::string separator;  ///< a line that ends a document; instead of `cut`
  FieldNames fields;
  /// Its share of the tokens trained on, relative to the other sources'.
  double weight = 1;
};

/// Bytes that are not UTF-8.
enum class InvalidUtf8 : std::uint8_t { replace, refuse };

struct DataSettings {
  LearningFormat format = LearningFormat::next_token;
  std::vector<DataSource> sources;
  /// The share of documents that is never trained on. Which ones those are depends on the text of
  /// each alone, so it stays the same when data is added, moved or shuffled.
  double held_out = 0.01;
  bool drop_duplicates = false;
  InvalidUtf8 invalid_utf8 = InvalidUtf8::replace;
  /// The classes by number; empty: those found, numbers in their order or words in the alphabet's.
  std::vector<std::string> classes;
};

/// A source in tokens.
struct PreparedSource {
  std::string name;
  double weight = 1;
  TokenShard training, held_out;
};

struct PreparedData {
  LearningFormat format = LearningFormat::next_token;
  std::vector<PreparedSource> sources;
  std::vector<std::string> classes;

  std::int64_t training_tokens() const;
  std::int64_t held_out_tokens() const;
};

/// Told (source, bytes read, bytes in all) now and then; it may throw to stop.
using DataProgress =
    std::function<void(std::string_view source, std::uint64_t done, std::uint64_t total)>;

/// Reads all sources and writes them in tokens to NAME.training.tokens and NAME.held-out.tokens in
/// `folder`, on all threads of the pool; what is there already from the same files, settings and
/// tokenizer is used as it is. The files are the same at any number of threads.
/// @param chat  for chats; may be null where there are none
/// Throws Error(bad_input) with file and line for broken records, and for sources without any.
PreparedData prepare_data(const DataSettings& settings, const Tokenizer& tokenizer,
                          const ChatTemplate* chat, const std::filesystem::path& folder,
                          ThreadPool& pool, const DataProgress& progress = {});

/// Tells tokenizers apart: a SHA-256 of the vocabulary and of how it cuts a sample of text.
std::string tokenizer_fingerprint(const Tokenizer& tokenizer);

}  // namespace jielong
