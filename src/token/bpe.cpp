#include "token/bpe.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/utf8.h"
#include "token/bpe_merge.h"
#include "token/byte_letters.h"

namespace jielong {
namespace {

// A symbol that stands for no token of its own.
constexpr Token kDropped = -1;

/// Links symbols[0, size) in their order.
void link(std::vector<Symbol>& symbols) {
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    symbols[i].previous = static_cast<std::int32_t>(i) - 1;
    symbols[i].next = i + 1 < symbols.size() ? static_cast<std::int32_t>(i) + 1 : -1;
  }
}

void check_length(std::string_view word) {
  if (word.size() > 0x7FFFFFFF) {
    throw Error(ErrorKind::limit, "a text without a place to cut is longer than 2 GiB");
  }
}

}  // namespace

Bpe::Bpe(Vocabulary& vocabulary, BpeOptions options)
    : vocabulary_(&vocabulary), options_(std::move(options)) {
  byte_tokens_.fill(kDropped);
  const auto& letters = byte_letters::letters();
  for (std::size_t byte = 0; byte < 256; ++byte) {
    if (const auto token = vocabulary.find(letters[byte])) byte_tokens_[byte] = *token;
  }
  if (options_.byte_fallback) fallback_ = ByteTokens(vocabulary);
}

bool Bpe::add_merge(std::string_view left, std::string_view right) {
  const auto a = vocabulary_->find(left);
  const auto b = vocabulary_->find(right);
  if (!a || !b) return false;
  joined_.assign(left);
  const std::string& prefix = options_.continuing_prefix;
  if (!prefix.empty() && right.substr(0, prefix.size()) == prefix) {
    right.remove_prefix(prefix.size());
  }
  joined_ += right;
  // Trainers number pieces in the order of their merges, so the next one is a good guess.
  std::optional<Token> result = last_result_ + 1;
  if (vocabulary_->piece(*result) != joined_) result = vocabulary_->find(joined_);
  if (!result) return false;
  last_result_ = *result;
  merges_.add(*a, *b, {merge_count_++, *result});
  return true;
}

bool Bpe::covers_everything() const {
  if (options_.byte_fallback && !options_.raw_bytes) return fallback_.complete();
  if (!options_.raw_bytes) return false;
  for (std::size_t byte = 0; byte < 256; ++byte) {
    const bool in_utf8 = byte != 0xC0 && byte != 0xC1 && byte < 0xF5;
    if (in_utf8 && byte_tokens_[byte] == kDropped) return false;
  }
  return true;
}

void Bpe::begin_bytes(std::string_view word, SubwordScratch& scratch) const {
  for (std::uint32_t at = 0; at < word.size(); ++at) {
    Token token = byte_tokens_[static_cast<unsigned char>(word[at])];
    if (token == kDropped && options_.unknown) token = *options_.unknown;
    if (token == kDropped) continue;
    scratch.symbols.push_back({token, at, 1, 0, 0});
  }
}

void Bpe::begin_chars(std::string_view word, SubwordScratch& scratch) const {
  std::vector<Symbol>& symbols = scratch.symbols;
  bool after_unknown = false;
  std::vector<Token> bytes;
  for (std::uint32_t at = 0; at < word.size();) {
    const std::uint32_t length = decode_utf8(word.substr(at)).length;
    std::string_view spelling = word.substr(at, length);
    const bool last = at + length == word.size();
    if ((at > 0 && !options_.continuing_prefix.empty()) || (last && !options_.end_suffix.empty())) {
      std::string& marked = scratch.spelling;
      marked = at > 0 ? options_.continuing_prefix : std::string();
      marked += spelling;
      if (last) marked += options_.end_suffix;
      spelling = marked;
    }
    if (const auto token = vocabulary_->find(spelling)) {
      symbols.push_back({*token, at, length, 0, 0});
      after_unknown = false;
    } else if (bytes.clear(), fallback_.encode(spelling, bytes)) {
      for (std::uint32_t i = 0; i < bytes.size(); ++i) {
        symbols.push_back({bytes[i], at + std::min(i, length - 1), 1, 0, 0});
      }
      after_unknown = false;
    } else if (options_.unknown) {
      if (after_unknown && options_.fuse_unknown) {
        symbols.back().length += length;
      } else {
        symbols.push_back({*options_.unknown, at, length, 0, 0});
      }
      after_unknown = true;
    }
    at += length;
  }
}

