#include "model/template/python_text.h"

#include <fmt/format.h>
#include <string.h>
#include <utf8proc.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "base/error.h"
#include "base/utf8.h"
#include "model/template/lexer.h"

namespace jielong::jinja {
namespace {

enum class Case { upper, lower, title };

void append_cased(std::string& out, std::string_view character, const CodePoint& point, Case to) {
  if (!point.valid) {
    out += character;
    return;
  }
  const auto value = static_cast<utf8proc_int32_t>(point.value);
  if (point.value == 0xDF && to != Case::lower) {  // ß has no capital of one letter
    out += to == Case::upper ? "SS" : "Ss";
    return;
  }
  if (point.value == 0x130 && to == Case::lower) {  // İ keeps its dot as a combining mark
    out += "i\xCC\x87";
    return;
  }
  const utf8proc_int32_t result = to == Case::upper   ? utf8proc_toupper(value)
                                  : to == Case::lower ? utf8proc_tolower(value)
                                                      : utf8proc_totitle(value);
  append_utf8(out, static_cast<char32_t>(result));
}

template <typename ChooseCase>
std::string recase(std::string_view text, const ChooseCase& choose) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const CodePoint point = decode_utf8(text);
    append_cased(out, text.substr(0, point.length), point, choose(point.value));
    text.remove_prefix(point.length);
  }
  return out;
}

bool is_cased(char32_t point) {
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(point));
  return category == UTF8PROC_CATEGORY_LU || category == UTF8PROC_CATEGORY_LL ||
         category == UTF8PROC_CATEGORY_LT;
}

bool is_line_end(char32_t point) {
  return (point >= 0x0A && point <= 0x0D) || (point >= 0x1C && point <= 0x1E) || point == 0x85 ||
         point == 0x2028 || point == 0x2029;
}

/// The text without underscores between digits and without space around it.
std::string clean_number(std::string_view text) {
  text = strip(text, nullptr, Side::both);
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool inside = i > 0 && i + 1 < text.size() && text[i - 1] != '_' && text[i + 1] != '_';
    if (text[i] == '_' && inside) continue;
    out += text[i];
  }
  return out;
}

}  // namespace

std::size_t count_points(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

std::vector<std::size_t> point_offsets(std::string_view text) {
  std::vector<std::size_t> offsets;
  for (std::size_t at = 0; at < text.size(); at += decode_utf8(text.substr(at)).length) {
    offsets.push_back(at);
  }
  offsets.push_back(text.size());
  return offsets;
}

std::string upper(std::string_view text) {
  return recase(text, [](char32_t) { return Case::upper; });
}

std::string lower(std::string_view text) {
  return recase(text, [](char32_t) { return Case::lower; });
}

std::string title(std::string_view text) {
  bool in_word = false;
  return recase(text, [&](char32_t point) {
    const bool was_in_word = std::exchange(in_word, is_cased(point));
    return was_in_word ? Case::lower : Case::title;
  });
}

std::string capitalize(std::string_view text) {
  bool first = true;
  return recase(text,
                [&](char32_t) { return std::exchange(first, false) ? Case::title : Case::lower; });
}

std::string_view strip(std::string_view text, const std::string* characters, Side side) {
  if (characters == nullptr) {
    if (side != Side::right) text = strip_left(text);
    return side != Side::left ? strip_right(text) : text;
  }
  const auto listed = [&](std::string_view character) {
    return find_part(*characters, character, 0) != std::string_view::npos;
  };
  while (side != Side::right && !text.empty()) {
    const std::size_t length = decode_utf8(text).length;
    if (!listed(text.substr(0, length))) break;
    text.remove_prefix(length);
  }
  while (side != Side::left && !text.empty()) {
    std::size_t start = text.size() - 1;
    while (start > 0 && (static_cast<unsigned char>(text[start]) & 0xC0) == 0x80) --start;
    if (!listed(text.substr(start))) break;
    text = text.substr(0, start);
  }
  return text;
}

std::vector<std::string> split_lines(std::string_view text, bool keep_ends) {
  std::vector<std::string> lines;
  std::size_t start = 0;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = decode_utf8(text.substr(at));
    std::size_t end = at + point.length;
    if (point.valid && is_line_end(point.value)) {
      if (point.value == '\r' && end < text.size() && text[end] == '\n') ++end;
      lines.emplace_back(text.substr(start, (keep_ends ? end : at) - start));
      start = end;
    }
    at = end;
  }
  if (start < text.size()) lines.emplace_back(text.substr(start));
  return lines;
}

