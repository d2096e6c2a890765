#include "token/training/unigram_seeds.h"

#include <algorithm>
#include <atomic>

#include "base/utf8.h"

namespace jielong {
namespace {

/// A place in a word where a substring may begin.
struct Suffix {
  std::uint32_t word;
  std::uint32_t begin;  ///< in bytes
  std::uint32_t end;    ///< of what has been compared so far
  char32_t next;        ///< the character at `end`, kEnd behind the last one
};

constexpr char32_t kEnd = 0xFFFFFFFF;

/// Walks the suffix tree below one character, sorting as it goes.
class SuffixTree {
 public:
  SuffixTree(const std::vector<CountedWord>& words, std::size_t max_chars)
      : words_(words), max_chars_(max_chars) {}

  /// `group`: all suffixes that share their first `chars` characters.
  void visit(std::vector<Suffix>::iterator begin, std::vector<Suffix>::iterator end,
             std::size_t chars, std::vector<UnigramSeed>& out) {
    if (end - begin == 1) return visit_last(*begin, out);
    for (auto it = begin; it != end; ++it) it->next = character(*it);
    std::sort(begin, end, [](const Suffix& a, const Suffix& b) {
      if (a.next != b.next) return a.next < b.next;
      if (a.word != b.word) return a.word < b.word;
      return a.begin < b.begin;
    });
    const bool branches = begin->next != (end - 1)->next || begin->next == kEnd;
    if (chars >= 2 && branches) {
      std::uint64_t count = 0;
      for (auto it = begin; it != end; ++it) count += words_[it->word].count;
      const std::string_view text = words_[begin->word].text;
      out.push_back({text.substr(begin->begin, begin->end - begin->begin), count});
    }
    if (chars == max_chars_) return;
    for (auto first = begin; first != end && first->next != kEnd;) {
      auto last = first;
      while (last != end && last->next == first->next) {
        last->end += length(*last);
        ++last;
      }
      visit(first, last, chars + 1, out);
      first = last;
    }
  }

  /// A suffix that nothing else shares: a piece only where it is a whole word.
  void visit_last(const Suffix& suffix, std::vector<UnigramSeed>& out) const {
    const CountedWord& word = words_[suffix.word];
    if (suffix.begin > 0 || word.count < 2) return;
    const std::size_t chars = count_chars(word.text);
    if (chars >= 2 && chars <= max_chars_) out.push_back({word.text, word.count});
  }

  char32_t character(const Suffix& suffix) const {
    const std::string_view text = words_[suffix.word].text;
    return suffix.end < text.size() ? decode_utf8(text.substr(suffix.end)).value : kEnd;
  }

 private:
  std::uint32_t length(const Suffix& suffix) const {
    return decode_utf8(words_[suffix.word].text.substr(suffix.end)).length;
  }

  const std::vector<CountedWord>& words_;
  std::size_t max_chars_;
};

}  // namespace

std::vector<UnigramSeed> find_unigram_seeds(const std::vector<CountedWord>& words,
                                            std::size_t max_chars, std::size_t limit,
                                            ThreadPool& pool) {
  std::vector<Suffix> suffixes;
  for (std::uint32_t w = 0; w < words.size(); ++w) {
    const std::string_view text = words[w].text;
    for (std::uint32_t at = 0; at < text.size();) {
      const CodePoint point = decode_utf8(text.substr(at));
      suffixes.push_back({w, at, at + point.length, point.value});
      at += point.length;
    }
  }
  std::stable_sort(suffixes.begin(), suffixes.end(),
                   [](const Suffix& a, const Suffix& b) { return a.next < b.next; });
  std::vector<std::size_t> borders{0};  // of groups that begin with the same character
  for (std::size_t i = 1; i <= suffixes.size(); ++i) {
    if (i == suffixes.size() || suffixes[i].next != suffixes[i - 1].next) borders.push_back(i);
  }
  std::vector<std::vector<UnigramSeed>> found(borders.size());  // (groups)
  std::atomic<std::size_t> next{0};
  pool.run([&](int, int) {
    SuffixTree tree(words, max_chars);
    for (std::size_t g = next++; g + 1 < borders.size(); g = next++) {
      tree.visit(suffixes.begin() + static_cast<std::ptrdiff_t>(borders[g]),
                 suffixes.begin() + static_cast<std::ptrdiff_t>(borders[g + 1]), 1, found[g]);
    }
  });

  struct Scored {
    std::uint64_t score;
    UnigramSeed seed;
  };
  std::vector<Scored> scored;
  for (const auto& group : found) {
    for (const UnigramSeed& seed : group) {
      scored.push_back({seed.count * count_chars(seed.text), seed});
    }
  }
  const auto better = [](const Scored& a, const Scored& b) {
    return a.score != b.score ? a.score > b.score : a.seed.text < b.seed.text;
  };
  if (scored.size() > limit) {
    std::nth_element(scored.begin(), scored.begin() + static_cast<std::ptrdiff_t>(limit),
                     scored.end(), better);
    scored.resize(limit);
  }
  std::sort(scored.begin(), scored.end(), better);
  std::vector<UnigramSeed> seeds;
  seeds.reserve(scored.size());
  for (const Scored& entry : scored) seeds.push_back(entry.seed);
  return seeds;
}

}  // namespace jielong
