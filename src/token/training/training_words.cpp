#include "token/training/training_words.h"

#include <atomic>
#include <utility>

#include "base/error.h"

namespace jielong {
namespace {

constexpr std::size_t kPartBytes = 1 << 16;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_letter_or_digit(char c) { return is_letter(c) || (c >= '0' && c <= '9'); }

/// The first place from `at` on where a letter or digit stands before a space before a letter.
std::size_t find_cut(std::string_view text, std::size_t at) {
  for (std::size_t i = at; i + 1 < text.size(); ++i) {
    if (text[i] == ' ' && i > 0 && is_letter_or_digit(text[i - 1]) && is_letter(text[i + 1])) {
      return i;
    }
  }
  return text.size();
}

}  // namespace

void TrainingWords::add(std::string_view word, std::uint64_t count) {
  const std::uint32_t found = words_.find(word);
  if (found != StringTable::kNone) {
    counts_[found] += count;
  } else {
    words_.add(word);
    counts_.push_back(count);
  }
}

WordCounter::WordCounter(PreTokenizers steps, bool cuts_at_spaces, ThreadPool& pool)
    : steps_(std::move(steps)),
      cuts_at_spaces_(cuts_at_spaces),
      pool_(pool),
      counts_(static_cast<std::size_t>(pool.size())) {}

void WordCounter::add(std::span<const std::string_view> texts) {
  std::vector<Part> parts;
  for (std::string_view text : texts) {
    if (text.size() > 0xFFFFFFFFU) {
      throw Error(ErrorKind::limit, "a text is larger than 4 GiB", {}, "cut it into documents");
    }
    bool starts_text = true;
    while (cuts_at_spaces_ && text.size() > 2 * kPartBytes) {
      const std::size_t cut = find_cut(text, kPartBytes);
      if (cut == text.size()) break;
      parts.push_back({text.substr(0, cut), starts_text});
      text.remove_prefix(cut);
      starts_text = false;
    }
    if (!text.empty()) parts.push_back({text, starts_text});
  }
  std::atomic<std::size_t> next{0};
  pool_.run([&](int thread, int) {
    Words words;
    for (std::size_t i = next++; i < parts.size(); i = next++) {
      count(parts[i], words, counts_[static_cast<std::size_t>(thread)]);
    }
  });
}

void WordCounter::count(const Part& part, Words& words, TrainingWords& counts) const {
  words.text.assign(part.text);
  words.ranges.assign(1, {0, static_cast<std::uint32_t>(part.text.size())});
  for (const auto& step : steps_) step->apply(words, part.starts_text);
  for (const TextRange& range : words.ranges) {
    if (range.end > range.begin) counts.add(words.view(range), 1);
  }
}

TrainingWords WordCounter::finish() {
  TrainingWords all = std::move(counts_.front());
  for (std::size_t t = 1; t < counts_.size(); ++t) {
    for (std::uint32_t i = 0; i < counts_[t].size(); ++i) {
      all.add(counts_[t].word(i), counts_[t].count(i));
    }
  }
  for (TrainingWords& counts : counts_) counts = {};
  return all;
}

}  // namespace jielong
