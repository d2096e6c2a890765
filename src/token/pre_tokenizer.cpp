#include "token/pre_tokenizer.h"

#include <utility>

#include "base/error.h"
#include "base/utf8.h"
#include "token/byte_letters.h"
#include "token/scanners.h"
#include "token/unicode.h"

namespace jielong {
namespace {

/// A part of a word, and whether it is what cuts.
struct Part {
  TextRange range;
  bool match;
};

class PartCollector {
 public:
  void start(TextRange word) {
    parts_.clear();
    at_ = word.begin;
    end_ = word.end;
  }
  /// Matches come in order and lie inside the word.
  void match(TextRange range) {
    gap(range.begin);
    if (range.end > range.begin) parts_.push_back({range, true});
    at_ = range.end;
  }
  void emit(SplitBehavior behavior, bool invert, std::vector<TextRange>& out) {
    gap(end_);
    if (invert) {
      for (Part& part : parts_) part.match = !part.match;
    }
    const std::size_t first = out.size();
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      const Part& part = parts_[i];
      const bool after_match = i > 0 && parts_[i - 1].match;
      switch (behavior) {
        case SplitBehavior::removed:
          if (!part.match) out.push_back(part.range);
          break;
        case SplitBehavior::isolated: out.push_back(part.range); break;
        case SplitBehavior::contiguous:
          join(out, part.range, i > 0 && part.match == after_match);
          break;
        case SplitBehavior::merged_with_previous:
          join(out, part.range, part.match && !after_match && out.size() > first);
          break;
        case SplitBehavior::merged_with_next:
          // The part before joins this one: a match just before a part that is none.
          join(out, part.range, !part.match && after_match);
          break;
      }
    }
  }

 private:
  static void join(std::vector<TextRange>& out, TextRange range, bool with_last) {
    if (with_last) {
      out.back().end = range.end;
    } else {
      out.push_back(range);
    }
  }
  void gap(std::uint32_t until) {
    if (until > at_) parts_.push_back({{at_, until}, false});
  }

