#include "model/convert/tokenizer_metadata.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_map>

#include "base/base64.h"
#include "base/error.h"
#include "base/json.h"
#include "base/quote.h"
#include "model/convert/token_kind.h"
#include "model/convert/tokenizer_patterns.h"
#include "token/pre_patterns.h"
#include "token/scanners.h"

namespace jielong {
namespace {

const Json kNull;
constexpr std::string_view kSpaceMark = "\u2581";

/// The member `key`, or null.
const Json& member(const Json& object, const char* key) {
  if (!object.is_object()) return kNull;
  const auto it = object.find(key);
  return it == object.end() ? kNull : *it;
}

std::string text_of(const Json& object, const char* key) {
  const Json& value = member(object, key);
  return value.is_string() ? value.get<std::string>() : std::string();
}

[[noreturn]] void refuse(const std::string& what) {
  throw Error(ErrorKind::unsupported, what, "tokenizer.json",
              "run the model from its folder, without converting");
}

/// The steps of a Sequence, or the one component itself.
std::vector<const Json*> steps(const Json& component, const char* list) {
  std::vector<const Json*> result;
  if (component.is_null()) return result;
  if (text_of(component, "type") != "Sequence") return {&component};
  for (const Json& step : member(component, list)) {
    for (const Json* inner : steps(step, list)) result.push_back(inner);
  }
  return result;
}

/// Patterns differ in whether they escape the quotation mark, which changes nothing.
std::string plain_quotes(std::string pattern) {
  for (std::size_t at = 0; (at = pattern.find("\\\"", at)) != std::string::npos;) {
    pattern.erase(at, 1);
  }
  return pattern;
}

/// tokenizer.json as GGUF sees it.
class TokenizerReader {
 public:
  TokenizerReader(const Json& json, std::int64_t vocabulary)
      : json_(json), model_(member(json, "model")) {
    read_vocabulary(vocabulary);
  }

  bool is_word_piece() const { return text_of(model_, "type") == "WordPiece"; }

  void put(MetadataBuilder& metadata) {
    const std::string type = text_of(model_, "type");
    if (is_word_piece()) {
      put_word_piece(metadata);
    } else if (type == "Unigram") {
      put_unigram(metadata);
    } else if (type == "BPE" || (type.empty() && model_.contains("merges"))) {
      read_merges();
      if (uses_byte_letters()) {
        put_byte_level(metadata);
      } else {
        put_sentence_piece(metadata);
      }
    } else {
      refuse(fmt::format("a tokenizer of kind {} has no GGUF form here", in_quotes(type)));
    }
    metadata.set("tokenizer.ggml.tokens", std::span<const std::string>(tokens_));
    if (!scores_.empty()) {
      metadata.set("tokenizer.ggml.scores", std::span<const float>(scores_));
    }
    metadata.set("tokenizer.ggml.token_type", std::span<const std::int32_t>(kinds_));
    if (!merges_.empty() && scores_.empty()) {
      metadata.set("tokenizer.ggml.merges", std::span<const std::string>(merges_));
    }
    if (habits_lost_ > 0) {
      notes_.push_back(
          fmt::format("GGUF cannot say of {} added tokens that they take in the spaces "
                      "beside them or match whole words only",
                      habits_lost_));
    }
  }

  /// What GGUF cannot say of this tokenizer, for people.
  const std::vector<std::string>& notes() const { return notes_; }

  std::optional<std::uint32_t> find(const std::string& token) const {
    const auto it = ids_.find(token);
    if (it == ids_.end()) return std::nullopt;
    return it->second;
  }

  /// Whether encoding puts `token` at the front (or back) of a text.
  bool adds(const std::string& token, bool front) const {
    for (const Json* step : steps(member(json_, "post_processor"), "processors")) {
      // BertProcessing and RobertaProcessing: [text, id]
      const Json& named = member(*step, front ? "cls" : "sep");
      if (named.is_array() && !named.empty() && named.front() == token) return !token.empty();
      const Json& single = member(*step, "single");
      if (!single.is_array() || single.empty()) continue;
      const Json& edge = member(front ? single.front() : single.back(), "SpecialToken");
      if (!token.empty() && text_of(edge, "id") == token) return true;
    }
    return false;
  }

