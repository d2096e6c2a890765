#include "token/normalizer.h"

#include <utility>

#include "base/error.h"
#include "base/utf8.h"
#include "token/byte_letters.h"

namespace jielong {
namespace {

/// What a text of `size` bytes may grow to; rules that repeat could grow it without end.
constexpr std::size_t max_normalized(std::size_t size) {
  return (std::size_t{1} << 20) + size * 64;
}

Error grows_too_large() {
  return Error(ErrorKind::limit, "the normalizer makes the text more than 64 times as long");
}

/// Calls visit(code point, its bytes) for every character; malformed bytes come as U+FFFD.
template <class Visit>
void for_each_char(std::string_view text, Visit visit) {
  while (!text.empty()) {
    const CodePoint point = decode_utf8(text);
    visit(point.value, text.substr(0, point.length));
    text.remove_prefix(point.length);
  }
}

struct Prepend final : Normalizer {
  explicit Prepend(std::string p) : prefix(std::move(p)) {}
  std::string apply(std::string text) const override {
    if (!text.empty()) text.insert(0, prefix);
    return text;
  }
  // The decoder takes it away again.
  bool lossless() const override { return true; }
  std::string prefix;
};

struct ReplaceText final : Normalizer {
  ReplaceText(std::string f, std::string t) : from(std::move(f)), to(std::move(t)) {}
  std::string apply(std::string text) const override {
    std::size_t found = text.find(from);
    if (from.empty() || found == std::string::npos) return text;
    std::string out;
    out.reserve(text.size() + text.size() / 2);
    std::size_t begin = 0;
    for (; found != std::string::npos; found = text.find(from, begin)) {
      out.append(text, begin, found - begin);
      out += to;
      begin = found + from.size();
      if (out.size() > max_normalized(text.size())) throw grows_too_large();
    }
    out.append(text, begin);
    return out;
  }
  // " " → "▁" is undone by decoders; a text that holds "▁" itself is the known exception.
  bool lossless() const override { return from == " " && to == "\xE2\x96\x81"; }
  std::string from, to;
};

struct ReplaceRegex final : Normalizer {
  ReplaceRegex(Regex f, std::string t) : from(std::move(f)), to(std::move(t)) {}
  std::string apply(std::string text) const override {
    std::vector<TextRange> matches;
    from.find_all(text, matches);
    if (matches.empty()) return text;
    if (matches.size() * to.size() > max_normalized(text.size())) throw grows_too_large();
    std::string out;
    out.reserve(text.size());
    std::size_t begin = 0;
    for (const TextRange& match : matches) {
      out.append(text, begin, match.begin - begin);
      out += to;
      begin = match.end;
    }
    out.append(text, begin);
    return out;
  }
  Regex from;
  std::string to;
};

struct UnicodeForm final : Normalizer {
  explicit UnicodeForm(unicode::Form f) : form(f) {}
  std::string apply(std::string text) const override {
    if (unicode::is_ascii(text)) return text;
    return unicode::normalize(text, form);
  }
  unicode::Form form;
};

struct LowerCase final : Normalizer {
  std::string apply(std::string text) const override { return unicode::lower_case(text); }
};

struct Strip final : Normalizer {
  Strip(bool l, bool r) : left(l), right(r) {}
  std::string apply(std::string text) const override {
    std::size_t begin = 0;
    std::size_t end = 0;  // behind the last character that is not white space
    bool seen = false;
    std::size_t at = 0;
    for_each_char(text, [&](char32_t c, std::string_view bytes) {
      if (!unicode::is_space(c)) {
        if (!seen) begin = at;
        seen = true;
        end = at + bytes.size();
      }
      at += bytes.size();
    });
    if (!seen) return left || right ? std::string() : text;
    if (!left) begin = 0;
    if (!right) end = text.size();
    return text.substr(begin, end - begin);
  }
  bool left, right;
};

/// `text` without the characters for which `drop` holds.
template <class Drop>
std::string without(std::string_view text, Drop drop) {
  std::string out;
  out.reserve(text.size());
  for_each_char(text, [&](char32_t c, std::string_view bytes) {
    if (!drop(c)) out += bytes;
  });
  return out;
}

struct StripAccents final : Normalizer {
  std::string apply(std::string text) const override {
    return without(text, [](char32_t c) { return unicode::char_class(c) == CharClass::mark; });
  }
};

struct Nmt final : Normalizer {
  std::string apply(std::string text) const override {
    std::string out;
    out.reserve(text.size());
    for_each_char(text, [&](char32_t c, std::string_view bytes) {
      const bool removed = (c >= 1 && c <= 8) || c == 0xB || (c >= 0xE && c <= 0x1F) || c == 0x7F ||
                           c == 0x8F || c == 0x9F;
      if (removed) return;
      const bool space = c == 9 || c == 0xA || c == 0xC || c == 0xD || c == 0x1680 ||
                         (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 ||
                         c == 0x2581 || c == 0xFEFF || (c == 0xFFFD && bytes.size() == 3);
      if (space) {
        out += ' ';
      } else {
        out += bytes;
      }
    });
    return out;
  }
};

struct Precompiled final : Normalizer {
  Precompiled(Charsmap m, bool g) : map(std::move(m)), by_graphemes(g) {}
  std::string apply(std::string text) const override {
    return by_graphemes ? map.apply_to_graphemes(text) : map.apply(text);
  }
  Charsmap map;
  bool by_graphemes;
};

struct ByteLetters final : Normalizer {
  std::string apply(std::string text) const override {
    std::string out;
    out.reserve(text.size() * 2);
    byte_letters::spell(out, text);
    return out;
  }
  bool lossless() const override { return true; }
};

struct CollapseSpaces final : Normalizer {
  std::string apply(std::string text) const override {
    std::string out;
    out.reserve(text.size());
    for (const char c : text) {
      if (c == ' ' && (out.empty() || out.back() == ' ')) continue;
      out += c;
    }
    while (!out.empty() && out.back() == ' ') out.pop_back();
    return out;
  }
};

struct Bert final : Normalizer {
  explicit Bert(const normalizers::BertOptions& o) : options(o) {}
  std::string apply(std::string text) const override {
    if (options.clean_text || options.isolate_ideographs) {
      std::string out;
      out.reserve(text.size() + text.size() / 4);
      for_each_char(text, [&](char32_t c, std::string_view bytes) {
        if (options.clean_text) {
          if (c == 0 || c == 0xFFFD || unicode::is_bert_control(c)) return;
          if (unicode::is_space(c)) {
            out += ' ';
            return;
          }
        }
        if (options.isolate_ideographs && unicode::is_ideograph(c)) {
          out += ' ';
          out += bytes;
          out += ' ';
        } else {
          out += bytes;
        }
      });
      text = std::move(out);
    }
    if (options.strip_accents && !unicode::is_ascii(text)) {
      text = without(unicode::normalize(text, unicode::Form::nfd), unicode::is_nonspacing_mark);
    }
    if (options.lower_case) text = unicode::lower_case(text);
    return text;
  }
  normalizers::BertOptions options;
};

}  // namespace

std::string normalize_all(const Normalizers& all, std::string text) {
  const std::size_t limit = max_normalized(text.size());
  for (const auto& normalizer : all) {
    text = normalizer->apply(std::move(text));
    if (text.size() > limit) throw grows_too_large();
  }
  return text;
}

namespace normalizers {

std::unique_ptr<Normalizer> prepend(std::string prefix) {
  return std::make_unique<Prepend>(std::move(prefix));
}
std::unique_ptr<Normalizer> replace(std::string from, std::string to) {
  return std::make_unique<ReplaceText>(std::move(from), std::move(to));
}
std::unique_ptr<Normalizer> replace(Regex from, std::string to) {
  return std::make_unique<ReplaceRegex>(std::move(from), std::move(to));
}
std::unique_ptr<Normalizer> unicode_form(unicode::Form form) {
  return std::make_unique<UnicodeForm>(form);
}
std::unique_ptr<Normalizer> lower_case() { return std::make_unique<LowerCase>(); }
std::unique_ptr<Normalizer> strip(bool left, bool right) {
  return std::make_unique<Strip>(left, right);
}
std::unique_ptr<Normalizer> strip_accents() { return std::make_unique<StripAccents>(); }
std::unique_ptr<Normalizer> nmt() { return std::make_unique<Nmt>(); }
std::unique_ptr<Normalizer> precompiled(Charsmap charsmap, bool by_graphemes) {
  return std::make_unique<Precompiled>(std::move(charsmap), by_graphemes);
}
std::unique_ptr<Normalizer> byte_letters() { return std::make_unique<ByteLetters>(); }
std::unique_ptr<Normalizer> collapse_spaces() { return std::make_unique<CollapseSpaces>(); }
std::unique_ptr<Normalizer> bert(const BertOptions& options) {
  return std::make_unique<Bert>(options);
}

}  // namespace normalizers
}  // namespace jielong