std::size_t find_part(std::string_view text, std::string_view part, std::size_t from) {
  if (from > text.size()) return text.npos;
  if (part.empty()) return from;
  const void* found = ::memmem(text.data() + from, text.size() - from, part.data(), part.size());
  if (found == nullptr) return text.npos;
  return static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

std::string replace(Runtime& runtime, const std::string& text, const std::string& old_part,
                    const std::string& new_part, std::int64_t count) {
  std::string out;
  std::size_t at = 0;
  const auto add = [&](std::string_view part) {
    runtime.budget.allocate(part.size());
    out += part;
  };
  runtime.budget.step(text.size() / 64);
  for (std::int64_t done = 0; count < 0 || done < count; ++done) {
    runtime.budget.step();
    if (old_part.empty()) {
      // Before every character and at the end.
      add(new_part);
      if (at >= text.size()) return out;
      const std::size_t length = decode_utf8(std::string_view(text).substr(at)).length;
      add(std::string_view(text).substr(at, length));
      at += length;
      continue;
    }
    const std::size_t found = find_part(text, old_part, at);
    if (found == std::string::npos) break;
    add(std::string_view(text).substr(at, found - at));
    add(new_part);
    at = found + old_part.size();
  }
  add(std::string_view(text).substr(at));
  return out;
}

bool read_whole(std::string_view text, int base, std::int64_t* value) {
  std::string clean = clean_number(text);
  bool negative = false;
  if (!clean.empty() && (clean[0] == '-' || clean[0] == '+')) {
    negative = clean[0] == '-';
    clean.erase(0, 1);
  }
  if (clean.size() > 2 && clean[0] == '0') {
    const char mark = static_cast<char>(clean[1] | 0x20);
    const int marked = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 0;
    if (marked != 0 && (base == marked || base == 0)) {
      clean.erase(0, 2);
      base = marked;
    }
  }
  if (base == 0) base = 10;
  if (base < 2 || base > 36 || clean.empty() || clean[0] == '-') return false;
  if (negative) clean.insert(clean.begin(), '-');
  const auto result = std::from_chars(clean.data(), clean.data() + clean.size(), *value, base);
  return result.ec == std::errc() && result.ptr == clean.data() + clean.size();
}

bool read_real(std::string_view text, double* value) {
  std::string clean = lower(clean_number(text));
  std::string_view digits = clean;
  if (digits.starts_with('+') || digits.starts_with('-')) digits.remove_prefix(1);
  if (digits.empty() || digits[0] == '+' || digits[0] == '-') return false;
  if (digits.starts_with("nan(")) return false;
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), *value);
  if (result.ptr != digits.data() + digits.size() || result.ec == std::errc::invalid_argument) {
    return false;
  }
  // Beyond the range of a double Python gives an infinity or zero.
  if (result.ec == std::errc::result_out_of_range)
    *value = std::strtod(std::string(digits).c_str(), nullptr);
  if (clean[0] == '-') *value = -*value;
  return true;
}

double round_real(double value, int digits) {
  if (!std::isfinite(value) || digits > 300) return value;
  if (digits < -300) return 0.0 * value;
  if (digits >= 0) return std::strtod(fmt::format("{:.{}f}", value, digits).c_str(), nullptr);
  const double unit = std::pow(10.0, -digits);
  return std::nearbyint(value / unit) * unit;
}

}  // namespace jielong::jinja
