#include "token/json_components.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "base/error.h"
#include "base/quote.h"
#include "token/json_fields.h"
#include "token/scanners.h"

namespace jielong::json_components {
namespace {

namespace fields = json_fields;

constexpr std::string_view kMeta = "\xE2\x96\x81";  // ▁
// Rust's \w holds the two joiners too.
constexpr std::string_view kWordsOrSigns = R"([\w\x{200C}\x{200D}]+|[^\w\s\x{200C}\x{200D}]+)";
constexpr std::size_t kMaxText = 4096;  // bytes of a literal in a component

Error unsupported(const std::string& type, const std::string& where) {
  return Error(ErrorKind::unsupported, fmt::format("type {} is not known", in_quotes(type, 64)),
               where);
}

/// Calls visit(leaf, where) for a component, or for each in a "Sequence" of them.
template <class Visit>
void for_each_step(const Json& component, const char* list, const std::string& where,
                   std::size_t& budget, const Visit& visit) {
  if (component.is_null()) return;
  if (fields::type(component, where) == "Sequence") {
    std::size_t i = 0;
    for (const Json& step : fields::array(component, list, where)) {
      for_each_step(step, list, fmt::format("{}.{}[{}]", where, list, i++), budget, visit);
    }
    return;
  }
  if (budget-- == 0) {
    throw Error(ErrorKind::limit, fmt::format("has more than {} steps", kMaxSteps), where);
  }
  visit(component, where);
}

std::string short_text(const Json& object, const char* key, const std::string& where) {
  const std::string& text = fields::string(object, key, where);
  if (text.size() > kMaxText) {
    throw Error(ErrorKind::limit, fmt::format("is longer than {} bytes", kMaxText),
                fmt::format("{}.{}", where, key));
  }
  return text;
}

/// A pattern is {"String": literal} or {"Regex": expression}.
struct Pattern {
  std::string text;
  bool regex;
};

Pattern read_pattern(const Json& object, const std::string& where) {
  const Json& pattern = fields::require(object, "pattern", where);
  const std::string place = where + ".pattern";
  if (fields::find(pattern, "Regex")) return {fields::string(pattern, "Regex", place), true};
  return {short_text(pattern, "String", place), false};
}

SplitBehavior read_behavior(const Json& object, const std::string& where) {
  const std::string& name = fields::string(object, "behavior", where);
  if (name == "Removed") return SplitBehavior::removed;
  if (name == "Isolated") return SplitBehavior::isolated;
  if (name == "MergedWithPrevious") return SplitBehavior::merged_with_previous;
  if (name == "MergedWithNext") return SplitBehavior::merged_with_next;
  if (name == "Contiguous") return SplitBehavior::contiguous;
  throw unsupported(name, where + ".behavior");
}

PrependScheme read_prepend_scheme(const Json& object, const std::string& where) {
  if (const auto name = fields::optional_string(object, "prepend_scheme", where)) {
    if (*name == "always") return PrependScheme::always;
    if (*name == "first") return PrependScheme::first;
    if (*name == "never") return PrependScheme::never;
    throw unsupported(*name, where + ".prepend_scheme");
  }
  return fields::boolean(object, "add_prefix_space", true, where) ? PrependScheme::always
                                                                  : PrependScheme::never;
}

std::unique_ptr<Normalizer> read_normalizer(const Json& step, const std::string& where) {
  const std::string& type = fields::type(step, where);
  if (type == "Prepend") return normalizers::prepend(short_text(step, "prepend", where));
  if (type == "Replace") {
    Pattern pattern = read_pattern(step, where);
    std::string to = short_text(step, "content", where);
    if (!pattern.regex) return normalizers::replace(std::move(pattern.text), std::move(to));
    return normalizers::replace(Regex(pattern.text, where + ".pattern"), std::move(to));
  }
  if (type == "NFC") return normalizers::unicode_form(unicode::Form::nfc);
  if (type == "NFD") return normalizers::unicode_form(unicode::Form::nfd);
  if (type == "NFKC") return normalizers::unicode_form(unicode::Form::nfkc);
  if (type == "NFKD") return normalizers::unicode_form(unicode::Form::nfkd);
  if (type == "Lowercase") return normalizers::lower_case();
  if (type == "Strip") {
    return normalizers::strip(fields::boolean(step, "strip_left", true, where),
                              fields::boolean(step, "strip_right", true, where));
  }
  if (type == "StripAccents") return normalizers::strip_accents();
  if (type == "Nmt") return normalizers::nmt();
  if (type == "Precompiled") {
    return normalizers::precompiled(
        Charsmap(decode_base64(fields::string(step, "precompiled_charsmap", where),
                               where + ".precompiled_charsmap")),
        true);
  }
  if (type == "BertNormalizer") {
    const bool lower = fields::boolean(step, "lowercase", true, where);
    return normalizers::bert(
        {.clean_text = fields::boolean(step, "clean_text", true, where),
         .isolate_ideographs = fields::boolean(step, "handle_chinese_chars", true, where),
         .strip_accents = fields::boolean(step, "strip_accents", lower, where),
         .lower_case = lower});
  }
  if (type == "ByteLevel") return normalizers::byte_letters();
  throw unsupported(type, where);
}

std::unique_ptr<PreTokenizer> read_split(const Json& step, const std::string& where) {
  Pattern pattern = read_pattern(step, where);
  const SplitBehavior behavior = read_behavior(step, where);
  const bool invert = fields::boolean(step, "invert", false, where);
  if (!pattern.regex) {
    return pre_tokenizers::split(std::move(pattern.text), behavior, invert);
  }
  // Patterns with a scanner cover every character, so dropping the gaps drops nothing.
  const bool keeps_matches = (behavior == SplitBehavior::isolated && !invert) ||
                             (behavior == SplitBehavior::removed && invert);
  if (keeps_matches && find_scanner(pattern.text)) return pre_tokenizers::scan(pattern.text);
  return pre_tokenizers::split(Regex(pattern.text, where + ".pattern"), behavior, invert);
}

void read_pre_tokenizer(const Json& step, const std::string& where, PreTokenizers& out) {
  const std::string& type = fields::type(step, where);
  if (type == "ByteLevel") {
    if (fields::boolean(step, "add_prefix_space", true, where)) {
      out.push_back(pre_tokenizers::prefix_space());
    }
    if (fields::boolean(step, "use_regex", true, where)) {
      out.push_back(pre_tokenizers::scan(patterns::kGpt2));
    }
    out.push_back(pre_tokenizers::byte_letters());
  } else if (type == "Split") {
    out.push_back(read_split(step, where));
  } else if (type == "Metaspace") {
    const auto replacement = fields::optional_string(step, "replacement", where);
    out.push_back(pre_tokenizers::metaspace(
        replacement ? short_text(step, "replacement", where) : std::string(kMeta),
        read_prepend_scheme(step, where), fields::boolean(step, "split", true, where)));
  } else if (type == "Digits") {
    out.push_back(pre_tokenizers::digits(fields::boolean(step, "individual_digits", false, where)));
  } else if (type == "Punctuation") {
    out.push_back(pre_tokenizers::punctuation(
        fields::find(step, "behavior") ? read_behavior(step, where) : SplitBehavior::isolated));
  } else if (type == "WhitespaceSplit") {
    out.push_back(pre_tokenizers::white_space());
  } else if (type == "Whitespace") {
    out.push_back(pre_tokenizers::split(Regex(kWordsOrSigns), SplitBehavior::removed, true));
  } else if (type == "BertPreTokenizer") {
    out.push_back(pre_tokenizers::bert());
  } else if (type == "CharDelimiterSplit") {
    out.push_back(
        pre_tokenizers::split(short_text(step, "delimiter", where), SplitBehavior::removed));
  } else if (type == "FixedLength") {
    out.push_back(pre_tokenizers::fixed_length(fields::integer(
        fields::require(step, "length", where), std::size_t{1} << 30, where + ".length")));
  } else {
    throw unsupported(type, where);
  }
}

int read_count(const Json& step, const char* key, const std::string& where) {
  return static_cast<int>(
      fields::integer(fields::require(step, key, where), 1000, fmt::format("{}.{}", where, key)));
}

void read_decoder_step(const Json& step, const std::string& where, bool& fused, Decoder& out) {
  using Rule = Decoder::Rule;
  const std::string& type = fields::type(step, where);
  // Before Fuse a rule sees one piece, behind it the whole text; while text streams only its
  // front can be treated.
  const auto refuse_fused = [&] {
    if (fused) {
      throw Error(ErrorKind::unsupported, fmt::format("\"{}\" behind \"Fuse\" is not known", type),
                  where);
    }
  };
  if (type == "ByteLevel") {
    refuse_fused();
    out.add({Rule::byte_letters});
  } else if (type == "ByteFallback") {
    refuse_fused();
    out.add({Rule::byte_fallback});
  } else if (type == "Fuse") {
    fused = true;
  } else if (type == "Replace") {
    refuse_fused();
    const Pattern pattern = read_pattern(step, where);
    if (pattern.regex) {
      throw Error(ErrorKind::unsupported, "a regular expression in a decoder is not known", where);
    }
    out.add({Rule::replace, pattern.text, short_text(step, "content", where)});
  } else if (type == "Strip") {
    const std::string content = short_text(step, "content", where);
    const int start = read_count(step, "start", where);
    const int stop = read_count(step, "stop", where);
    if (start > 0) out.add({fused ? Rule::strip_text : Rule::strip_start, content, "", start});
    if (stop > 0) refuse_fused();
    if (stop > 0) out.add({Rule::strip_end, content, "", stop});
  } else if (type == "WordPiece") {
    refuse_fused();
    out.add({Rule::word_pieces,
             fields::find(step, "prefix") ? short_text(step, "prefix", where) : "##"});
    if (fields::boolean(step, "cleanup", true, where)) out.add({Rule::clean_up});
  } else if (type == "Metaspace") {
    refuse_fused();
    const bool prepended = read_prepend_scheme(step, where) != PrependScheme::never;
    out.add({Rule::metaspace,
             fields::find(step, "replacement") ? short_text(step, "replacement", where)
                                               : std::string(kMeta),
             "", prepended ? 1 : 0});
  } else if (type == "BPEDecoder") {
    refuse_fused();
    out.add({Rule::end_of_word,
             fields::find(step, "suffix") ? short_text(step, "suffix", where) : "</w>"});
  } else {
    throw unsupported(type, where);
  }
}

Token read_token(const Json& value, const Vocabulary& vocabulary, const std::string& where) {
  return static_cast<Token>(
      fields::integer(value, static_cast<std::size_t>(vocabulary.size()), where));
}

/// "sep": ["[SEP]", 102]
Token read_named_token(const Json& object, const char* key, const Vocabulary& vocabulary,
                       const std::string& where) {
  const Json& pair = fields::array(object, key, where);
  const std::string place = fmt::format("{}.{}", where, key);
  if (pair.size() != 2) throw bad_input("is not a pair of name and number", place);
  return read_token(pair[1], vocabulary, place);
}

void read_template(const Json& step, const Vocabulary& vocabulary, const std::string& where,
                   Surroundings& out) {
  bool text_seen = false;
  Surroundings added;
  std::size_t i = 0;
  const Json& single = fields::array(step, "single", where);
  if (single.size() > kMaxSteps) throw Error(ErrorKind::limit, "is too long", where + ".single");
  for (const Json& part : single) {
    const std::string place = fmt::format("{}.single[{}]", where, i++);
    if (fields::find(part, "Sequence")) {
      if (text_seen) throw bad_input("holds the text twice", place);
      text_seen = true;
      continue;
    }
    const std::string& name =
        fields::string(fields::require(part, "SpecialToken", place), "id", place);
    const Json& known = fields::require(step, "special_tokens", where);
    const Json& entry = fields::require(known, name.c_str(), where + ".special_tokens");
    for (const Json& id : fields::array(entry, "ids", place)) {
      (text_seen ? added.behind : added.before).push_back(read_token(id, vocabulary, place));
    }
  }
  if (!text_seen) throw bad_input("does not hold the text", where + ".single");
  out.before.insert(out.before.begin(), added.before.begin(), added.before.end());
  out.behind.insert(out.behind.end(), added.behind.begin(), added.behind.end());
}

}  // namespace

Normalizers read_normalizers(const Json& component, const std::string& where) {
  Normalizers out;
  std::size_t budget = kMaxSteps;
  for_each_step(component, "normalizers", where, budget,
                [&](const Json& step, const std::string& place) {
                  out.push_back(read_normalizer(step, place));
                });
  return out;
}

ReadPreTokenizers read_pre_tokenizers(const Json& component, const std::string& where) {
  ReadPreTokenizers out;
  std::size_t budget = kMaxSteps;
  std::string last_type;
  for_each_step(component, "pretokenizers", where, budget,
                [&](const Json& step, const std::string& place) {
                  read_pre_tokenizer(step, place, out.steps);
                  last_type = fields::type(step, place);
                });
  if (last_type == "ByteLevel") {
    out.ends_with_bytes = true;
    out.steps.pop_back();
  }
  return out;
}

Decoder read_decoder(const Json& component, const std::string& where) {
  Decoder out;
  if (component.is_null()) {
    out.add({Decoder::Rule::join_words});
    return out;
  }
  std::size_t budget = kMaxSteps;
  bool fused = false;
  for_each_step(component, "decoders", where, budget,
                [&](const Json& step, const std::string& place) {
                  read_decoder_step(step, place, fused, out);
                });
  return out;
}

Surroundings read_post_processor(const Json& component, const Vocabulary& vocabulary,
                                 const std::string& where) {
  Surroundings out;
  std::size_t budget = kMaxSteps;
  for_each_step(
      component, "processors", where, budget, [&](const Json& step, const std::string& place) {
        const std::string& type = fields::type(step, place);
        if (type == "TemplateProcessing") {
          read_template(step, vocabulary, place, out);
        } else if (type == "BertProcessing" || type == "RobertaProcessing") {
          out.before.insert(out.before.begin(), read_named_token(step, "cls", vocabulary, place));
          out.behind.push_back(read_named_token(step, "sep", vocabulary, place));
        } else if (type != "ByteLevel") {  // which concerns offsets only
          throw unsupported(type, place);
        }
      });
  return out;
}

}  // namespace jielong::json_components