 private:
  void set_token(const std::string& token, const Json& id, std::int32_t kind) {
    constexpr std::uint64_t kMaxTokens = 1 << 24;
    if (!id.is_number_unsigned() || id.get<std::uint64_t>() >= kMaxTokens) {
      throw bad_input(fmt::format("token {} has no proper id", in_quotes(token)), "tokenizer.json");
    }
    const auto index = id.get<std::size_t>();
    if (index >= tokens_.size()) {
      tokens_.resize(index + 1);
      kinds_.resize(index + 1, kUnused);
    }
    tokens_[index] = token;
    kinds_[index] = kind;
    ids_[token] = static_cast<std::uint32_t>(index);
  }

  void read_vocabulary(std::int64_t vocabulary) {
    const Json& vocab = member(model_, "vocab");
    if (vocab.is_object()) {
      for (const auto& [token, id] : vocab.items()) set_token(token, id, kNormal);
    }
    if (vocab.is_array()) read_scored_pieces(vocab);
    for (const Json& added : member(json_, "added_tokens")) {
      const bool special = member(added, "special") == true;
      set_token(text_of(added, "content"), member(added, "id"), special ? kControl : kUserDefined);
      for (const char* habit : {"single_word", "lstrip", "rstrip"}) {
        if (member(added, habit) == true) ++habits_lost_;
      }
    }
    if (static_cast<std::int64_t>(tokens_.size()) > vocabulary) {
      refuse(fmt::format("has {} tokens for an embedding of {}", tokens_.size(), vocabulary));
    }
    const auto rows = static_cast<std::size_t>(vocabulary);
    tokens_.resize(rows);
    kinds_.resize(rows, kUnused);
    for (std::size_t i = 0; i < rows; ++i) {
      if (kinds_[i] == kUnused) tokens_[i] = fmt::format("[PAD{}]", i);
    }
  }

  /// Unigram's vocabulary: pairs of piece and log-probability, the id being the place.
  void read_scored_pieces(const Json& vocab) {
    for (std::size_t id = 0; id < vocab.size(); ++id) {
      const Json& entry = vocab[id];
      if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string() ||
          !entry[1].is_number()) {
        throw bad_input(fmt::format("entry {} of the vocabulary is no pair of piece and score", id),
                        "tokenizer.json");
      }
      set_token(entry[0].get<std::string>(), Json(id), kNormal);
      scores_.push_back(entry[1].get<float>());
    }
  }

  void read_merges() {
    for (const Json& merge : member(model_, "merges")) {
      if (merge.is_string()) {
        merges_.push_back(merge.get<std::string>());
      } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() &&
                 merge[1].is_string()) {
        merges_.push_back(merge[0].get<std::string>() + " " + merge[1].get<std::string>());
      } else {
        throw bad_input(fmt::format("merge {} is not a pair of texts", merges_.size()),
                        "tokenizer.json");
      }
    }
  }

  bool uses_byte_letters() const {
    const auto has = [](const std::vector<const Json*>& list) {
      return std::any_of(list.begin(), list.end(),
                         [](const Json* step) { return text_of(*step, "type") == "ByteLevel"; });
    };
    return has(steps(member(json_, "pre_tokenizer"), "pretokenizers")) ||
           has(steps(member(json_, "decoder"), "decoders"));
  }

  /// The patterns that the pre-tokenizer cuts by, one after the other.
  std::vector<std::string> cut_patterns() const {
    std::vector<std::string> result;
    for (const Json* step : steps(member(json_, "pre_tokenizer"), "pretokenizers")) {
      const std::string type = text_of(*step, "type");
      if (type == "Split") {
        result.push_back(plain_quotes(text_of(member(*step, "pattern"), "Regex")));
      } else if (type == "Digits") {
        result.emplace_back(member(*step, "individual_digits") == true ? R"(\p{N})" : R"(\p{N}+)");
      } else if (type == "ByteLevel") {
        if (member(*step, "use_regex") != false) result.emplace_back(patterns::kGpt2);
      } else {
        refuse(fmt::format("GGUF has no name for the pre-tokenizer {}", in_quotes(type)));
      }
    }
    return result;
  }

