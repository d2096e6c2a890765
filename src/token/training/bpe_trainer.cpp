#include "token/training/bpe_trainer.h"

#include <algorithm>
#include <array>
#include <queue>
#include <unordered_set>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"
#include "token/byte_letters.h"
#include "token/string_table.h"
#include "token/training/pair_counts.h"
#include "token/vocabulary.h"

namespace jielong {
namespace {

/// With fewer words a merge is not worth waking threads for.
constexpr std::size_t kWordsForThreads = 4096;
constexpr std::size_t kMergesBetweenReports = 256;

/// What stands on one side of the pair being merged: how often each token does, and where.
/// Indexed by token, so that counting costs no hashing.
class Neighbours {
 public:
  void reserve(std::size_t tokens) {
    if (counts_.size() < tokens) {
      counts_.resize(tokens);
      words_.resize(tokens);
    }
  }
  void add(Token token, std::int64_t count, std::uint32_t word) {
    const auto i = static_cast<std::size_t>(token);
    if (words_[i].empty()) tokens_.push_back(token);
    counts_[i] += count;
    if (words_[i].empty() || words_[i].back() != word) words_[i].push_back(word);
  }
  void take(Neighbours& other) {
    for (const Token token : other.tokens_) {
      const auto i = static_cast<std::size_t>(token);
      if (words_[i].empty()) tokens_.push_back(token);
      counts_[i] += std::exchange(other.counts_[i], 0);
      words_[i].insert(words_[i].end(), other.words_[i].begin(), other.words_[i].end());
      other.words_[i] = {};
    }
    other.tokens_.clear();
  }
  /// Calls visit(token, count, words) for each and forgets them.
  template <class Visit>
  void drain(Visit visit) {
    for (const Token token : tokens_) {
      const auto i = static_cast<std::size_t>(token);
      visit(token, std::exchange(counts_[i], 0), std::move(words_[i]));
      words_[i] = {};
    }
    tokens_.clear();
  }

 private:
  std::vector<std::int64_t> counts_;               ///< (tokens)
  std::vector<std::vector<std::uint32_t>> words_;  ///< (tokens)
  std::vector<Token> tokens_;                      ///< those with an entry
};

/// A pair that waits to be merged, with the words in which it was found.
struct Candidate {
  std::int64_t count;
  Token left, right;
  std::uint32_t words;  ///< index of their list

  bool operator<(const Candidate& other) const {
    if (count != other.count) return count < other.count;
    return std::pair(left, right) > std::pair(other.left, other.right);
  }
};

class BpeTrainer {
 public:
  BpeTrainer(const TrainingWords& words, const BpeTraining& options, ThreadPool& pool)
      : words_(words),
        options_(options),
        pool_(pool),
        sides_(static_cast<std::size_t>(pool.size())) {
    for (const std::string& special : options.special) token_of(special, special.size());
    choose_alphabet();
    spell_words();
    count_pairs();
  }

  LearntBpe train(const TrainingProgress& progress) {
    const std::size_t first = pieces_.size();
    while (pieces_.size() < options_.vocabulary && !queue_.empty()) {
      Candidate top = queue_.top();
      queue_.pop();
      const std::int64_t count = counts_[PairCounts::key_of(top.left, top.right)];
      if (top.count != count) {
        top.count = count;
        if (count > 0) queue_.push(top);
        continue;
      }
      if (static_cast<std::uint64_t>(count) < options_.min_frequency) break;
      merge(top);
      if (progress && merges_.size() % kMergesBetweenReports == 0) {
        progress("merging", pieces_.size() - first,
                 options_.vocabulary > first ? options_.vocabulary - first : 0);
      }
    }
    return finish();
  }

 private:
  Token token_of(const std::string& piece, std::size_t bytes) {
    const std::uint32_t found = pieces_.find(piece);
    if (found != StringTable::kNone) return static_cast<Token>(found);
    lengths_.push_back(bytes);
    return static_cast<Token>(pieces_.add(piece));
  }