  std::vector<Part> parts_;
  std::uint32_t at_ = 0, end_ = 0;
};

/// Cuts where find_matches(word text, offset, collector) says.
template <class FindMatches>
void cut_words(Words& words, SplitBehavior behavior, bool invert, FindMatches find_matches) {
  std::vector<TextRange> out;
  out.reserve(words.ranges.size() + words.text.size() / 4);
  PartCollector parts;
  for (const TextRange& word : words.ranges) {
    parts.start(word);
    find_matches(words.view(word), word.begin, parts);
    parts.emit(behavior, invert, out);
  }
  words.ranges = std::move(out);
}

/// Cuts at every single character for which `fits` holds.
template <class Fits>
void cut_at_chars(Words& words, SplitBehavior behavior, Fits fits) {
  cut_words(words, behavior, false,
            [&](std::string_view word, std::uint32_t offset, PartCollector& parts) {
              for (std::uint32_t at = 0; at < word.size();) {
                const CodePoint point = decode_utf8(word.substr(at));
                if (point.valid && fits(point.value)) {
                  parts.match({offset + at, offset + at + point.length});
                }
                at += point.length;
              }
            });
}

/// Replaces the text: write(word, index, out) appends what becomes of each word.
template <class Write>
void rewrite_words(Words& words, Write write) {
  std::string text;
  text.reserve(words.text.size() * 2);
  std::size_t index = 0;
  for (TextRange& range : words.ranges) {
    const std::size_t begin = text.size();
    write(words.view(range), index++, text);
    if (text.size() > 0xFFFFFFFFU) throw Error(ErrorKind::limit, "the text grows too large");
    range = {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(text.size())};
  }
  words.text = std::move(text);
}

struct SplitRegex final : PreTokenizer {
  SplitRegex(Regex p, SplitBehavior b, bool i) : pattern(std::move(p)), behavior(b), invert(i) {}
  void apply(Words& words, bool) const override {
    std::vector<TextRange> matches;
    cut_words(words, behavior, invert,
              [&](std::string_view word, std::uint32_t offset, PartCollector& parts) {
                matches.clear();
                pattern.find_all(word, matches);
                if (drops_gaps()) keep_malformed(word, matches);
                for (const TextRange& m : matches) parts.match({offset + m.begin, offset + m.end});
              });
  }
  bool lossless() const override {
    return behavior != SplitBehavior::removed ||
           (invert && patterns::covers_everything(pattern.pattern()));
  }
  bool drops_gaps() const { return behavior == SplitBehavior::removed && invert; }
  /// No pattern matches malformed bytes, which are to survive where the model has bytes: each
  /// gap that holds some counts as a match.
  static void keep_malformed(std::string_view word, std::vector<TextRange>& matches) {
    if (is_valid_utf8(word)) return;
    std::vector<TextRange> all;
    std::uint32_t at = 0;
    const auto gap = [&](std::uint32_t end) {
      if (!is_valid_utf8(word.substr(at, end - at))) all.push_back({at, end});
    };
    for (const TextRange& match : matches) {
      gap(match.begin);
      all.push_back(match);
      at = match.end;
    }
    gap(static_cast<std::uint32_t>(word.size()));
    matches = std::move(all);
  }
  Regex pattern;
  SplitBehavior behavior;
  bool invert;
};

struct SplitLiteral final : PreTokenizer {
  SplitLiteral(std::string l, SplitBehavior b, bool i)
      : literal(std::move(l)), behavior(b), invert(i) {}
  void apply(Words& words, bool) const override {
    if (literal.empty()) return;
    cut_words(words, behavior, invert,
              [&](std::string_view word, std::uint32_t offset, PartCollector& parts) {
                for (std::size_t at = word.find(literal); at != std::string_view::npos;
                     at = word.find(literal, at + literal.size())) {
                  const auto begin = offset + static_cast<std::uint32_t>(at);
                  parts.match({begin, begin + static_cast<std::uint32_t>(literal.size())});
                }
              });
  }
  bool lossless() const override { return behavior != SplitBehavior::removed; }
  std::string literal;
  SplitBehavior behavior;
  bool invert;
};

struct Punctuation final : PreTokenizer {
  explicit Punctuation(SplitBehavior b) : behavior(b) {}
  void apply(Words& words, bool) const override {
    cut_at_chars(words, behavior, unicode::is_bert_punctuation);
  }
  bool lossless() const override { return behavior != SplitBehavior::removed; }
  SplitBehavior behavior;
};

struct Digits final : PreTokenizer {
  explicit Digits(bool i) : individual(i) {}
  void apply(Words& words, bool) const override {
    cut_at_chars(words, individual ? SplitBehavior::isolated : SplitBehavior::contiguous,
                 unicode::is_number);
  }
  bool individual;
};

struct WhiteSpace final : PreTokenizer {
  void apply(Words& words, bool) const override {
    cut_at_chars(words, SplitBehavior::removed, unicode::is_space);
  }
  bool lossless() const override { return false; }
};

struct Bert final : PreTokenizer {
  void apply(Words& words, bool) const override {
    cut_at_chars(words, SplitBehavior::removed, unicode::is_space);
    cut_at_chars(words, SplitBehavior::isolated, unicode::is_bert_punctuation);
  }
  bool lossless() const override { return false; }
};

struct FixedLength final : PreTokenizer {
  explicit FixedLength(std::size_t l) : length(l) {}
  void apply(Words& words, bool) const override {
    std::vector<TextRange> out;
    for (const TextRange& word : words.ranges) {
      std::uint32_t begin = word.begin;
      std::size_t count = 0;
      for (std::uint32_t at = word.begin; at < word.end;) {
        at += decode_utf8(words.view({at, word.end})).length;
        if (++count == length || at == word.end) {
          out.push_back({begin, at});
          begin = at;
          count = 0;
        }
      }
    }
    words.ranges = std::move(out);
  }
  std::size_t length;
};

struct Metaspace final : PreTokenizer {
  Metaspace(std::string r, PrependScheme s, bool c)
      : replacement(std::move(r)), scheme(s), cut(c) {}
  void apply(Words& words, bool at_text_start) const override {
    rewrite_words(words, [&](std::string_view word, std::size_t index, std::string& out) {
      const bool marked =
          !word.empty() && (word[0] == ' ' || word.substr(0, replacement.size()) == replacement);
      const bool first = at_text_start && index == 0;
      if (!marked &&
          (scheme == PrependScheme::always || (scheme == PrependScheme::first && first))) {
        out += replacement;
      }
      for (const char c : word) {
        if (c == ' ') {
          out += replacement;
        } else {
          out += c;
        }
      }
    });
    if (cut) SplitLiteral(replacement, SplitBehavior::merged_with_next, false).apply(words, false);
  }
  // A text that begins with a space loses it in the decoder unless nothing is prepended.
  bool lossless() const override { return scheme == PrependScheme::never; }
  std::string replacement;
  PrependScheme scheme;
  bool cut;
};

struct PrefixSpace final : PreTokenizer {
  void apply(Words& words, bool) const override {
    rewrite_words(words, [](std::string_view word, std::size_t, std::string& out) {
      if (!word.empty() && word[0] != ' ') out += ' ';
      out += word;
    });
  }
  bool lossless() const override { return false; }
};

struct ByteLetters final : PreTokenizer {
  void apply(Words& words, bool) const override {
    rewrite_words(words, [](std::string_view word, std::size_t, std::string& out) {
      byte_letters::spell(out, word);
    });
  }
};

struct Scan final : PreTokenizer {
  explicit Scan(Scanner s) : scanner(s) {}
  void apply(Words& words, bool) const override {
    std::vector<TextRange> out;
    out.reserve(words.ranges.size() + words.text.size() / 4);
    for (const TextRange& word : words.ranges) scanner(words.text, word, out);
    words.ranges = std::move(out);
  }
  Scanner scanner;
};

}  // namespace

