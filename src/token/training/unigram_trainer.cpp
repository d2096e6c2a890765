#include "token/training/unigram_trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"
#include "token/piece_trie.h"
#include "token/training/unigram_seeds.h"

namespace jielong {
namespace {

constexpr double kNone = -std::numeric_limits<double>::infinity();
/// Expected counts are kept as integers of this many parts of one, so that their sums do not
/// depend on the order in which threads add.
constexpr double kParts = 1 << 20;
/// Words are cut here, so that probabilities of whole words stay in the range of doubles.
constexpr std::size_t kMaxWordChars = 48;
/// Rarer pieces are dropped between two rounds.
constexpr double kMinExpected = 0.5;
constexpr int kFitsARound = 2;

struct Piece {
  std::string_view text;
  double score;  ///< log-probability
  bool is_char;
};

/// ψ(x) by its recurrence and asymptotic series (Abramowitz and Stegun 6.3.5, 6.3.18).
double digamma(double x) {
  double result = 0;
  for (; x < 8; x += 1) result -= 1 / x;
  const double f = 1 / (x * x);
  return result + std::log(x) - 0.5 / x -
         f * (1.0 / 12 - f * (1.0 / 120 - f * (1.0 / 252 - f * (1.0 / 240 - f / 132))));
}

std::size_t char_bytes(std::string_view text) { return decode_utf8(text).length; }

/// What a thread needs to walk the lattice of a word. Positions are bytes.
struct Lattice {
  struct Edge {
    std::uint32_t begin, end;
    Token piece;
  };
  std::vector<Edge> edges;  ///< ascending by begin
  std::vector<double> forward, backward;
  std::vector<std::uint32_t> best;  ///< (positions) the edge by which the best path arrives
};

class UnigramTrainer {
 public:
  UnigramTrainer(const TrainingWords& words, const UnigramTraining& options, ThreadPool& pool,
                 const TrainingProgress& progress)
      : options_(options), pool_(pool), progress_(progress) {
    choose_characters(words);
    cut_words(words);
    plant();
  }

  LearntUnigram train() {
    // A little more than wanted is fitted, so that the last choice is made among good pieces.
    const std::size_t enough = std::max(options_.pieces, characters_.size()) * 11 / 10;
    const std::size_t first = pieces_.size();
    while (true) {
      for (int i = 0; i < kFitsARound; ++i) fit(true);
      report("fitting", first - std::min(first, pieces_.size()), first - std::min(first, enough));
      if (pieces_.size() <= enough) break;
      prune(std::max(
          enough, static_cast<std::size_t>(static_cast<double>(pieces_.size()) * options_.shrink)));
    }
    if (pieces_.size() > options_.pieces) prune(options_.pieces);
    for (int i = 0; i < kFitsARound; ++i) fit(false);
    return finish();
  }

 private:
  void report(std::string_view stage, std::uint64_t done, std::uint64_t total) const {
    if (progress_) progress_(stage, done, total);
  }

  /// The characters that get a piece: the most frequent ones that cover the text as asked.
  void choose_characters(const TrainingWords& words) {
    std::map<char32_t, std::uint64_t> counts;
    for (std::uint32_t i = 0; i < words.size(); ++i) {
      const std::string_view word = words.word(i);
      for (std::size_t at = 0; at < word.size();) {
        const CodePoint point = decode_utf8(word.substr(at));
        if (point.valid) counts[point.value] += words.count(i);
        at += point.length;
      }
    }
    std::vector<std::pair<char32_t, std::uint64_t>> sorted(counts.begin(), counts.end());
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const auto& a, const auto& b) { return a.second > b.second; });
    double total = 0, covered = 0;
    for (const auto& [character, count] : sorted) total += static_cast<double>(count);
    for (const auto& [character, count] : sorted) {
      if (covered >= options_.coverage * total && options_.coverage < 1) break;
      covered += static_cast<double>(count);
      characters_.emplace(character, count);
    }
    if (characters_.size() > options_.pieces) {
      throw bad_input(fmt::format("{} pieces are fewer than the text's {} characters",
                                  options_.pieces, characters_.size()),
                      "vocabulary",
                      "ask for a larger vocabulary or a smaller coverage of characters");
    }
  }

  bool is_break(char32_t c) const { return options_.breaks.find(c) != std::u32string::npos; }