  void put_byte_level(MetadataBuilder& metadata) {
    const std::vector<std::string> cuts = cut_patterns();
    const bool ignore_merges = member(model_, "ignore_merges") == true;
    const auto normalizers = steps(member(json_, "normalizer"), "normalizers");
    const bool nfc = std::any_of(normalizers.begin(), normalizers.end(),
                                 [](const Json* step) { return text_of(*step, "type") == "NFC"; });
    const auto matches = [&](std::string_view name, bool exactly) {
      const auto known = find_pre_tokenizer(name);
      return known &&
             std::equal(cuts.begin(), cuts.end(), known->patterns.begin(), known->patterns.end()) &&
             (!exactly || (known->ignore_merges == ignore_merges && known->nfc == nfc));
    };
    // The best known of the names that mean the same come first.
    std::vector<std::string_view> names = {"gpt-2", "smollm", "llama-bpe",
                                           "qwen2", "tekken", "gpt-4o"};
    for (const std::string_view name : known_pre_tokenizers()) names.push_back(name);
    std::string_view chosen;
    for (const bool exactly : {true, false}) {
      for (const std::string_view name : names) {
        if (chosen.empty() && matches(name, exactly)) chosen = name;
      }
    }
    if (chosen.empty()) refuse("GGUF has no name for the way this tokenizer cuts words");
    metadata.set("tokenizer.ggml.model", "gpt2");
    metadata.set("tokenizer.ggml.pre", chosen);
  }

  bool prepends_space() const {
    for (const Json* step : steps(member(json_, "normalizer"), "normalizers")) {
      if (text_of(*step, "type") == "Prepend") return true;
    }
    for (const Json* step : steps(member(json_, "pre_tokenizer"), "pretokenizers")) {
      if (text_of(*step, "type") != "Metaspace") continue;
      const std::string scheme = text_of(*step, "prepend_scheme");
      return scheme.empty() ? member(*step, "add_prefix_space") != false : scheme != "never";
    }
    return false;
  }

