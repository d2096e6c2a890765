#include "token/tokenizer_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"
#include "base/quote.h"
#include "token/bpe.h"
#include "token/json_components.h"
#include "token/json_fields.h"
#include "token/pipeline.h"
#include "token/unigram.h"
#include "token/wordpiece.h"

namespace jielong {
namespace {

namespace fields = json_fields;

constexpr std::size_t kMaxFile = std::size_t{256} << 20;
constexpr std::size_t kMaxAddedBytes = 1024;  // of one added token

/// The pieces by number, and what else the model's vocabulary says.
struct Pieces {
  std::vector<std::string_view> texts;  ///< (tokens), views into the JSON; holes are empty
  std::vector<double> scores;           ///< (tokens), Unigram only
};

void place(Pieces& pieces, std::size_t id, std::string_view text, const std::string& where) {
  if (id >= pieces.texts.size()) pieces.texts.resize(id + 1);
  if (pieces.texts[id].data() != nullptr && pieces.texts[id] != text) {
    throw bad_input(fmt::format("token {} has two spellings", id), where);
  }
  pieces.texts[id] = text;
}

/// One more than the largest number that a vocabulary of `count` pieces may use: files have
/// holes, but not mostly holes.
std::size_t id_limit(std::size_t count) {
  return std::min<std::size_t>(Vocabulary::kMaxSize, count * 4 + 65536);
}

std::string model_type(const Json& model, const std::string& where) {
  if (const auto type = fields::optional_string(model, "type", where)) return *type;
  // Files written before 2021 leave it out.
  if (fields::find(model, "merges")) return "BPE";
  if (fields::find(model, "max_input_chars_per_word")) return "WordPiece";
  if (fields::find(model, "unk_id")) return "Unigram";
  throw bad_input("is missing", where + ".type");
}

Pieces read_pieces(const Json& model, const std::string& type, const std::string& where) {
  Pieces pieces;
  const std::string place_name = where + ".vocab";
  if (type == "Unigram") {
    const Json& list = fields::array(model, "vocab", where);
    pieces.texts.reserve(list.size());
    for (const Json& entry : list) {
      if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string() ||
          !entry[1].is_number()) {
        throw bad_input("holds something else than pairs of piece and score",
                        fmt::format("{}[{}]", place_name, pieces.texts.size()));
      }
      pieces.texts.emplace_back(entry[0].get_ref<const std::string&>());
      pieces.scores.push_back(entry[1].get<double>());
    }
  } else {
    const Json& map = fields::require(model, "vocab", where);
    if (!map.is_object()) throw bad_input("is not an object", place_name);
    const std::size_t limit = id_limit(map.size());
    pieces.texts.reserve(map.size());
    for (const auto& [text, id] : map.items()) {
      place(pieces, fields::integer(id, limit, place_name), text, place_name);
    }
  }
  if (pieces.texts.size() > static_cast<std::size_t>(Vocabulary::kMaxSize)) {
    throw Error(ErrorKind::limit, "has too many tokens", place_name);
  }
  return pieces;
}

struct AddedEntry {
  AddedToken token;
  bool normalized = false;
};

std::vector<AddedEntry> read_added_tokens(const Json& root, Pieces& pieces,
                                          const std::string& where) {
  std::vector<AddedEntry> out;
  const Json* list = fields::find(root, "added_tokens");
  if (!list) return out;
  const std::string name = where + ": added_tokens";
  if (!list->is_array()) throw bad_input("is not an array", name);
  const std::size_t limit = id_limit(pieces.texts.size() + list->size());
  for (const Json& entry : *list) {
    const std::string place_name = fmt::format("{}[{}]", name, out.size());
    const std::string& text = fields::string(entry, "content", place_name);
    if (text.size() > kMaxAddedBytes) {
      throw Error(ErrorKind::limit,
                  fmt::format("the token is longer than {} bytes", kMaxAddedBytes), place_name);
    }
    const std::size_t id =
        fields::integer(fields::require(entry, "id", place_name), limit, place_name + ".id");
    const bool special = fields::boolean(entry, "special", false, place_name);
    place(pieces, id, text, place_name);
    out.push_back({{.token = static_cast<Token>(id),
                    .text = text,
                    .special = special,
                    .single_word = fields::boolean(entry, "single_word", false, place_name),
                    .strip_left = fields::boolean(entry, "lstrip", false, place_name),
                    .strip_right = fields::boolean(entry, "rstrip", false, place_name)},
                   fields::boolean(entry, "normalized", !special, place_name)});
  }
  return out;
}

/// The name of the unknown token, if the model has one.
std::string_view unknown_name(const Json& model, const std::string& type, const Pieces& pieces,
                              const std::string& where) {
  if (type != "Unigram") {
    return fields::find(model, "unk_token")
               ? std::string_view(fields::string(model, "unk_token", where))
               : std::string_view();
  }
  const Json* id = fields::find(model, "unk_id");
  if (!id) return {};
  return pieces.texts[fields::integer(*id, pieces.texts.size(), where + ".unk_id")];
}

Vocabulary build_vocabulary(const Pieces& pieces, const std::vector<AddedEntry>& added,
                            std::string_view unknown) {
  std::vector<TokenClass> classes(pieces.texts.size(), TokenClass::normal);
  for (const AddedEntry& entry : added) {
    classes[static_cast<std::size_t>(entry.token.token)] =
        entry.token.special ? TokenClass::control : TokenClass::user_defined;
  }
  std::size_t bytes = 0;
  for (const std::string_view text : pieces.texts) bytes += text.size();
  Vocabulary vocabulary;
  vocabulary.reserve(pieces.texts.size(), bytes);
  for (std::size_t i = 0; i < pieces.texts.size(); ++i) {
    const std::string_view text = pieces.texts[i];
    TokenClass c = classes[i];
    if (text.data() == nullptr) c = TokenClass::unused;
    if (!unknown.empty() && text == unknown) c = TokenClass::unknown;
    const bool special = c == TokenClass::control || c == TokenClass::unknown;
    vocabulary.add(text, c, special ? TokenKind::special : TokenKind::text);
  }
  return vocabulary;
}

/// tokenizer_config.json says which token is what: a string or {"content": string}.
void assign_roles(Vocabulary& vocabulary, std::string_view config_text) {
  constexpr std::pair<const char*, TokenRole> kKeys[] = {
      {"bos_token", TokenRole::bos},       {"eos_token", TokenRole::eos},
      {"unk_token", TokenRole::unknown},   {"pad_token", TokenRole::padding},
      {"sep_token", TokenRole::separator}, {"cls_token", TokenRole::classify},
      {"mask_token", TokenRole::mask}};
  if (!config_text.empty()) {
    const Json config = parse_json(config_text, "tokenizer_config.json");
    for (const auto& [key, role] : kKeys) {
      const Json* value = fields::find(config, key);
      if (!value) continue;
      if (value->is_object()) value = fields::find(*value, "content");
      if (!value || !value->is_string()) continue;
      const auto token = vocabulary.find(value->get_ref<const std::string&>());
      if (token) vocabulary.set_role(role, *token);
    }
  }
  assign_roles_by_name(vocabulary);
}

std::unique_ptr<SubwordModel> build_bpe(const Json& model, Vocabulary& vocabulary,
                                        std::optional<Token> unknown, bool raw_bytes,
                                        const std::string& where) {
  const auto text = [&](const char* key) {
    return fields::optional_string(model, key, where).value_or("");
  };
  auto bpe = std::make_unique<Bpe>(
      vocabulary, BpeOptions{.raw_bytes = raw_bytes,
                             .byte_fallback = fields::boolean(model, "byte_fallback", false, where),
                             .fuse_unknown = fields::boolean(model, "fuse_unk", false, where),
                             .ignore_merges = fields::boolean(model, "ignore_merges", false, where),
                             .continuing_prefix = text("continuing_subword_prefix"),
                             .end_suffix = text("end_of_word_suffix"),
                             .unknown = unknown});
  const Json& merges = fields::array(model, "merges", where);
  bpe->reserve_merges(merges.size());
  std::size_t i = 0;
  for (const Json& merge : merges) {
    std::string_view left, right;
    if (merge.is_string()) {
      const std::string_view both = merge.get_ref<const std::string&>();
      const std::size_t space = both.find(' ');
      if (space != std::string_view::npos) {
        left = both.substr(0, space);
        right = both.substr(space + 1);
      }
    } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() &&
               merge[1].is_string()) {
      left = merge[0].get_ref<const std::string&>();
      right = merge[1].get_ref<const std::string&>();
    }
    if (left.empty() || !bpe->add_merge(left, right)) {
      throw bad_input("does not join two pieces of the vocabulary into a third",
                      fmt::format("{}.merges[{}]", where, i));
    }
    ++i;
  }
  return bpe;
}

