#include "token/vocabulary.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace jielong {

Vocabulary::Vocabulary() { roles_.fill(-1); }

std::optional<Token> Vocabulary::find(std::string_view piece) const {
  const std::uint32_t id = table_.find(piece);
  if (id == StringTable::kNone || piece.empty()) return std::nullopt;
  return static_cast<Token>(id);
}

TokenKind Vocabulary::kind(Token token) const {
  const auto after = std::upper_bound(ranges_.begin(), ranges_.end(), token,
                                      [](Token t, const TokenRange& r) { return t < r.first; });
  return after == ranges_.begin() ? TokenKind::text : std::prev(after)->kind;
}

std::optional<Token> Vocabulary::role(TokenRole role) const {
  const Token token = roles_[static_cast<std::size_t>(role)];
  if (token < 0) return std::nullopt;
  return token;
}

bool Vocabulary::is_end(Token token) const {
  return std::binary_search(end_tokens_.begin(), end_tokens_.end(), token);
}

void Vocabulary::reserve(std::size_t tokens, std::size_t bytes) {
  table_.reserve(tokens, bytes);
  classes_.reserve(tokens);
}

void Vocabulary::note_kind(TokenKind kind, Token count) {
  if (count > kMaxSize - size()) {
    throw Error(ErrorKind::limit, fmt::format("a vocabulary has at most {} tokens", kMaxSize));
  }
  if (count == 0) return;
  if (!ranges_.empty() && ranges_.back().kind == kind) {
    ranges_.back().count += count;
  } else {
    ranges_.push_back({kind, size(), count});
  }
}

Token Vocabulary::add(std::string_view piece, TokenClass token_class, TokenKind kind) {
  note_kind(kind, 1);
  table_.add(piece);
  classes_.push_back(token_class);
  return size() - 1;
}

TokenRange Vocabulary::add_range(TokenKind kind, Token count, TokenClass token_class) {
  if (count < 0) throw bad_input(fmt::format("a token range of {} tokens", count));
  const Token first = size();
  note_kind(kind, count);
  table_.reserve(static_cast<std::size_t>(first) + static_cast<std::size_t>(count), 0);
  for (Token i = 0; i < count; ++i) {
    table_.add({});
    classes_.push_back(token_class);
  }
  return {kind, first, count};
}

void Vocabulary::set_class(Token token, TokenClass token_class) {
  if (contains(token)) classes_[static_cast<std::size_t>(token)] = token_class;
}

void Vocabulary::set_role(TokenRole role, Token token) {
  if (!contains(token)) {
    throw bad_input(fmt::format("special token {} is outside the vocabulary of {}", token, size()));
  }
  roles_[static_cast<std::size_t>(role)] = token;
}

void Vocabulary::add_end_token(Token token) {
  if (!contains(token)) {
    throw bad_input(fmt::format("end token {} is outside the vocabulary of {}", token, size()));
  }
  const auto at = std::lower_bound(end_tokens_.begin(), end_tokens_.end(), token);
  if (at == end_tokens_.end() || *at != token) end_tokens_.insert(at, token);
}

void Vocabulary::remove_end_token(Token token) {
  const auto at = std::lower_bound(end_tokens_.begin(), end_tokens_.end(), token);
  if (at != end_tokens_.end() && *at == token) end_tokens_.erase(at);
}