  /// SentencePiece BPE joins the pair whose piece has the best score: the rank of the first
  /// merge that makes it.
  void put_sentence_piece(MetadataBuilder& metadata) {
    metadata.set("tokenizer.ggml.model", "llama");
    metadata.set("tokenizer.ggml.pre", "default");
    metadata.set("tokenizer.ggml.add_space_prefix", prepends_space());
    constexpr float kNeverMade = -1e9f;
    scores_.assign(tokens_.size(), kNeverMade);
    std::string joined;
    for (std::size_t rank = merges_.size(); rank-- > 0;) {
      joined = merges_[rank];
      joined.erase(joined.find(' '), 1);
      if (const auto id = find(joined)) scores_[*id] = -static_cast<float>(rank);
    }
    if (const auto unknown = find(text_of(model_, "unk_token"))) kinds_[*unknown] = kUnknown;
    mark_bytes();
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      if (kinds_[i] != kNormal) scores_[i] = 0;
    }
  }

  void mark_bytes() {
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      const std::string& token = tokens_[i];
      if (token.size() == 6 && token.starts_with("<0x") && token.back() == '>') kinds_[i] = kByte;
    }
  }

  /// What a Unigram tokenizer does to a text before it is cut, as far as GGUF can say it.
  struct UnigramNormalizer {
    std::string charsmap;
    bool joins_spaces = false;  ///< runs of spaces become one
    bool trims = false;         ///< no spaces at the end
  };

  UnigramNormalizer unigram_normalizer() const {
    UnigramNormalizer result;
    for (const Json* step : steps(member(json_, "normalizer"), "normalizers")) {
      const std::string type = text_of(*step, "type");
      const Json& pattern = member(*step, "pattern");
      if (type == "Precompiled") {
        result.charsmap = decode_base64(text_of(*step, "precompiled_charsmap"), "tokenizer.json");
      } else if (type == "Strip") {
        result.trims = result.trims || member(*step, "strip_right") != false;
      } else if (type == "Replace" && text_of(pattern, "Regex") == kInnerSpaces) {
        result.joins_spaces = true;
      } else if (type == "Replace" && text_of(pattern, "Regex") == kOuterSpaces) {
        result.trims = true;
      } else if (type == "Replace" && text_of(pattern, "String") == " " &&
                 text_of(*step, "content") == kSpaceMark) {
        // GGUF's readers write the mark themselves.
      } else if (type != "Prepend") {  // see prepends_space()
        refuse(fmt::format("GGUF has no word for the normalizer {} of a Unigram tokenizer",
                           in_quotes(type)));
      }
    }
    return result;
  }

  /// Unigram is called "t5" in GGUF, after the first model that brought it there.
  void put_unigram(MetadataBuilder& metadata) {
    UnigramNormalizer normal = unigram_normalizer();
    for (const Json* step : steps(member(json_, "pre_tokenizer"), "pretokenizers")) {
      const std::string type = text_of(*step, "type");
      // Cutting at white space amounts to trimming only where the map makes all of it spaces.
      const bool cuts = type == "WhitespaceSplit" && !normal.charsmap.empty();
      if (cuts) normal.joins_spaces = normal.trims = true;
      if (!cuts && type != "Metaspace") {
        refuse(fmt::format("GGUF has no name for the pre-tokenizer {}", in_quotes(type)));
      }
    }
    metadata.set("tokenizer.ggml.model", "t5");
    metadata.set("tokenizer.ggml.pre", "default");
    metadata.set("tokenizer.ggml.add_space_prefix", prepends_space());
    metadata.set("tokenizer.ggml.remove_extra_whitespaces", normal.joins_spaces);
    if (normal.joins_spaces && !normal.trims) {
      notes_.emplace_back(
          "GGUF removes spaces at the end of a text where it joins runs of them; tokenizer.json "
          "kept one");
    }
    if (!normal.charsmap.empty()) {
      metadata.set("tokenizer.ggml.precompiled_charsmap",
                   std::span(reinterpret_cast<const std::uint8_t*>(normal.charsmap.data()),
                             normal.charsmap.size()));
    }
    if (member(model_, "byte_fallback") == true) mark_bytes();
    const Json& unknown = member(model_, "unk_id");
    if (unknown.is_number_unsigned() && unknown.get<std::uint64_t>() < tokens_.size()) {
      kinds_[unknown.get<std::size_t>()] = kUnknown;
      metadata.set("tokenizer.ggml.unknown_token_id", unknown.get<std::uint32_t>());
    }
    scores_.resize(tokens_.size(), 0.0f);
  }

  /// GGUF marks the pieces that begin a word instead of those that continue one.
  void put_word_piece(MetadataBuilder& metadata) {
    metadata.set("tokenizer.ggml.model", "bert");
    metadata.set("tokenizer.ggml.pre", "default");
    if (member(member(json_, "normalizer"), "lowercase") == false) {
      notes_.emplace_back(
          "readers of GGUF write texts in lower case, which this tokenizer does "
          "not: its capital letters are lost");
    }
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      std::string& token = tokens_[i];
      if (kinds_[i] != kNormal || (token.starts_with('[') && token.ends_with(']'))) continue;
      token = token.starts_with("##") ? token.substr(2) : std::string(kSpaceMark) + token;
    }
  }

  const Json& json_;
  const Json& model_;
  std::vector<std::string> tokens_, merges_;
  std::vector<std::int32_t> kinds_;
  std::vector<float> scores_;
  std::unordered_map<std::string, std::uint32_t> ids_;
  std::size_t habits_lost_ = 0;
  std::vector<std::string> notes_;
};

/// A special token's text in tokenizer_config.json, plain or as an object.
std::string special_token(const Json& config, const std::string& role) {
  const Json& value = member(config, (role + "_token").c_str());
  return value.is_string() ? value.get<std::string>() : text_of(value, "content");
}

