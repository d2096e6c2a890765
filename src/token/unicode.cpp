#include "token/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/error.h"
#include "base/utf8.h"

namespace jielong::unicode {
namespace {

utf8proc_int32_t as_int(char32_t c) { return static_cast<utf8proc_int32_t>(c); }

CharClass class_of(char32_t c) {
  if (is_space(c)) return CharClass::space;
  switch (utf8proc_category(as_int(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO: return CharClass::letter;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO: return CharClass::number;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME: return CharClass::mark;
    case UTF8PROC_CATEGORY_PC:
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO: return CharClass::punctuation;
    case UTF8PROC_CATEGORY_SM:
    case UTF8PROC_CATEGORY_SC:
    case UTF8PROC_CATEGORY_SK:
    case UTF8PROC_CATEGORY_SO: return CharClass::symbol;
    default: return CharClass::other;
  }
}

const std::array<CharClass, 128>& ascii_classes() {
  static const std::array<CharClass, 128> classes = [] {
    std::array<CharClass, 128> table{};
    for (char32_t c = 0; c < 128; ++c) table[c] = class_of(c);
    return table;
  }();
  return classes;
}

/// Characters that no normalization form changes or joins with a neighbour.
bool is_inert(char32_t c) {
  if (c < 0xA0) return true;
  if (c >= 0x3400 && c <= 0x9FFF) return true;  // ideographs
  if ((c >= 0x1100 && c <= 0x11FF) || (c >= 0xAC00 && c <= 0xD7FF)) return false;
  const utf8proc_property_t* property = utf8proc_get_property(as_int(c));
  return property->combining_class == 0 && property->decomp_seqindex == UINT16_MAX &&
         property->comb_index == UINT16_MAX;
}

/// Normalizes well-formed text.
void normalize_run(std::string& out, std::string_view text, Form form) {
  const bool compat = form == Form::nfkc || form == Form::nfkd;
  const bool compose = form == Form::nfc || form == Form::nfkc;
  const int decompose = UTF8PROC_DECOMPOSE | UTF8PROC_STABLE;
  const auto options =
      static_cast<utf8proc_option_t>(compat ? decompose | UTF8PROC_COMPAT : decompose);

  std::vector<utf8proc_int32_t> points;
  points.reserve(text.size());
  while (!text.empty()) {
    const CodePoint point = decode_utf8(text);
    text.remove_prefix(point.length);
    utf8proc_int32_t expanded[32];
    int boundary = UTF8PROC_BOUNDCLASS_START;
    const auto count =
        utf8proc_decompose_char(as_int(point.value), expanded, 32, options, &boundary);
    if (count < 0 || count > 32) {
      points.push_back(as_int(point.value));
    } else {
      points.insert(points.end(), expanded, expanded + count);
    }
  }
  // Marks behind a base are sorted by combining class (canonical ordering). A library
  // sort, because utf8proc's own is quadratic in the number of marks.
  const auto combining = [](utf8proc_int32_t c) {
    return c < 0x300 ? 0 : utf8proc_get_property(c)->combining_class;
  };
  for (std::size_t i = 0; i < points.size();) {
    if (combining(points[i]) == 0) {
      ++i;
      continue;
    }
    std::size_t end = i + 1;
    while (end < points.size() && combining(points[end]) != 0) ++end;
    std::stable_sort(points.begin() + static_cast<std::ptrdiff_t>(i),
                     points.begin() + static_cast<std::ptrdiff_t>(end),
                     [&](auto a, auto b) { return combining(a) < combining(b); });
    i = end;
  }
  auto length = static_cast<utf8proc_ssize_t>(points.size());
  if (compose && length > 0) {
    length = utf8proc_normalize_utf32(
        points.data(), length, static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE));
    if (length < 0) throw Error(ErrorKind::internal, "Unicode composition failed");
  }
  for (utf8proc_ssize_t i = 0; i < length; ++i) {
    append_utf8(out, static_cast<char32_t>(points[static_cast<std::size_t>(i)]));
  }
}

}  // namespace

CharClass char_class(char32_t c) { return c < 128 ? ascii_classes()[c] : class_of(c); }

bool is_space(char32_t c) {
  if (c < 0x80) return c == ' ' || (c >= 9 && c <= 13);
  if (c < 0x1680) return c == 0x85 || c == 0xA0;
  return c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
         c == 0x205F || c == 0x3000;
}

bool is_punctuation(char32_t c) { return char_class(c) == CharClass::punctuation; }

bool is_word(char32_t c) {
  if (c < 128) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
  }
  switch (utf8proc_category(as_int(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC: return true;
    // Other_Alphabetic symbols (circled and squared letters), and the two joiners.
    default:
      return (c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149) ||
             (c >= 0x1F150 && c <= 0x1F169) || (c >= 0x1F170 && c <= 0x1F189) || c == 0x200C ||
             c == 0x200D;
  }
}

bool is_bert_punctuation(char32_t c) {
  if (c < 128) {
    return (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) ||
           (c >= 123 && c <= 126);
  }
  return is_punctuation(c);
}

bool is_bert_control(char32_t c) {
  if (c == '\t' || c == '\n' || c == '\r') return false;
  switch (utf8proc_category(as_int(c))) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CO: return true;
    default: return false;
  }
}

bool is_ideograph(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
         (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
         (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

bool is_nonspacing_mark(char32_t c) {
  return c >= 0x300 && utf8proc_category(as_int(c)) == UTF8PROC_CATEGORY_MN;
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::string lower_case(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const CodePoint point = decode_utf8(text);
    if (!point.valid) {
      out += text[0];
    } else if (point.value < 128) {
      const char c = text[0];
      out += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    } else if (point.value == 0x130) {
      out += "i\xCC\x87";  // the only character whose lower case is two
    } else {
      append_utf8(out, static_cast<char32_t>(utf8proc_tolower(as_int(point.value))));
    }
    text.remove_prefix(point.length);
  }
  return out;
}

std::string normalize(std::string_view text, Form form) {
  bool changes = false;
  std::size_t invalid = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const CodePoint point = decode_utf8(rest);
    rest.remove_prefix(point.length);
    if (!point.valid) {
      ++invalid;
    } else if (!is_inert(point.value)) {
      changes = true;
    }
  }
  if (!changes) return std::string(text);
  std::string out;
  out.reserve(text.size());
  if (invalid == 0) {
    normalize_run(out, text, form);
    return out;
  }
  while (!text.empty()) {
    std::size_t valid = 0;
    CodePoint point{};
    while (valid < text.size() && (point = decode_utf8(text.substr(valid))).valid) {
      valid += point.length;
    }
    normalize_run(out, text.substr(0, valid), form);
    text.remove_prefix(valid);
    if (!text.empty()) out += text[0];
    if (!text.empty()) text.remove_prefix(1);
  }
  return out;
}

std::size_t grapheme_length(std::string_view text) {
  if (text.empty()) return 0;
  CodePoint point = decode_utf8(text);
  std::size_t length = point.length;
  utf8proc_int32_t state = 0;
  while (length < text.size()) {
    const CodePoint next = decode_utf8(text.substr(length));
    if (utf8proc_grapheme_break_stateful(as_int(point.value), as_int(next.value), &state)) break;
    length += next.length;
    point = next;
  }
  return length;
}

}  // namespace jielong::unicode