namespace {

struct NamedRole {
  std::string_view name;
  TokenRole role;
};

// Names that published models use; for one role the earlier name wins.
constexpr NamedRole kNamedRoles[] = {
    {"<|begin_of_text|>", TokenRole::bos},
    {"<｜begin▁of▁sentence｜>", TokenRole::bos},
    {"<bos>", TokenRole::bos},
    {"<s>", TokenRole::bos},
    {"<eos>", TokenRole::eos},
    {"</s>", TokenRole::eos},
    {"<|eot_id|>", TokenRole::eot},
    {"<|im_end|>", TokenRole::eot},
    {"<|end|>", TokenRole::eot},
    {"<end_of_turn>", TokenRole::eot},
    {"<turn|>", TokenRole::eot},
    {"<|endoftext|>", TokenRole::eot},
    {"<|end_of_text|>", TokenRole::eot},
    {"<EOT>", TokenRole::eot},
    {"[EOT]", TokenRole::eot},
    {"<｜end▁of▁sentence｜>", TokenRole::eot},
    {"<end_of_utterance>", TokenRole::eot},
    {"<|eom_id|>", TokenRole::eom},
    {"<unk>", TokenRole::unknown},
    {"[UNK]", TokenRole::unknown},
    {"<pad>", TokenRole::padding},
    {"[PAD]", TokenRole::padding},
    {"[SEP]", TokenRole::separator},
    {"[CLS]", TokenRole::classify},
    {"[MASK]", TokenRole::mask},
    {"<mask>", TokenRole::mask},
    {"<|fim_prefix|>", TokenRole::fim_prefix},
    {"<fim_prefix>", TokenRole::fim_prefix},
    {"<fim-prefix>", TokenRole::fim_prefix},
    {"<｜fim▁begin｜>", TokenRole::fim_prefix},
    {"▁<PRE>", TokenRole::fim_prefix},
    {"<PRE>", TokenRole::fim_prefix},
    {"<|fim_suffix|>", TokenRole::fim_suffix},
    {"<fim_suffix>", TokenRole::fim_suffix},
    {"<fim-suffix>", TokenRole::fim_suffix},
    {"<｜fim▁hole｜>", TokenRole::fim_suffix},
    {"▁<SUF>", TokenRole::fim_suffix},
    {"<SUF>", TokenRole::fim_suffix},
    {"<|fim_middle|>", TokenRole::fim_middle},
    {"<fim_middle>", TokenRole::fim_middle},
    {"<fim-middle>", TokenRole::fim_middle},
    {"<｜fim▁end｜>", TokenRole::fim_middle},
    {"▁<MID>", TokenRole::fim_middle},
    {"<MID>", TokenRole::fim_middle},
    {"<|fim_pad|>", TokenRole::fim_padding},
    {"<fim_pad>", TokenRole::fim_padding},
    {"<fim-pad>", TokenRole::fim_padding},
    {"<|repo_name|>", TokenRole::fim_repository},
    {"<repo_name>", TokenRole::fim_repository},
    {"<reponame>", TokenRole::fim_repository},
    {"<|file_sep|>", TokenRole::fim_file},
    {"<file_sep>", TokenRole::fim_file},
};

// Any of these ends an answer, whatever the file calls its EOS.
constexpr std::string_view kEndNames[] = {"<|eot_id|>",
                                          "<|im_end|>",
                                          "<|end|>",
                                          "<|return|>",
                                          "<|call|>",
                                          "<end_of_turn>",
                                          "<|eom_id|>",
                                          "<|endoftext|>",
                                          "<EOT>",
                                          "[EOT]",
                                          "[EOS]",
                                          "<|end_of_text|>",
                                          "<turn|>",
                                          "<eos>",
                                          "</s>",
                                          "<end_of_utterance>",
                                          "<｜end▁of▁sentence｜>"};

}  // namespace

void assign_roles_by_name(Vocabulary& vocabulary) {
  // A name counts only when the file says that the token is not ordinary text.
  const auto find = [&](std::string_view name) -> std::optional<Token> {
    const auto token = vocabulary.find(name);
    if (token && vocabulary.token_class(*token) == TokenClass::normal) return std::nullopt;
    // In Gemma "</s>" is HTML for struck-through text, a user-defined piece.
    if (token && name == "</s>" && !vocabulary.is_special(*token)) return std::nullopt;
    return token;
  };
  for (const auto& [name, role] : kNamedRoles) {
    if (vocabulary.role(role)) continue;
    if (const auto token = find(name)) vocabulary.set_role(role, *token);
  }
  for (const std::string_view name : kEndNames) {
    if (const auto token = find(name)) vocabulary.add_end_token(*token);
  }
  for (const TokenRole role : {TokenRole::eos, TokenRole::eot, TokenRole::eom}) {
    if (const auto token = vocabulary.role(role)) vocabulary.add_end_token(*token);
  }
  // Harmony (gpt-oss) closes every channel with <|end|> and the answer with <|return|>.
  if (find("<|return|>") && find("<|call|>")) {
    if (const auto end = find("<|end|>")) vocabulary.remove_end_token(*end);
  }
}

}  // namespace jielong