  void choose_alphabet() {
    std::array<std::uint64_t, 256> counts{};
    for (std::uint32_t i = 0; i < words_.size(); ++i) {
      for (const char c : words_.word(i)) {
        counts[static_cast<unsigned char>(c)] += words_.count(i);
      }
    }
    std::vector<int> bytes;
    for (int byte = 0; byte < 256; ++byte) {
      if (options_.all_bytes || counts[static_cast<std::size_t>(byte)] > 0) bytes.push_back(byte);
    }
    const auto& letters = byte_letters::letters();
    const auto letter = [&](int byte) {
      return decode_utf8(letters[static_cast<std::size_t>(byte)]).value;
    };
    const auto by_letter = [&](int a, int b) { return letter(a) < letter(b); };
    std::sort(bytes.begin(), bytes.end(), by_letter);
    if (options_.limit_alphabet && bytes.size() > *options_.limit_alphabet) {
      std::stable_sort(bytes.begin(), bytes.end(), [&](int a, int b) {
        return counts[static_cast<std::size_t>(a)] > counts[static_cast<std::size_t>(b)];
      });
      bytes.resize(*options_.limit_alphabet);
      std::sort(bytes.begin(), bytes.end(), by_letter);
    }
    byte_tokens_.fill(-1);
    for (const int byte : bytes) {
      const auto i = static_cast<std::size_t>(byte);
      byte_tokens_[i] = token_of(letters[i], 1);
    }
  }

  void spell_words() {
    begins_.reserve(words_.size() + std::size_t{1});
    sizes_.reserve(words_.size());
    std::size_t total = 0;
    for (std::uint32_t i = 0; i < words_.size(); ++i) total += words_.word(i).size();
    symbols_.reserve(total);
    for (std::uint32_t i = 0; i < words_.size(); ++i) {
      begins_.push_back(symbols_.size());
      for (const char c : words_.word(i)) {
        const Token token = byte_tokens_[static_cast<unsigned char>(c)];
        if (token >= 0) symbols_.push_back(token);
      }
      sizes_.push_back(static_cast<std::uint32_t>(symbols_.size() - begins_.back()));
    }
  }

  void count_pairs() {
    const std::size_t tokens = pieces_.size();
    // All tokens are bytes so far: a dense table over (left, right), one row a left token.
    std::vector<std::int64_t> counts(tokens * 256);
    std::vector<std::vector<std::uint32_t>> lists(tokens * 256);
    std::vector<Token> column(tokens, 0), token_of_column;
    for (const Token token : byte_tokens_) {
      if (token < 0) continue;
      column[static_cast<std::size_t>(token)] = static_cast<Token>(token_of_column.size());
      token_of_column.push_back(token);
    }
    for (std::uint32_t w = 0; w < words_.size(); ++w) {
      const Token* symbols = symbols_.data() + begins_[w];
      const auto count = static_cast<std::int64_t>(words_.count(w));
      for (std::uint32_t i = 0; i + 1 < sizes_[w]; ++i) {
        const std::size_t at =
            static_cast<std::size_t>(symbols[i]) * 256 +
            static_cast<std::size_t>(column[static_cast<std::size_t>(symbols[i + 1])]);
        counts[at] += count;
        if (lists[at].empty() || lists[at].back() != w) lists[at].push_back(w);
      }
    }
    for (std::size_t at = 0; at < counts.size(); ++at) {
      if (counts[at] == 0) continue;
      const auto left = static_cast<Token>(at / 256);
      const Token right = token_of_column[at % 256];
      counts_[PairCounts::key_of(left, right)] = counts[at];
      push(left, right, counts[at], std::move(lists[at]));
    }
  }

  void push(Token left, Token right, std::int64_t count, std::vector<std::uint32_t> words) {
    if (count <= 0) return;
    queue_.push({count, left, right, static_cast<std::uint32_t>(lists_.size())});
    lists_.push_back(std::move(words));
  }

  /// Replaces the pair in one word and notes what stood beside it.
  void merge_word(std::uint32_t word, Token left, Token right, Token result, Neighbours& before,
                  Neighbours& behind) {
    Token* symbols = symbols_.data() + begins_[word];
    const auto count = static_cast<std::int64_t>(words_.count(word));
    const std::uint32_t size = sizes_[word];
    std::uint32_t out = 0;
    for (std::uint32_t i = 0; i < size;) {
      if (symbols[i] != left || i + 1 == size || symbols[i + 1] != right) {
        symbols[out++] = symbols[i++];
        continue;
      }
      if (out > 0) before.add(symbols[out - 1], count, word);
      if (i + 2 < size) behind.add(symbols[i + 2], count, word);
      symbols[out++] = result;
      i += 2;
    }
    sizes_[word] = out;
  }

  bool fits(Token left, Token right) const {
    return options_.max_token_bytes == 0 ||
           lengths_[static_cast<std::size_t>(left)] + lengths_[static_cast<std::size_t>(right)] <
               options_.max_token_bytes;
  }