namespace pre_tokenizers {

std::unique_ptr<PreTokenizer> split(Regex pattern, SplitBehavior behavior, bool invert) {
  return std::make_unique<SplitRegex>(std::move(pattern), behavior, invert);
}
std::unique_ptr<PreTokenizer> split(std::string literal, SplitBehavior behavior, bool invert) {
  return std::make_unique<SplitLiteral>(std::move(literal), behavior, invert);
}
std::unique_ptr<PreTokenizer> punctuation(SplitBehavior behavior) {
  return std::make_unique<Punctuation>(behavior);
}
std::unique_ptr<PreTokenizer> digits(bool individual) {
  return std::make_unique<Digits>(individual);
}
std::unique_ptr<PreTokenizer> white_space() { return std::make_unique<WhiteSpace>(); }
std::unique_ptr<PreTokenizer> bert() { return std::make_unique<Bert>(); }
std::unique_ptr<PreTokenizer> fixed_length(std::size_t length) {
  if (length == 0) throw bad_input("FixedLength needs a length above 0");
  return std::make_unique<FixedLength>(length);
}
std::unique_ptr<PreTokenizer> metaspace(std::string replacement, PrependScheme scheme, bool cut) {
  return std::make_unique<Metaspace>(std::move(replacement), scheme, cut);
}
std::unique_ptr<PreTokenizer> prefix_space() { return std::make_unique<PrefixSpace>(); }
std::unique_ptr<PreTokenizer> byte_letters() { return std::make_unique<ByteLetters>(); }
std::unique_ptr<PreTokenizer> scan(std::string_view pattern, const std::string& where) {
  if (const Scanner scanner = find_scanner(pattern)) return std::make_unique<Scan>(scanner);
  return split(Regex(pattern, where), SplitBehavior::isolated);
}

}  // namespace pre_tokenizers
}  // namespace jielong
