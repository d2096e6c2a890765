#include "model/convert/tokenizer_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_map>

#include "base/base64.h"
#include "base/error.h"
#include "base/json.h"
#include "model/convert/token_kind.h"
#include "model/convert/tokenizer_patterns.h"
#include "token/pre_patterns.h"

namespace jielong {
namespace {

constexpr std::string_view kSpaceMark = "\u2581";
constexpr std::string_view kContinued = "##";

/// tokenizer.json from GGUF's arrays.
class TokenizerWriter {
 public:
  explicit TokenizerWriter(const Metadata& metadata)
      : metadata_(metadata),
        tokens_(metadata.require<std::vector<std::string_view>>("tokenizer.ggml.tokens")),
        kinds_(metadata.get_or<std::vector<std::int32_t>>("tokenizer.ggml.token_type", {})) {
    kinds_.resize(tokens_.size(), kNormal);
  }

  Json byte_level() const {
    const auto name = metadata_.get_or<std::string>("tokenizer.ggml.pre", "default");
    const auto recipe = find_pre_tokenizer(name);
    if (!recipe || recipe->meta_spaces) {
      throw Error(ErrorKind::unsupported,
                  fmt::format("pre-tokenizer \"{}\" has no tokenizer.json form here", name),
                  "metadata key \"tokenizer.ggml.pre\"");
    }
    Json json = frame();
    if (recipe->nfc) json["normalizer"] = {{"type", "NFC"}};
    Json cuts = Json::array();
    for (const std::string_view pattern : recipe->patterns) {
      cuts.push_back({{"type", "Split"},
                      {"pattern", {{"Regex", pattern}}},
                      {"behavior", "Isolated"},
                      {"invert", false}});
    }
    cuts.push_back(
        {{"type", "ByteLevel"},
         {"add_prefix_space", metadata_.get_or("tokenizer.ggml.add_space_prefix", false)},
         {"trim_offsets", true},
         {"use_regex", false}});
    json["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", std::move(cuts)}};
    json["post_processor"] = template_processing(recipe->add_bos, false);
    json["decoder"] = {{"type", "ByteLevel"},
                       {"add_prefix_space", true},
                       {"trim_offsets", true},
                       {"use_regex", true}};
    Json merges = Json::array();
    for (const auto merge :
         metadata_.require<std::vector<std::string_view>>("tokenizer.ggml.merges")) {
      // A piece may be a space mark itself only in the first place, never empty.
      const std::size_t space = merge.find(' ', 1);
      if (space == std::string_view::npos) {
        throw bad_input("has a merge that is not a pair", "metadata key \"tokenizer.ggml.merges\"");
      }
      merges.push_back({merge.substr(0, space), merge.substr(space + 1)});
    }
    json["model"] = bpe(std::move(merges), nullptr, false);
    json["model"]["ignore_merges"] = recipe->ignore_merges;
    return json;
  }

