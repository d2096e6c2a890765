#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/thread_pool.h"
#include "token/pre_tokenizer.h"
#include "token/string_table.h"

namespace jielong {

/// Told (stage, done, total) now and then while a tokenizer is trained; it may throw to stop.
using TrainingProgress =
    std::function<void(std::string_view stage, std::uint64_t done, std::uint64_t total)>;

/// The distinct words of a text and how often each occurs, in no particular order.
class TrainingWords {
 public:
  std::uint32_t size() const { return words_.size(); }
  std::string_view word(std::uint32_t index) const { return words_.view(index); }
  std::uint64_t count(std::uint32_t index) const { return counts_[index]; }

  void add(std::string_view word, std::uint64_t count);

 private:
  StringTable words_;
  std::vector<std::uint64_t> counts_;  ///< (words)
};

/// Cuts texts into words and counts them, on all threads of a pool. The counts do not depend on
/// the number of threads; the order of words does.
class WordCounter {
 public:
  /// @param cuts_at_spaces  no word spans the place between an ASCII letter or digit and a space
  ///   before a letter, so that long texts may be cut there and shared between threads
  WordCounter(PreTokenizers steps, bool cuts_at_spaces, ThreadPool& pool);

  /// Texts of below 4 GiB each. More texts a call keep more threads busy.
  void add(std::span<const std::string_view> texts);
  /// Everything counted so far; the counter is empty afterwards.
  TrainingWords finish();

 private:
  struct Part {
    std::string_view text;
    bool starts_text;
  };
  void count(const Part& part, Words& words, TrainingWords& counts) const;

  PreTokenizers steps_;
  bool cuts_at_spaces_;
  ThreadPool& pool_;
  std::vector<TrainingWords> counts_;  ///< (threads)
};

}  // namespace jielong