  /// Cuts words at characters that have no piece and around line breaks, and sorts them, so that
  /// their order does not depend on that of the counter.
  void cut_words(const TrainingWords& words) {
    for (std::uint32_t i = 0; i < words.size(); ++i) {
      const std::string_view word = words.word(i);
      std::size_t begin = 0, chars = 0, at = 0;
      bool in_break = false;
      const auto flush = [&] {
        if (at > begin) parts_.add(word.substr(begin, at - begin), words.count(i));
        begin = at;
        chars = 0;
      };
      while (at < word.size()) {
        const CodePoint point = decode_utf8(word.substr(at));
        const bool known = point.valid && characters_.count(point.value) > 0;
        const bool breaks = known && is_break(point.value);
        if (!known || breaks != in_break || chars == kMaxWordChars) flush();
        in_break = breaks;
        at += point.length;
        if (known) {
          ++chars;
        } else {
          begin = at;
        }
      }
      flush();
    }
    words_.reserve(parts_.size());
    for (std::uint32_t i = 0; i < parts_.size(); ++i) {
      words_.push_back({parts_.word(i), parts_.count(i)});
    }
    std::sort(words_.begin(), words_.end(),
              [](const CountedWord& a, const CountedWord& b) { return a.text < b.text; });
  }

  /// The pieces to begin with: every character, and the best substrings.
  void plant() {
    report("finding substrings", 0, 1);
    const std::vector<UnigramSeed> seeds =
        find_unigram_seeds(words_, options_.max_chars, options_.seeds, pool_);
    double total = 0;
    const auto plant_one = [&](std::string_view text, std::uint64_t count, bool is_char) {
      // As in SentencePiece the length counts, too: longer pieces explain more of the text.
      const double weight =
          static_cast<double>(count) * (is_char ? 1.0 : static_cast<double>(count_chars(text)));
      total += weight;
      pieces_.push_back({text, std::log(weight), is_char});
    };
    character_texts_.reserve(characters_.size());
    for (const auto& [character, count] : characters_) {
      std::string& text = character_texts_.emplace_back();
      append_utf8(text, character);
    }
    std::size_t i = 0;
    for (const auto& [character, count] : characters_) {
      plant_one(character_texts_[i++], count, true);
    }
    for (const UnigramSeed& seed : seeds) plant_one(seed.text, seed.count, false);
    for (Piece& piece : pieces_) piece.score -= std::log(total);
    make_trie();
  }

  void make_trie() {
    std::vector<std::pair<std::string_view, Token>> entries;
    entries.reserve(pieces_.size());
    for (std::size_t i = 0; i < pieces_.size(); ++i) {
      entries.emplace_back(pieces_[i].text, static_cast<Token>(i));
    }
    trie_ = PieceTrie(std::move(entries));
  }

  /// All ways to cut `word`, without the one piece `except`.
  void span(std::string_view word, Lattice& lattice, Token except = -1) const {
    lattice.edges.clear();
    for (std::size_t at = 0; at < word.size(); at += char_bytes(word.substr(at))) {
      trie_.prefixes(word.substr(at), [&](std::size_t length, Token piece) {
        if (piece == except) return;
        lattice.edges.push_back(
            {static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(at + length), piece});
      });
    }
  }

  /// The score of the best path; calls visit(piece) for each piece on it, from the last to the
  /// first. kNone: there is no path.
  template <class Visit>
  double best_path(std::size_t bytes, Lattice& lattice, Visit visit) const {
    lattice.forward.assign(bytes + 1, kNone);
    lattice.best.assign(bytes + 1, 0);
    lattice.forward[0] = 0;
    for (std::size_t e = 0; e < lattice.edges.size(); ++e) {
      const Lattice::Edge& edge = lattice.edges[e];
      const double score =
          lattice.forward[edge.begin] + pieces_[static_cast<std::size_t>(edge.piece)].score;
      if (score > lattice.forward[edge.end]) {
        lattice.forward[edge.end] = score;
        lattice.best[edge.end] = static_cast<std::uint32_t>(e);
      }
    }
    if (lattice.forward[bytes] == kNone) return kNone;
    for (std::size_t at = bytes; at > 0;) {
      const Lattice::Edge& edge = lattice.edges[lattice.best[at]];
      visit(edge.piece);
      at = edge.begin;
    }
    return lattice.forward[bytes];
  }