void Bpe::encode(std::string_view word, std::vector<Token>& out, SubwordScratch& scratch) const {
  check_length(word);
  if (options_.ignore_merges) {
    std::string_view spelling = word;
    if (options_.raw_bytes) {
      scratch.spelling.clear();
      byte_letters::spell(scratch.spelling, word);
      spelling = scratch.spelling;
    }
    const auto token = vocabulary_->find(spelling);
    if (token && vocabulary_->token_class(*token) == TokenClass::normal) {
      out.push_back(*token);
      return;
    }
  }
  scratch.symbols.clear();
  if (options_.raw_bytes) {
    begin_bytes(word, scratch);
  } else {
    begin_chars(word, scratch);
  }
  if (scratch.symbols.empty()) return;
  link(scratch.symbols);
  merge_symbols(
      scratch, [this](const Symbol& a, const Symbol& b) { return merges_.find(a.token, b.token); });
  for (std::int32_t i = 0; i >= 0; i = scratch.symbols[static_cast<std::size_t>(i)].next) {
    out.push_back(scratch.symbols[static_cast<std::size_t>(i)].token);
  }
}

ScoredBpe::ScoredBpe(Vocabulary& vocabulary, std::span<const float> scores,
                     std::optional<Token> unknown)
    : vocabulary_(&vocabulary),
      priorities_(static_cast<std::size_t>(vocabulary.size()), Merge::kNever),
      unknown_(unknown),
      fallback_(vocabulary) {
  for (Token token = 0; token < vocabulary.size(); ++token) {
    const TokenClass c = vocabulary.token_class(token);
    const auto i = static_cast<std::size_t>(token);
    if (c != TokenClass::normal && c != TokenClass::user_defined) continue;
    const float score = i < scores.size() ? scores[i] : 0.0F;
    if (std::isnan(score)) throw bad_input("a score is not a number", "tokenizer.ggml.scores");
    // The bits of a float, mapped so that unsigned order is descending order of scores.
    std::uint32_t bits;
    const float value = score == 0.0F ? 0.0F : score;  // no negative zero
    std::memcpy(&bits, &value, sizeof bits);
    bits = bits & 0x80000000U ? ~bits : bits | 0x80000000U;
    priorities_[i] = std::min(~bits, Merge::kNever - 1);
  }
}

void ScoredBpe::encode(std::string_view word, std::vector<Token>& out,
                       SubwordScratch& scratch) const {
  check_length(word);
  scratch.symbols.clear();
  for (std::uint32_t at = 0; at < word.size();) {
    const std::uint32_t length = decode_utf8(word.substr(at)).length;
    scratch.symbols.push_back({kDropped, at, length, 0, 0});
    at += length;
  }
  link(scratch.symbols);
  const auto token_of = [&](std::string_view piece) {
    const auto token = vocabulary_->find(piece);
    const bool usable = token && priorities_[static_cast<std::size_t>(*token)] != Merge::kNever;
    return usable ? *token : kDropped;
  };
  merge_symbols(scratch, [&](const Symbol& a, const Symbol& b) -> Merge {
    const Token token = token_of(word.substr(a.begin, a.length + b.length));
    if (token == kDropped) return {};
    return {priorities_[static_cast<std::size_t>(token)], token};
  });
  bool after_unknown = false;  // neighbours without a token are one unknown token
  for (std::int32_t i = 0; i >= 0; i = scratch.symbols[static_cast<std::size_t>(i)].next) {
    const Symbol& symbol = scratch.symbols[static_cast<std::size_t>(i)];
    const std::string_view piece = word.substr(symbol.begin, symbol.length);
    const Token token = symbol.token != kDropped ? symbol.token : token_of(piece);
    const bool known = token != kDropped;
    if (known) out.push_back(token);
    const bool unknown = !known && !fallback_.encode(piece, out);
    if (unknown && unknown_ && !after_unknown) out.push_back(*unknown_);
    after_unknown = unknown;
  }
}

}  // namespace jielong