void put_special_tokens(const TokenizerReader& reader, const Json& tokenizer_config,
                        const Json& config, const Json& generation, MetadataBuilder& metadata) {
  const std::pair<const char*, const char*> roles[] = {
      {"bos", "bos"},     {"eos", "eos"},       {"unk", "unknown"},
      {"pad", "padding"}, {"sep", "seperator"},  // spelt so in the format
      {"cls", "cls"},     {"mask", "mask"}};
  for (const auto& [role, key] : roles) {
    auto id = reader.find(special_token(tokenizer_config, role));
    const Json& number = member(config, (std::string(role) + "_token_id").c_str());
    if (!id && number.is_number_unsigned()) id = number.get<std::uint32_t>();
    if (!id && number.is_array() && !number.empty() && number.front().is_number_unsigned()) {
      id = number.front().get<std::uint32_t>();
    }
    if (id) metadata.set(fmt::format("tokenizer.ggml.{}_token_id", key), *id);
  }
  std::vector<std::int32_t> ends;
  for (const Json* source : {&generation, &config}) {
    const Json& list = member(*source, "eos_token_id");
    if (!list.is_array() || !ends.empty()) continue;
    for (const Json& id : list) {
      if (id.is_number_unsigned()) ends.push_back(id.get<std::int32_t>());
    }
  }
  if (ends.size() > 1) {
    metadata.set("tokenizer.ggml.eos_token_ids", std::span<const std::int32_t>(ends));
  }
}

void put_chat_template(const TextFolder& folder, const Json& tokenizer_config,
                       MetadataBuilder& metadata) {
  const Json& templates = member(tokenizer_config, "chat_template");
  if (const auto text = folder.text("chat_template.jinja")) {
    metadata.set("tokenizer.chat_template", std::string_view(*text));
  } else if (templates.is_string()) {
    metadata.set("tokenizer.chat_template",
                 std::string_view(templates.get_ref<const std::string&>()));
  } else if (templates.is_array()) {
    std::vector<std::string> names;
    for (const Json& entry : templates) {
      const std::string name = text_of(entry, "name"), source = text_of(entry, "template");
      const bool is_default = name == "default";
      if (!is_default) names.push_back(name);
      metadata.set(is_default ? "tokenizer.chat_template" : "tokenizer.chat_template." + name,
                   std::string_view(source));
    }
    if (!names.empty()) {
      metadata.set("tokenizer.chat_templates", std::span<const std::string>(names));
    }
  }
}

Json read_json(const TextFolder& folder, const char* name) {
  const auto text = folder.text(name);
  return text ? parse_json(*text, (folder.path() / name).string()) : Json();
}

}  // namespace

void put_tokenizer(const TextFolder& folder, const Hyperparameters& hyper,
                   MetadataBuilder& metadata, std::vector<std::string>& notes) {
  const Json json = read_json(folder, "tokenizer.json");
  if (json.is_null()) {
    notes.emplace_back("the folder has no tokenizer.json, so the GGUF file has no tokenizer");
    metadata.set("tokenizer.ggml.model", "no_vocab");
    return;
  }
  const Json tokenizer_config = read_json(folder, "tokenizer_config.json");
  TokenizerReader reader(json, hyper.vocabulary);
  reader.put(metadata);
  notes.insert(notes.end(), reader.notes().begin(), reader.notes().end());
  put_special_tokens(reader, tokenizer_config, read_json(folder, "config.json"),
                     read_json(folder, "generation_config.json"), metadata);
  if (!reader.is_word_piece()) {
    const auto flag = [&](const char* name, const char* role, bool front) {
      const Json& stated = member(tokenizer_config, name);
      metadata.set(fmt::format("tokenizer.ggml.{}", name),
                   stated.is_boolean() ? stated.get<bool>()
                                       : reader.adds(special_token(tokenizer_config, role), front));
    };
    flag("add_bos_token", "bos", true);
    flag("add_eos_token", "eos", false);
  }
  put_chat_template(folder, tokenizer_config, metadata);
}

}  // namespace jielong