std::unique_ptr<SubwordModel> build_model(const Json& model, const std::string& type,
                                          const Pieces& pieces, Vocabulary& vocabulary,
                                          std::string_view unknown_text, bool raw_bytes,
                                          const std::string& where) {
  const std::optional<Token> unknown = vocabulary.find(unknown_text);
  if (type == "BPE") return build_bpe(model, vocabulary, unknown, raw_bytes, where);
  if (raw_bytes) {
    throw Error(ErrorKind::unsupported, "pre-tokenizer \"ByteLevel\" needs a BPE model", where);
  }
  if (type == "Unigram") {
    return std::make_unique<Unigram>(vocabulary, pieces.scores, unknown,
                                     fields::boolean(model, "byte_fallback", false, where));
  }
  if (type == "WordPiece") {
    WordPieceOptions options{.first_prefix = "", .unknown = unknown};
    if (const auto prefix = fields::optional_string(model, "continuing_subword_prefix", where)) {
      options.next_prefix = *prefix;
    }
    if (const Json* limit = fields::find(model, "max_input_chars_per_word")) {
      options.max_chars = fields::integer(*limit, 1U << 20, where + ".max_input_chars_per_word");
    }
    return std::make_unique<WordPiece>(vocabulary, options);
  }
  return std::make_unique<WordLevel>(vocabulary, unknown);
}

