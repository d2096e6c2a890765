#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "token/string_table.h"
#include "token/token.h"

namespace jielong {

/// What a token stands for. Every kind of thing has its own ranges of one shared
/// numbering: text 0…, then image, audio, tree and action tokens, and specials.
enum class TokenKind : std::uint8_t { text, image, audio, tree, action, special };

/// What a token is to the text around it.
enum class TokenClass : std::uint8_t {
  normal,        ///< an ordinary piece
  unknown,       ///< stands for what the vocabulary cannot say
  control,       ///< steers the model; never produced from plain text
  user_defined,  ///< matched whole in any text
  unused,        ///< a number without meaning
  byte           ///< one raw byte, for what no piece covers
};

/// A maximal run of tokens of one kind: [first, first + count).
struct TokenRange {
  TokenKind kind;
  Token first;
  Token count;
};

/// The jobs that models give to particular tokens.
enum class TokenRole : std::uint8_t {
  bos,
  eos,
  eot,  ///< end of turn
  eom,  ///< end of message, more to come
  unknown,
  padding,
  separator,
  classify,
  mask,
  fim_prefix,
  fim_suffix,
  fim_middle,
  fim_padding,
  fim_repository,
  fim_file,
  count_
};

/// The union of everything a model can say: token ↔ piece, kind, class and role.
/// Pieces are the file's own spelling ("Ġthe", "▁the", "##ing"); Tokenizer::bytes()
/// gives what a token adds to a text.
class Vocabulary {
 public:
  /// More tokens than any published model has; files that claim more are refused.
  static constexpr Token kMaxSize = 1 << 24;

  Vocabulary();

  Token size() const { return static_cast<Token>(classes_.size()); }
  bool contains(Token token) const { return token >= 0 && token < size(); }

  /// The spelling of `token`; empty when it is out of range.
  std::string_view piece(Token token) const {
    return contains(token) ? table_.view(static_cast<std::uint32_t>(token)) : std::string_view{};
  }
  /// The token spelled `piece`, of several the last one.
  std::optional<Token> find(std::string_view piece) const;

  /// unused when out of range.
  TokenClass token_class(Token token) const {
    return contains(token) ? classes_[static_cast<std::size_t>(token)] : TokenClass::unused;
  }
  /// True for tokens that are not text to a reader: control and unknown.
  bool is_special(Token token) const {
    const TokenClass c = token_class(token);
    return c == TokenClass::control || c == TokenClass::unknown;
  }

  TokenKind kind(Token token) const;
  /// Ascending, without gaps, together [0, size()).
  std::span<const TokenRange> ranges() const { return ranges_; }

  std::optional<Token> role(TokenRole role) const;
  /// The tokens that end an answer: eos, eot, eom and their like, ascending.
  std::span<const Token> end_tokens() const { return end_tokens_; }
  bool is_end(Token token) const;

  // Building. Every Error is limit or bad_input.

  void reserve(std::size_t tokens, std::size_t bytes);
  /// Appends a token of `kind` and returns its number.
  Token add(std::string_view piece, TokenClass token_class, TokenKind kind = TokenKind::text);
  /// Appends `count` nameless tokens of one kind, as an image codebook has them.
  TokenRange add_range(TokenKind kind, Token count, TokenClass token_class = TokenClass::normal);
  void set_class(Token token, TokenClass token_class);
  /// Throws when `token` is out of range.
  void set_role(TokenRole role, Token token);
  void add_end_token(Token token);
  void remove_end_token(Token token);

 private:
  StringTable table_;
  std::vector<TokenClass> classes_;
  std::vector<TokenRange> ranges_;
  std::vector<Token> end_tokens_;
  std::array<Token, static_cast<std::size_t>(TokenRole::count_)> roles_;

  void note_kind(TokenKind kind, Token count);
};

/// Gives tokens with well-known names ("<|im_end|>", "<|fim_prefix|>", …) the roles the
/// file left open, and collects the end tokens.
void assign_roles_by_name(Vocabulary& vocabulary);

}  // namespace jielong