  void merge(const Candidate& top) {
    std::string piece(pieces_.view(static_cast<std::uint32_t>(top.left)));
    piece += pieces_.view(static_cast<std::uint32_t>(top.right));
    const Token result = token_of(piece, lengths_[static_cast<std::size_t>(top.left)] +
                                             lengths_[static_cast<std::size_t>(top.right)]);
    merges_.emplace_back(top.left, top.right);

    const std::vector<std::uint32_t> words = std::move(lists_[top.words]);
    lists_[top.words] = {};
    for (auto& [before, behind] : sides_) {
      before.reserve(pieces_.size());
      behind.reserve(pieces_.size());
    }
    const auto merge_part = [&](std::int64_t begin, std::int64_t end, std::size_t thread) {
      auto& [before, behind] = sides_[thread];
      for (std::int64_t i = begin; i < end; ++i) {
        merge_word(words[static_cast<std::size_t>(i)], top.left, top.right, result, before, behind);
      }
    };
    const auto count = static_cast<std::int64_t>(words.size());
    if (words.size() < kWordsForThreads) {
      merge_part(0, count, 0);
    } else {
      pool_.run([&](int thread, int threads) {
        const auto [begin, end] = ThreadPool::slice(count, 1, thread, threads);
        merge_part(begin, end, static_cast<std::size_t>(thread));
      });
      for (std::size_t t = 1; t < sides_.size(); ++t) {
        sides_[0].first.take(sides_[t].first);
        sides_[0].second.take(sides_[t].second);
      }
    }
    note_new_pairs(top, result);
  }

  /// (x, left) gave way to (x, result), (right, y) to (result, y).
  void note_new_pairs(const Candidate& top, Token result) {
    struct Fresh {
      Token left, right;
      std::vector<std::uint32_t> words;
    };
    std::vector<Fresh> fresh;
    std::size_t doubled = static_cast<std::size_t>(-1);  // (result, result), which both sides see
    sides_[0].first.drain([&](Token x, std::int64_t count, std::vector<std::uint32_t> words) {
      counts_[PairCounts::key_of(x, top.left)] -= count;
      if (!fits(x, result)) return;
      counts_[PairCounts::key_of(x, result)] += count;
      if (x == result) doubled = fresh.size();
      fresh.push_back({x, result, std::move(words)});
    });
    sides_[0].second.drain([&](Token y, std::int64_t count, std::vector<std::uint32_t> words) {
      counts_[PairCounts::key_of(top.right, y)] -= count;
      if (!fits(result, y)) return;
      counts_[PairCounts::key_of(result, y)] += count;
      if (y == result && doubled < fresh.size()) {
        auto& list = fresh[doubled].words;
        list.insert(list.end(), words.begin(), words.end());
        std::sort(list.begin(), list.end());  // threads must not meet at one word
        list.erase(std::unique(list.begin(), list.end()), list.end());
      } else {
        fresh.push_back({result, y, std::move(words)});
      }
    });
    for (Fresh& pair : fresh) {
      push(pair.left, pair.right, counts_[PairCounts::key_of(pair.left, pair.right)],
           std::move(pair.words));
    }
  }

  LearntBpe finish() {
    LearntBpe learnt;
    for (std::uint32_t i = 0; i < pieces_.size(); ++i) learnt.pieces.emplace_back(pieces_.view(i));
    // A piece that two ways lead to can bring a pair back after its merge; the last place counts.
    std::unordered_set<std::uint64_t> seen;
    for (auto it = merges_.rbegin(); it != merges_.rend(); ++it) {
      if (seen.insert(PairCounts::key_of(it->first, it->second)).second) {
        learnt.merges.push_back(*it);
      }
    }
    std::reverse(learnt.merges.begin(), learnt.merges.end());
    return learnt;
  }

  const TrainingWords& words_;
  const BpeTraining& options_;
  ThreadPool& pool_;

  StringTable pieces_;
  std::vector<std::size_t> lengths_;  ///< (tokens) in bytes of text
  std::array<Token, 256> byte_tokens_;
  std::vector<std::pair<Token, Token>> merges_;

  std::vector<Token> symbols_;        ///< of all words, one after the other
  std::vector<std::size_t> begins_;   ///< (words) into symbols_
  std::vector<std::uint32_t> sizes_;  ///< (words) symbols left of each

  PairCounts counts_;
  std::priority_queue<Candidate> queue_;
  std::vector<std::vector<std::uint32_t>> lists_;         ///< words of candidates
  std::vector<std::pair<Neighbours, Neighbours>> sides_;  ///< (threads) before, behind
};

}  // namespace

LearntBpe train_bpe(const TrainingWords& words, const BpeTraining& options, ThreadPool& pool,
                    const TrainingProgress& progress) {
  if (options.vocabulary > static_cast<std::size_t>(Vocabulary::kMaxSize)) {
    throw Error(ErrorKind::limit, "a vocabulary of that size is more than 16 million tokens");
  }
  return BpeTrainer(words, options, pool).train(progress);
}

}  // namespace jielong