  /// Adds to `expected` how often each piece occurs in `word` over all its segmentations.
  void expect(const CountedWord& word, const std::vector<double>& weights, Lattice& lattice,
              std::vector<std::int64_t>& expected) const {
    span(word.text, lattice);
    const std::size_t bytes = word.text.size();
    lattice.forward.assign(bytes + 1, 0);
    lattice.backward.assign(bytes + 1, 0);
    lattice.forward[0] = lattice.backward[bytes] = 1;
    for (const Lattice::Edge& edge : lattice.edges) {
      lattice.forward[edge.end] +=
          lattice.forward[edge.begin] * weights[static_cast<std::size_t>(edge.piece)];
    }
    for (auto edge = lattice.edges.rbegin(); edge != lattice.edges.rend(); ++edge) {
      lattice.backward[edge->begin] +=
          lattice.backward[edge->end] * weights[static_cast<std::size_t>(edge->piece)];
    }
    const double all = lattice.forward[bytes];
    const auto count = static_cast<double>(word.count);
    if (!(all > 1e-250 && all < 1e250)) {
      // Out of range, where the text is very unlike the rest: its best path stands for all.
      best_path(bytes, lattice, [&](Token piece) {
        expected[static_cast<std::size_t>(piece)] += std::llround(count * kParts);
      });
      return;
    }
    for (const Lattice::Edge& edge : lattice.edges) {
      const double share = lattice.forward[edge.begin] *
                           weights[static_cast<std::size_t>(edge.piece)] *
                           lattice.backward[edge.end] / all;
      expected[static_cast<std::size_t>(edge.piece)] += std::llround(share * count * kParts);
    }
  }

  /// Calls body(word, lattice, sums) for every word and returns the threads' sums (pieces) in one.
  template <class Body>
  std::vector<std::int64_t> sum_over_words(Body body) const {
    constexpr std::size_t kWordsAtOnce = 256;
    std::vector<std::vector<std::int64_t>> sums(static_cast<std::size_t>(pool_.size()));
    std::atomic<std::size_t> next{0};
    pool_.run([&](int thread, int) {
      auto& mine = sums[static_cast<std::size_t>(thread)];
      mine.assign(pieces_.size(), 0);
      Lattice lattice;
      for (std::size_t i = next++ * kWordsAtOnce; i < words_.size(); i = next++ * kWordsAtOnce) {
        const std::size_t end = std::min(i + kWordsAtOnce, words_.size());
        for (std::size_t w = i; w < end; ++w) body(words_[w], lattice, mine);
      }
    });
    for (std::size_t t = 1; t < sums.size(); ++t) {
      for (std::size_t i = 0; i < pieces_.size(); ++i) sums[0][i] += sums[t][i];
    }
    return std::move(sums[0]);
  }

  /// (pieces) How often each occurs when every word is cut the best way.
  std::vector<std::int64_t> count_best_paths() const {
    return sum_over_words(
        [&](const CountedWord& word, Lattice& lattice, std::vector<std::int64_t>& sums) {
          span(word.text, lattice);
          best_path(word.text.size(), lattice, [&](Token piece) {
            sums[static_cast<std::size_t>(piece)] += static_cast<std::int64_t>(word.count);
          });
        });
  }

  /// One step of expectation maximisation. `sparse`: with the prior that thins out rare pieces,
  /// and without those that hardly occur.
  void fit(bool sparse) {
    // Weights are probabilities times a constant to the power of their length, which changes no
    // share and keeps products of whole words near 1.
    double nats = 0, bytes = 0;
    for (const Piece& piece : pieces_) {
      const double p = std::exp(piece.score);
      nats -= p * piece.score;
      bytes += p * static_cast<double>(piece.text.size());
    }
    const double per_byte = nats / bytes;
    std::vector<double> weights(pieces_.size());
    for (std::size_t i = 0; i < pieces_.size(); ++i) {
      weights[i] =
          std::exp(pieces_[i].score + per_byte * static_cast<double>(pieces_[i].text.size()));
    }
    const std::vector<std::int64_t> expected = sum_over_words(
        [&](const CountedWord& word, Lattice& lattice, std::vector<std::int64_t>& sums) {
          expect(word, weights, lattice, sums);
        });
    const std::int64_t threshold = sparse ? drop_threshold(expected) : 0;
    std::vector<Piece> kept;
    std::vector<double> counts;
    double sum = 0;
    for (std::size_t i = 0; i < pieces_.size(); ++i) {
      if (expected[i] < threshold && !pieces_[i].is_char) continue;
      const double count = std::max(static_cast<double>(expected[i]) / kParts, kMinExpected);
      kept.push_back(pieces_[i]);
      counts.push_back(count);
      sum += count;
    }
    const double log_sum = sparse ? digamma(sum) : std::log(sum);
    for (std::size_t i = 0; i < kept.size(); ++i) {
      kept[i].score = (sparse ? digamma(counts[i]) : std::log(counts[i])) - log_sum;
    }
    const bool changed = kept.size() != pieces_.size();
    pieces_ = std::move(kept);
    if (changed) make_trie();
  }

