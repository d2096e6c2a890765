#include "token/unigram.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"

namespace jielong {
namespace {

// A step over a character without a piece.
constexpr Token kUnknown = -2;
constexpr double kUnknownPenalty = 10.0;

}  // namespace

Unigram::Unigram(Vocabulary& vocabulary, std::span<const double> scores,
                 std::optional<Token> unknown, bool byte_fallback)
    : scores_(scores.begin(), scores.end()), unknown_(unknown) {
  if (byte_fallback) fallback_ = ByteTokens(vocabulary);
  scores_.resize(static_cast<std::size_t>(vocabulary.size()));
  std::vector<std::pair<std::string_view, Token>> entries;
  entries.reserve(scores_.size());
  double lowest = std::numeric_limits<double>::infinity();
  for (Token token = 0; token < vocabulary.size(); ++token) {
    const double score = scores_[static_cast<std::size_t>(token)];
    if (!std::isfinite(score)) throw bad_input("a piece's score is not a finite number");
    const TokenClass c = vocabulary.token_class(token);
    if (c == TokenClass::control || c == TokenClass::unknown || c == TokenClass::byte ||
        c == TokenClass::unused) {
      continue;
    }
    entries.emplace_back(vocabulary.piece(token), token);
    if (c == TokenClass::normal) lowest = std::min(lowest, score);
  }
  unknown_score_ = (entries.empty() || !std::isfinite(lowest) ? 0.0 : lowest) - kUnknownPenalty;
  trie_ = PieceTrie(std::move(entries));
}

void Unigram::encode(std::string_view word, std::vector<Token>& out,
                     SubwordScratch& scratch) const {
  if (word.size() >= 0xFFFFFFFFU) throw Error(ErrorKind::limit, "the text is too long");
  std::vector<LatticeNode>& lattice = scratch.lattice;
  lattice.assign(word.size() + 1, {0.0, 0, -1});
  const auto reach = [&](std::size_t begin, std::size_t end, double score, Token token) {
    LatticeNode& node = lattice[end];
    const double total = lattice[begin].score + score;
    if (node.token == -1 || total > node.score) {
      node = {total, static_cast<std::uint32_t>(begin), token};
    }
  };
  for (std::size_t at = 0; at < word.size();) {
    const std::size_t length = decode_utf8(word.substr(at)).length;
    bool covered = false;
    trie_.prefixes(word.substr(at), [&](std::size_t size, Token token) {
      reach(at, at + size, scores_[static_cast<std::size_t>(token)], token);
      covered = covered || size == length;
    });
    if (!covered) reach(at, at + length, unknown_score_, kUnknown);
    at += length;
  }

  // Walk back, then put the tokens in order.
  const std::size_t first = out.size();
  std::size_t unknown_end = 0;  // of a run of unknown characters, 0 for none
  const auto close_unknown = [&](std::size_t begin) {
    if (unknown_end == 0) return;
    const std::size_t before = out.size();
    if (fallback_.encode(word.substr(begin, unknown_end - begin), out)) {
      std::reverse(out.begin() + static_cast<std::ptrdiff_t>(before), out.end());
    } else if (unknown_) {
      out.push_back(*unknown_);
    }
    unknown_end = 0;
  };
  for (std::size_t at = word.size(); at > 0;) {
    const LatticeNode& node = lattice[at];
    if (node.token == kUnknown) {
      if (unknown_end == 0) unknown_end = at;
    } else {
      close_unknown(at);
      out.push_back(node.token);
    }
    at = node.begin;
  }
  close_unknown(0);
  std::reverse(out.begin() + static_cast<std::ptrdiff_t>(first), out.end());
}

}  // namespace jielong