void set_added_tokens(PipelineParts& parts, const std::vector<AddedEntry>& added) {
  std::vector<AddedToken> raw, normalized;
  for (const AddedEntry& entry : added) {
    if (entry.token.text.empty()) continue;
    if (!entry.token.special) {
      parts.lossy_tokens = parts.lossy_tokens || entry.token.strip_left || entry.token.strip_right;
    }
    if (!entry.normalized || parts.normalizers.empty()) {
      raw.push_back(entry.token);
      continue;
    }
    // It is looked for in normalized text, so it is spelled as that spells it.
    normalized.push_back(entry.token);
    normalized.back().text = normalize_all(parts.normalizers, entry.token.text);
  }
  parts.added_raw = AddedTokens(std::move(raw));
  parts.added_normalized = AddedTokens(std::move(normalized));
}

}  // namespace

std::unique_ptr<Tokenizer> tokenizer_from_json(std::string_view text, const std::string& where,
                                               std::string_view config) {
  if (text.size() > kMaxFile) {
    throw Error(ErrorKind::limit, fmt::format("is larger than {} MiB", kMaxFile >> 20), where);
  }
  const Json root = parse_json(text, where);
  if (!root.is_object()) throw bad_input("is not a JSON object", where);
  const Json& model = fields::require(root, "model", where);
  const std::string model_where = where + ": model";
  if (!model.is_object()) throw bad_input("is not an object", model_where);
  const std::string type = model_type(model, model_where);
  if (type != "BPE" && type != "Unigram" && type != "WordPiece" && type != "WordLevel") {
    throw Error(ErrorKind::unsupported, fmt::format("type {} is not known", in_quotes(type, 64)),
                model_where, "use a BPE, Unigram, WordPiece or WordLevel tokenizer");
  }
  const auto component = [&](const char* key) -> Json {
    const Json* found = fields::find(root, key);
    return found ? *found : Json(nullptr);
  };

  Pieces pieces = read_pieces(model, type, model_where);
  const std::vector<AddedEntry> added = read_added_tokens(root, pieces, where);
  const std::string_view unknown = unknown_name(model, type, pieces, model_where);
  auto pipeline = std::make_unique<Pipeline>(build_vocabulary(pieces, added, unknown));
  Vocabulary& vocabulary = pipeline->mutable_vocabulary();
  assign_roles(vocabulary, config);

  PipelineParts parts;
  parts.normalizers =
      json_components::read_normalizers(component("normalizer"), where + ": normalizer");
  auto words =
      json_components::read_pre_tokenizers(component("pre_tokenizer"), where + ": pre_tokenizer");
  const auto marks = [&](const char* key) {
    return !fields::optional_string(model, key, model_where).value_or("").empty();
  };
  const bool marks_words = marks("end_of_word_suffix") || marks("continuing_subword_prefix");
  if (words.ends_with_bytes && (type != "BPE" || marks_words)) {
    words.steps.push_back(pre_tokenizers::byte_letters());
    words.ends_with_bytes = false;
  }
  parts.pre_tokenizers = std::move(words.steps);
  parts.model =
      build_model(model, type, pieces, vocabulary, unknown, words.ends_with_bytes, model_where);
  parts.decoder = json_components::read_decoder(component("decoder"), where + ": decoder");
  const auto around = json_components::read_post_processor(component("post_processor"), vocabulary,
                                                           where + ": post_processor");
  parts.before = around.before;
  parts.behind = around.behind;
  if (!parts.before.empty() && !vocabulary.role(TokenRole::bos) &&
      vocabulary.role(TokenRole::classify) != parts.before.front()) {
    vocabulary.set_role(TokenRole::bos, parts.before.front());
  }
  set_added_tokens(parts, added);
  pipeline->set_parts(std::move(parts));
  return pipeline;
}

}  // namespace jielong
