#include "model/tokenizer_source.h"

#include <utility>

#include "token/tokenizer_spec.h"

namespace jielong {
namespace {

constexpr std::pair<TokenRole, std::string_view> kRoleKeys[] = {
    {TokenRole::bos, "tokenizer.ggml.bos_token_id"},
    {TokenRole::eos, "tokenizer.ggml.eos_token_id"},
    {TokenRole::eot, "tokenizer.ggml.eot_token_id"},
    {TokenRole::eom, "tokenizer.ggml.eom_token_id"},
    {TokenRole::unknown, "tokenizer.ggml.unknown_token_id"},
    {TokenRole::padding, "tokenizer.ggml.padding_token_id"},
    {TokenRole::separator, "tokenizer.ggml.seperator_token_id"},  // spelt so in the format
    {TokenRole::classify, "tokenizer.ggml.cls_token_id"},
    {TokenRole::mask, "tokenizer.ggml.mask_token_id"},
    {TokenRole::fim_prefix, "tokenizer.ggml.fim_pre_token_id"},
    {TokenRole::fim_suffix, "tokenizer.ggml.fim_suf_token_id"},
    {TokenRole::fim_middle, "tokenizer.ggml.fim_mid_token_id"},
    {TokenRole::fim_padding, "tokenizer.ggml.fim_pad_token_id"},
    {TokenRole::fim_repository, "tokenizer.ggml.fim_rep_token_id"},
    {TokenRole::fim_file, "tokenizer.ggml.fim_sep_token_id"},
};

/// Control tokens of Phi-3 swallow the white space behind them.
std::vector<Token> control_tokens(const TokenizerSpec& spec) {
  constexpr std::int32_t kControl = 3, kUserDefined = 4;
  std::vector<Token> result;
  for (std::size_t i = 0; i < spec.types.size() && i < spec.tokens.size(); ++i) {
    const bool marked = spec.types[i] == kControl || spec.types[i] == kUserDefined;
    if (marked && spec.tokens[i].starts_with("<|")) result.push_back(static_cast<Token>(i));
  }
  return result;
}

}  // namespace

std::unique_ptr<Tokenizer> tokenizer_from_gguf(const Metadata& metadata, std::string_view family,
                                               bool allow_unknown_pre_tokenizer) {
  const auto model = metadata.get<std::string_view>("tokenizer.ggml.model");
  if (!model || *model == "none" || *model == "no_vocab") return nullptr;
  TokenizerSpec spec;
  spec.model = *model;
  spec.pre = metadata.get_or<std::string_view>("tokenizer.ggml.pre", "");
  spec.tokens = metadata.require<std::vector<std::string_view>>("tokenizer.ggml.tokens");
  const auto scores = metadata.get_or<std::vector<float>>("tokenizer.ggml.scores", {});
  const auto types = metadata.get_or<std::vector<std::int32_t>>("tokenizer.ggml.token_type", {});
  spec.scores = scores;
  spec.types = types;
  spec.merges = metadata.get_or<std::vector<std::string_view>>("tokenizer.ggml.merges", {});
  const auto charsmap =
      metadata.get_or<std::vector<std::uint8_t>>("tokenizer.ggml.precompiled_charsmap", {});
  spec.precompiled_charsmap = std::as_bytes(std::span(charsmap));
  for (const auto& [role, key] : kRoleKeys) {
    if (const auto id = metadata.get<std::int64_t>(key)) spec.roles.emplace_back(role, *id);
  }
  spec.end_tokens = metadata.get_or<std::vector<std::int32_t>>("tokenizer.ggml.eos_token_ids", {});
  spec.add_bos = metadata.get<bool>("tokenizer.ggml.add_bos_token");
  spec.add_eos = metadata.get<bool>("tokenizer.ggml.add_eos_token");
  spec.add_sep = metadata.get<bool>("tokenizer.ggml.add_sep_token");
  spec.add_space_prefix = metadata.get<bool>("tokenizer.ggml.add_space_prefix");
  spec.remove_extra_whitespaces = metadata.get<bool>("tokenizer.ggml.remove_extra_whitespaces");
  if (family == "phi3") spec.strip_right = control_tokens(spec);
  spec.allow_unknown_pre_tokenizer = allow_unknown_pre_tokenizer;
  return make_tokenizer(spec);
}

}  // namespace jielong
