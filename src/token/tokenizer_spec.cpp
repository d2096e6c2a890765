#include "token/tokenizer_spec.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"
#include "base/quote.h"
#include "token/bpe.h"
#include "token/pipeline.h"
#include "token/pre_patterns.h"
#include "token/unigram.h"
#include "token/wordpiece.h"

namespace jielong {
namespace {

constexpr std::string_view kMeta = "\xE2\x96\x81";  // ▁

/// The class that GGUF's token types (SentencePiece's numbers) mean.
TokenClass class_of_type(std::int32_t type, std::size_t index) {
  switch (type) {
    case 0:  // undefined
    case 1: return TokenClass::normal;
    case 2: return TokenClass::unknown;
    case 3: return TokenClass::control;
    case 4: return TokenClass::user_defined;
    case 5: return TokenClass::unused;
    case 6: return TokenClass::byte;
    default:
      throw bad_input(fmt::format("token {} has the unknown type {}", index, type),
                      "tokenizer.ggml.token_type");
  }
}

Vocabulary build_vocabulary(const TokenizerSpec& spec) {
  const std::size_t count = spec.tokens.size();
  const auto check = [&](std::size_t size, const char* key) {
    if (size != 0 && size != count) {
      throw bad_input(fmt::format("has {} entries for {} tokens", size, count), key);
    }
  };
  if (count == 0) throw bad_input("is missing or empty", "tokenizer.ggml.tokens");
  if (count > static_cast<std::size_t>(Vocabulary::kMaxSize)) {
    throw Error(ErrorKind::limit,
                fmt::format("{} tokens are more than {}", count, Vocabulary::kMaxSize),
                "tokenizer.ggml.tokens");
  }
  check(spec.scores.size(), "tokenizer.ggml.scores");
  check(spec.types.size(), "tokenizer.ggml.token_type");
  std::size_t bytes = 0;
  for (const std::string_view token : spec.tokens) bytes += token.size();
  Vocabulary vocabulary;
  vocabulary.reserve(count, bytes);
  for (std::size_t i = 0; i < count; ++i) {
    const TokenClass c = spec.types.empty() ? TokenClass::normal : class_of_type(spec.types[i], i);
    const bool special = c == TokenClass::control || c == TokenClass::unknown;
    vocabulary.add(spec.tokens[i], c, special ? TokenKind::special : TokenKind::text);
  }
  for (const auto& [role, id] : spec.roles) {
    if (id == -1 || id == 0xFFFFFFFF) continue;  // writers' ways to say "none"
    if (id < 0 || id >= vocabulary.size()) {
      throw bad_input(
          fmt::format("special token {} is outside the vocabulary of {}", id, vocabulary.size()),
          "tokenizer.ggml.*_token_id");
    }
    vocabulary.set_role(role, static_cast<Token>(id));
  }
  for (const Token token : spec.end_tokens) vocabulary.add_end_token(token);
  assign_roles_by_name(vocabulary);
  return vocabulary;
}

/// Tokens that are matched whole. Control tokens stand outside the text; SentencePiece looks for
/// user-defined ones (`meta_spaces`) in the text as it has written it, with "▁" for spaces.
void set_added_tokens(PipelineParts& parts, const Vocabulary& vocabulary, const TokenizerSpec& spec,
                      bool meta_spaces) {
  const auto has = [](const std::vector<Token>& list, Token token) {
    return std::find(list.begin(), list.end(), token) != list.end();
  };
  std::vector<AddedToken> raw, normalized;
  for (Token token = 0; token < vocabulary.size(); ++token) {
    const bool special = vocabulary.is_special(token);
    if (!special && vocabulary.token_class(token) != TokenClass::user_defined) continue;
    AddedToken added{.token = token,
                     .text = std::string(vocabulary.piece(token)),
                     .special = special,
                     .strip_left = has(spec.strip_left, token),
                     .strip_right = has(spec.strip_right, token)};
    if (!special && (added.strip_left || added.strip_right)) parts.lossy_tokens = true;
    if (special || !meta_spaces) {
      raw.push_back(std::move(added));
    } else {
      added.text = parts.normalizers.back()->apply(std::move(added.text));
      normalized.push_back(std::move(added));
    }
  }
  parts.added_raw = AddedTokens(std::move(raw));
  parts.added_normalized = AddedTokens(std::move(normalized));
}

/// Spaces written as "▁", one before the text when the model wants it.
void add_meta_spaces(PipelineParts& parts, bool prefix) {
  if (prefix) parts.normalizers.push_back(normalizers::prepend(" "));
  parts.normalizers.push_back(normalizers::replace(" ", std::string(kMeta)));
  parts.decoder.add({Decoder::Rule::replace, std::string(kMeta), " "});
  parts.decoder.add({Decoder::Rule::byte_fallback});
  if (prefix) parts.decoder.add({Decoder::Rule::strip_text, " ", "", 1});
}

PreTokenizerRecipe recipe_of(const TokenizerSpec& spec) {
  const std::string_view name = spec.pre.empty() ? "default" : spec.pre;
  if (auto recipe = find_pre_tokenizer(name)) return *recipe;
  if (spec.allow_unknown_pre_tokenizer) return *find_pre_tokenizer("gpt-2");
  throw Error(ErrorKind::unsupported,
              fmt::format("pre-tokenizer {} is not known", in_quotes(name, 64)),
              "tokenizer.ggml.pre",
              fmt::format("allow unknown pre-tokenizers to run it with GPT-2's (known: {})",
                          fmt::join(known_pre_tokenizers(), ", ")));
}

void build_bpe(const TokenizerSpec& spec, Vocabulary& vocabulary, PipelineParts& parts,
               bool& add_bos, bool& add_sep) {
  if (spec.merges.empty()) throw bad_input("is missing or empty", "tokenizer.ggml.merges");
  const PreTokenizerRecipe recipe = recipe_of(spec);
  add_bos = recipe.add_bos;
  add_sep = recipe.add_sep;
  auto bpe = std::make_unique<Bpe>(
      vocabulary, BpeOptions{.raw_bytes = !recipe.meta_spaces,
                             .byte_fallback = recipe.meta_spaces,
                             .ignore_merges = recipe.ignore_merges,
                             .continuing_prefix = {},
                             .end_suffix = {},
                             .unknown = recipe.meta_spaces ? vocabulary.role(TokenRole::unknown)
                                                           : std::nullopt});
  bpe->reserve_merges(spec.merges.size());
  std::size_t misfits = 0;
  for (std::size_t i = 0; i < spec.merges.size(); ++i) {
    const std::string_view merge = spec.merges[i];
    // The first place may itself be a space, in pieces that are not GPT-2 letters.
    const std::size_t space = merge.find(' ', 1);
    if (space == std::string_view::npos) {
      throw bad_input(fmt::format("merge {} has no space between its two pieces", i),
                      "tokenizer.ggml.merges");
    }
    if (!bpe->add_merge(merge.substr(0, space), merge.substr(space + 1))) ++misfits;
  }
  if (misfits > spec.merges.size() / 2) {
    throw bad_input(fmt::format("{} of {} merges name pieces that are not in the vocabulary",
                                misfits, spec.merges.size()),
                    "tokenizer.ggml.merges");
  }
  parts.model = std::move(bpe);
  if (recipe.nfc) parts.normalizers.push_back(normalizers::unicode_form(unicode::Form::nfc));
  if (recipe.meta_spaces) {
    add_meta_spaces(parts, spec.add_space_prefix.value_or(false));
  } else {
    if (spec.add_space_prefix.value_or(false)) {
      parts.pre_tokenizers.push_back(pre_tokenizers::prefix_space());
    }
    parts.decoder.add({Decoder::Rule::byte_letters});
  }
  for (const std::string_view pattern : recipe.patterns) {
    parts.pre_tokenizers.push_back(pattern == R"(\p{N})"
                                       ? pre_tokenizers::digits(true)
                                       : pre_tokenizers::scan(pattern, "tokenizer.ggml.pre"));
  }
}

void build_unigram(const TokenizerSpec& spec, Vocabulary& vocabulary, PipelineParts& parts) {
  if (spec.scores.empty()) throw bad_input("is missing", "tokenizer.ggml.scores");
  const std::vector<double> scores(spec.scores.begin(), spec.scores.end());
  parts.model =
      std::make_unique<Unigram>(vocabulary, scores, vocabulary.role(TokenRole::unknown), true);
  if (!spec.precompiled_charsmap.empty()) {
    parts.normalizers.push_back(
        normalizers::precompiled(Charsmap(spec.precompiled_charsmap), false));
  }
  if (spec.remove_extra_whitespaces.value_or(false)) {
    parts.normalizers.push_back(normalizers::collapse_spaces());
  }
  add_meta_spaces(parts, spec.add_space_prefix.value_or(true));
}

void build_word_piece(const Vocabulary& vocabulary, PipelineParts& parts) {
  parts.normalizers.push_back(normalizers::bert({}));
  parts.pre_tokenizers.push_back(pre_tokenizers::bert());
  parts.model = std::make_unique<WordPiece>(
      vocabulary, WordPieceOptions{.first_prefix = std::string(kMeta),
                                   .next_prefix = "",
                                   .unknown = vocabulary.role(TokenRole::unknown)});
  parts.decoder.add({Decoder::Rule::metaspace, std::string(kMeta), "", 1});
}

}  // namespace

std::unique_ptr<Tokenizer> make_tokenizer(const TokenizerSpec& spec) {
  auto pipeline = std::make_unique<Pipeline>(build_vocabulary(spec));
  Vocabulary& vocabulary = pipeline->mutable_vocabulary();
  PipelineParts parts;
  bool add_bos = false;
  bool add_eos = false;
  bool add_sep = false;
  if (spec.model == "gpt2") {
    build_bpe(spec, vocabulary, parts, add_bos, add_sep);
  } else if (spec.model == "llama") {
    add_bos = true;
    add_meta_spaces(parts, spec.add_space_prefix.value_or(true));
    parts.model =
        std::make_unique<ScoredBpe>(vocabulary, spec.scores, vocabulary.role(TokenRole::unknown));
  } else if (spec.model == "t5") {
    add_eos = true;
    build_unigram(spec, vocabulary, parts);
  } else if (spec.model == "bert") {
    add_bos = true;
    add_sep = true;
    build_word_piece(vocabulary, parts);
  } else {
    throw Error(ErrorKind::unsupported,
                fmt::format("tokenizer {} is not known", in_quotes(spec.model, 64)),
                "tokenizer.ggml.model", "use a model whose tokenizer is gpt2, llama, t5 or bert");
  }
  // The last normalizer of these two writes the spaces.
  set_added_tokens(parts, vocabulary, spec, spec.model == "llama" || spec.model == "t5");

  const auto put = [&](std::vector<Token>& list, TokenRole role, TokenRole second) {
    auto token = vocabulary.role(role);
    if (!token) token = vocabulary.role(second);
    if (token) list.push_back(*token);
  };
  const bool bert = spec.model == "bert";
  if (spec.add_bos.value_or(add_bos)) {
    put(parts.before, bert ? TokenRole::classify : TokenRole::bos, TokenRole::bos);
  }
  if (spec.add_sep.value_or(add_sep)) {
    put(parts.behind, TokenRole::separator, TokenRole::eos);
  } else if (spec.add_eos.value_or(add_eos)) {
    put(parts.behind, TokenRole::eos, TokenRole::eos);
  }
  pipeline->set_parts(std::move(parts));
  return pipeline;
}

}  // namespace jielong
