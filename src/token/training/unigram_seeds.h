#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/thread_pool.h"

namespace jielong {

/// A word to learn from. All of it is valid UTF-8.
struct CountedWord {
  std::string_view text;
  std::uint64_t count;
};

/// A piece that a vocabulary may hold.
struct UnigramSeed {
  std::string_view text;  ///< a part of some word
  std::uint64_t count;    ///< how often it occurs in all words
};

/// Characters of valid UTF-8.
inline std::size_t count_chars(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return count;
}

/// The substrings of two to `max_chars` characters that occur in more than one place and are not
/// always followed by one and the same character: the inner nodes of the words' suffix tree (Kudo
/// 2018 takes them from a suffix array). Whole words that occur more than once, too. The `limit`
/// with the largest product of count and length in characters, best first. The same at any number
/// of threads.
std::vector<UnigramSeed> find_unigram_seeds(const std::vector<CountedWord>& words,
                                            std::size_t max_chars, std::size_t limit,
                                            ThreadPool& pool);

}  // namespace jielong