  /// Pieces with a smaller expected count are dropped, but never so many that too few are left.
  std::int64_t drop_threshold(std::vector<std::int64_t> expected) const {
    const auto least = std::llround(kMinExpected * kParts);
    if (expected.size() <= options_.pieces) return 0;
    const auto last = expected.begin() + static_cast<std::ptrdiff_t>(options_.pieces) - 1;
    std::nth_element(expected.begin(), last, expected.end(), std::greater<>());
    return std::min<std::int64_t>(least, *last);
  }

  /// Keeps the `size` pieces without which the text would lose most.
  void prune(std::size_t size) {
    const std::vector<std::int64_t> used = count_best_paths();
    double all = 0;
    for (const std::int64_t count : used) all += static_cast<double>(count);
    const double log_all = std::log(all);

    std::vector<double> losses(pieces_.size());  // infinite: must stay
    pool_.for_range(static_cast<std::int64_t>(pieces_.size()), 1024,
                    [&](std::int64_t begin, std::int64_t end) {
                      Lattice lattice;
                      for (std::int64_t i = begin; i < end; ++i) {
                        losses[static_cast<std::size_t>(i)] =
                            loss_without(static_cast<std::size_t>(i), used, all, log_all, lattice);
                      }
                    });
    std::vector<std::size_t> order(pieces_.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return losses[a] != losses[b] ? losses[a] > losses[b] : pieces_[a].text < pieces_[b].text;
    });
    order.resize(std::min(size, order.size()));
    while (order.size() > options_.pieces && losses[order.back()] == kNone) order.pop_back();
    std::sort(order.begin(), order.end());
    std::vector<Piece> kept;
    kept.reserve(order.size());
    for (const std::size_t i : order) kept.push_back(pieces_[i]);
    pieces_ = std::move(kept);
    make_trie();
  }

  /// How much likelihood the text loses, nearly, when piece `i` is spelled with others.
  double loss_without(std::size_t i, const std::vector<std::int64_t>& used, double all,
                      double log_all, Lattice& lattice) const {
    if (pieces_[i].is_char) return std::numeric_limits<double>::infinity();
    const auto count = static_cast<double>(used[i]);
    if (used[i] == 0) return kNone;
    span(pieces_[i].text, lattice, static_cast<Token>(i));
    std::vector<Token> others;
    best_path(pieces_[i].text.size(), lattice, [&](Token piece) { others.push_back(piece); });
    // Its occurrences go over to the others, and each of them becomes several tokens.
    const double log_then = std::log(all + count * (static_cast<double>(others.size()) - 1));
    double others_score = 0;
    for (const Token piece : others) {
      others_score +=
          std::log(static_cast<double>(used[static_cast<std::size_t>(piece)]) + count) - log_then;
    }
    return count * (std::log(count) - log_all - others_score);
  }

  LearntUnigram finish() {
    const std::vector<std::int64_t> used = count_best_paths();
    LearntUnigram learnt;
    double chars = 0;
    for (std::size_t i = 0; i < pieces_.size(); ++i) {
      learnt.pieces.push_back({std::string(pieces_[i].text), pieces_[i].score});
      learnt.loss -= static_cast<double>(used[i]) * pieces_[i].score;
      chars += static_cast<double>(used[i]) * static_cast<double>(count_chars(pieces_[i].text));
    }
    learnt.loss = chars > 0 ? learnt.loss / chars : 0;
    std::sort(learnt.pieces.begin(), learnt.pieces.end(),
              [](const LearntUnigram::Piece& a, const LearntUnigram::Piece& b) {
                return a.score != b.score ? a.score > b.score : a.text < b.text;
              });
    return learnt;
  }

  const UnigramTraining& options_;
  ThreadPool& pool_;
  const TrainingProgress& progress_;
  std::map<char32_t, std::uint64_t> characters_;
  std::vector<std::string> character_texts_;
  TrainingWords parts_;
  std::vector<CountedWord> words_;
  std::vector<Piece> pieces_;  ///< characters first
  PieceTrie trie_;
};

}  // namespace

LearntUnigram train_unigram(const TrainingWords& words, const UnigramTraining& options,
                            ThreadPool& pool, const TrainingProgress& progress) {
  return UnigramTrainer(words, options, pool, progress).train();
}

}  // namespace jielong