  Json sentence_piece() const {
    const bool prepend = metadata_.get_or("tokenizer.ggml.add_space_prefix", true);
    Json json = frame();
    Json normal = Json::array(), decode = Json::array();
    if (prepend) normal.push_back({{"type", "Prepend"}, {"prepend", kSpaceMark}});
    normal.push_back(
        {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", kSpaceMark}});
    decode.push_back(
        {{"type", "Replace"}, {"pattern", {{"String", kSpaceMark}}}, {"content", " "}});
    decode.push_back({{"type", "ByteFallback"}});
    decode.push_back({{"type", "Fuse"}});
    if (prepend) {
      decode.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
    }
    json["normalizer"] = {{"type", "Sequence"}, {"normalizers", std::move(normal)}};
    json["pre_tokenizer"] = nullptr;
    json["post_processor"] = template_processing(true, false);
    json["decoder"] = {{"type", "Sequence"}, {"decoders", std::move(decode)}};
    json["model"] = bpe(merges_by_score(), token_with("tokenizer.ggml.unknown_token_id"), true);
    return json;
  }

  /// Readers of GGUF write all texts in lower case for these, so the file says so too.
  Json word_piece() const {
    Json json = frame();
    json["normalizer"] = {{"type", "BertNormalizer"},
                          {"clean_text", true},
                          {"handle_chinese_chars", true},
                          {"strip_accents", nullptr},
                          {"lowercase", true}};
    json["pre_tokenizer"] = {{"type", "BertPreTokenizer"}};
    json["post_processor"] = surround(
        role_or("cls", "bos"), metadata_.get_or("tokenizer.ggml.add_bos_token", true),
        role_or("seperator", "eos"), metadata_.get_or("tokenizer.ggml.add_sep_token", true));
    json["decoder"] = {{"type", "WordPiece"}, {"prefix", kContinued}, {"cleanup", true}};
    Json vocabulary = Json::object();
    for (std::size_t id = 0; id < tokens_.size(); ++id) {
      if (kinds_[id] == kUnused) continue;
      const std::string_view token = tokens_[id];
      if (token.starts_with(kSpaceMark)) {
        vocabulary.emplace(token.substr(kSpaceMark.size()), id);
      } else {
        const bool whole = is_added(id) || (token.starts_with('[') && token.ends_with(']'));
        vocabulary.emplace((whole ? "" : std::string(kContinued)) + std::string(token), id);
      }
    }
    const Json unknown = token_with("tokenizer.ggml.unknown_token_id");
    json["model"] = {{"type", "WordPiece"},
                     {"unk_token", unknown.is_null() ? Json("[UNK]") : unknown},
                     {"continuing_subword_prefix", kContinued},
                     {"max_input_chars_per_word", 100},
                     {"vocab", std::move(vocabulary)}};
    return json;
  }

  Json unigram() const {
    const bool prepend = metadata_.get_or("tokenizer.ggml.add_space_prefix", true);
    const auto scores = token_scores();
    Json json = frame();
    Json normal = Json::array();
    const auto charsmap = metadata_.get_or<std::vector<std::uint8_t>>(
        "tokenizer.ggml.precompiled_charsmap", std::vector<std::uint8_t>());
    if (!charsmap.empty()) {
      const std::string_view bytes(reinterpret_cast<const char*>(charsmap.data()), charsmap.size());
      normal.push_back({{"type", "Precompiled"}, {"precompiled_charsmap", encode_base64(bytes)}});
    }
    if (metadata_.get_or("tokenizer.ggml.remove_extra_whitespaces", false)) {
      normal.push_back(
          {{"type", "Replace"}, {"pattern", {{"Regex", kOuterSpaces}}}, {"content", ""}});
      normal.push_back(
          {{"type", "Replace"}, {"pattern", {{"Regex", kInnerSpaces}}}, {"content", " "}});
    }
    if (!normal.empty()) {
      json["normalizer"] = {{"type", "Sequence"}, {"normalizers", std::move(normal)}};
    }
    const Json spaces = {{"type", "Metaspace"},
                         {"replacement", kSpaceMark},
                         {"prepend_scheme", prepend ? "always" : "never"},
                         {"split", !spans_words()}};
    json["pre_tokenizer"] = spaces;
    json["post_processor"] = template_processing(false, true);
    Json pieces = Json::array();
    for (std::size_t id = 0; id < last_used(); ++id) {
      pieces.push_back({tokens_[id], scores[id]});
    }
    const bool bytes = std::find(kinds_.begin(), kinds_.end(), kByte) != kinds_.end();
    json["decoder"] = spaces;
    if (bytes) {
      json["decoder"] = {{"type", "Sequence"}, {"decoders", {{{"type", "ByteFallback"}}, spaces}}};
    }
    const auto unknown = metadata_.get<std::uint32_t>("tokenizer.ggml.unknown_token_id");
    json["model"] = {{"type", "Unigram"},
                     {"unk_id", unknown && *unknown < pieces.size() ? Json(*unknown) : Json()},
                     {"vocab", std::move(pieces)},
                     {"byte_fallback", bytes}};
    return json;
  }

  Json config() const {
    Json json = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                 {"clean_up_tokenization_spaces", false}};
    const std::pair<const char*, const char*> roles[] = {
        {"bos_token", "tokenizer.ggml.bos_token_id"},
        {"eos_token", "tokenizer.ggml.eos_token_id"},
        {"unk_token", "tokenizer.ggml.unknown_token_id"},
        {"pad_token", "tokenizer.ggml.padding_token_id"},
        {"sep_token", "tokenizer.ggml.seperator_token_id"},  // spelt so in the format
        {"cls_token", "tokenizer.ggml.cls_token_id"},
        {"mask_token", "tokenizer.ggml.mask_token_id"}};
    for (const auto& [name, key] : roles) {
      const Json token = token_with(key);
      if (!token.is_null()) json[name] = token;
    }
    for (const char* flag : {"add_bos_token", "add_eos_token"}) {
      if (const auto stated = metadata_.get<bool>(std::string("tokenizer.ggml.") + flag)) {
        json[flag] = *stated;
      }
    }
    if (const auto chat = metadata_.get<std::string>("tokenizer.chat_template")) {
      json["chat_template"] = *chat;
    }
    return json;
  }

 private:
  bool is_added(std::size_t id) const {
    return kinds_[id] == kControl || kinds_[id] == kUserDefined || kinds_[id] == kUnknown;
  }

  /// The token whose id a key holds, or null.
  Json token_with(const std::string& key) const {
    const auto id = metadata_.get<std::uint32_t>(key);
    if (!id || *id >= tokens_.size()) return nullptr;
    return tokens_[*id];
  }

  Json frame() const {
    Json added = Json::array();
    for (std::size_t id = 0; id < tokens_.size(); ++id) {
      if (!is_added(id)) continue;
      added.push_back({{"id", id},
                       {"content", tokens_[id]},
                       {"single_word", false},
                       {"lstrip", false},
                       {"rstrip", false},
                       {"normalized", false},
                       {"special", kinds_[id] != kUserDefined}});
    }
    return {{"version", "1.0"},
            {"truncation", nullptr},
            {"padding", nullptr},
            {"added_tokens", std::move(added)},
            {"normalizer", nullptr}};
  }

  Json bpe(Json merges, Json unknown, bool byte_fallback) const {
    Json vocabulary = Json::object();
    for (std::size_t id = 0; id < tokens_.size(); ++id) {
      if (kinds_[id] != kUnused) vocabulary.emplace(tokens_[id], id);
    }
    return {{"type", "BPE"},
            {"dropout", nullptr},
            {"unk_token", std::move(unknown)},
            {"continuing_subword_prefix", nullptr},
            {"end_of_word_suffix", nullptr},
            {"fuse_unk", byte_fallback},
            {"byte_fallback", byte_fallback},
            {"vocab", std::move(vocabulary)},
            {"merges", std::move(merges)}};
  }

  std::optional<std::uint32_t> role_or(const char* role, const char* other) const {
    const auto id_of = [&](const char* name) {
      return metadata_.get<std::uint32_t>(fmt::format("tokenizer.ggml.{}_token_id", name));
    };
    const auto id = id_of(role);
    return id ? id : id_of(other);
  }

  Json template_processing(bool bos_by_default, bool eos_by_default) const {
    return surround(
        role_or("bos", "bos"), metadata_.get_or("tokenizer.ggml.add_bos_token", bos_by_default),
        role_or("eos", "eos"), metadata_.get_or("tokenizer.ggml.add_eos_token", eos_by_default));
  }

  /// What stands before and behind a text when special tokens are wanted.
  Json surround(std::optional<std::uint32_t> before, bool add_before,
                std::optional<std::uint32_t> behind, bool add_behind) const {
    Json single = Json::array(), specials = Json::object();
    const auto add = [&](std::optional<std::uint32_t> id, bool wanted) {
      if (!wanted || !id || *id >= tokens_.size()) return;
      const std::string token(tokens_[*id]);
      single.push_back({{"SpecialToken", {{"id", token}, {"type_id", 0}}}});
      specials[token] = {{"id", token}, {"ids", {*id}}, {"tokens", {token}}};
    };
    add(before, add_before);
    single.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
    add(behind, add_behind);
    if (specials.empty()) return nullptr;
    Json pair = single;
    Json second = single;
    for (Json& part : second) part.front()["type_id"] = 1;
    for (Json& part : second) {
      if (part.contains("Sequence")) part["Sequence"]["id"] = "B";
    }
    pair.insert(pair.end(), second.begin(), second.end());
    return {{"type", "TemplateProcessing"},
            {"single", single},
            {"pair", pair},
            {"special_tokens", specials}};
  }

  std::vector<float> token_scores() const {
    auto scores = metadata_.require<std::vector<float>>("tokenizer.ggml.scores");
    if (scores.size() != tokens_.size()) {
      throw bad_input(fmt::format("has {} scores for {} tokens", scores.size(), tokens_.size()),
                      "metadata key \"tokenizer.ggml.scores\"");
    }
    return scores;
  }

  /// Whether a piece goes on behind a space.
  bool spans_words() const {
    for (std::size_t id = 0; id < tokens_.size(); ++id) {
      if (kinds_[id] == kNormal && tokens_[id].find(kSpaceMark, 1) != std::string_view::npos) {
        return true;
      }
    }
    return false;
  }

  /// One behind the last token that is not there only to fill the embedding.
  std::size_t last_used() const {
    std::size_t count = tokens_.size();
    while (count > 0 && kinds_[count - 1] == kUnused) --count;
    return count;
  }

  /// Every way to make a piece of two others, better pieces first: what joining by score
  /// amounts to when joining by merges.
  Json merges_by_score() const {
    const auto scores = token_scores();
    std::unordered_map<std::string_view, std::size_t> ids;
    std::vector<std::size_t> order;
    for (std::size_t id = 0; id < tokens_.size(); ++id) {
      if (kinds_[id] != kNormal && kinds_[id] != kUserDefined) continue;
      ids.emplace(tokens_[id], id);
      if (kinds_[id] == kNormal) order.push_back(id);
    }
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
    Json merges = Json::array();
    std::vector<std::pair<std::size_t, std::size_t>> ways;
    for (const std::size_t id : order) {
      const std::string_view piece = tokens_[id];
      ways.clear();
      for (std::size_t cut = 1; cut < piece.size(); ++cut) {
        if ((static_cast<unsigned char>(piece[cut]) & 0xc0) == 0x80) continue;
        const auto left = ids.find(piece.substr(0, cut)), right = ids.find(piece.substr(cut));
        if (left != ids.end() && right != ids.end()) {
          ways.emplace_back(left->second, right->second);
        }
      }
      std::sort(ways.begin(), ways.end());
      for (const auto& [left, right] : ways) merges.push_back({tokens_[left], tokens_[right]});
    }
    return merges;
  }

  const Metadata& metadata_;
  std::vector<std::string_view> tokens_;
  std::vector<std::int32_t> kinds_;
};

}  // namespace

void add_tokenizer_files(const Metadata& metadata,
                         std::vector<std::pair<std::string, std::string>>& files,
                         std::vector<std::string>& notes) {
  const auto model = metadata.get_or<std::string>("tokenizer.ggml.model", "none");
  const bool known = model == "gpt2" || model == "llama" || model == "t5" || model == "bert";
  if (!known) {
    notes.push_back(fmt::format("the tokenizer of kind \"{}\" was left out", model));
    return;
  }
  try {
    const TokenizerWriter writer(metadata);
    const Json tokenizer = model == "gpt2"    ? writer.byte_level()
                           : model == "llama" ? writer.sentence_piece()
                           : model == "t5"    ? writer.unigram()
                                              : writer.word_piece();
    files.emplace_back("tokenizer.json", tokenizer.dump(1) + "\n");
    files.emplace_back("tokenizer_config.json", writer.config().dump(2) + "\n");
    if (const auto ends = metadata.get<std::vector<std::int32_t>>("tokenizer.ggml.eos_token_ids")) {
      files.emplace_back("generation_config.json", Json{{"eos_token_id", *ends}}.dump(2) + "\n");
    }
  } catch (const nlohmann::json::exception&) {
    throw bad_input("holds a token that is not valid UTF-8",
                    "metadata key \"tokenizer.ggml.tokens\"");
  }
}

}  // namespace jielong
