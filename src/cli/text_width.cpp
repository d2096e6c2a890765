#include "cli/text_width.h"

#include <fmt/format.h>
#include <utf8proc.h>

#include <algorithm>

#include "base/utf8.h"

namespace jielong::cli {
namespace {

bool is_control(char32_t character) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(character)) == UTF8PROC_CATEGORY_CC;
}

int width_of(char32_t character) {
  return std::max(0, utf8proc_charwidth(static_cast<utf8proc_int32_t>(character)));
}

}  // namespace

int display_width(std::string_view text) {
  int width = 0;
  while (!text.empty()) {
    const CodePoint point = decode_utf8(text);
    width += width_of(point.value);
    text.remove_prefix(point.length);
  }
  return width;
}

std::string fit(std::string_view text, int columns) {
  if (display_width(text) <= columns) return std::string(text);
  std::string out;
  int width = 0;
  while (!text.empty()) {
    const CodePoint point = decode_utf8(text);
    const int more = width_of(point.value);
    if (width + more > columns - 1) break;
    out += text.substr(0, point.length);
    width += more;
    text.remove_prefix(point.length);
  }
  return columns > 0 ? out + "…" : std::string();
}

std::string pad(std::string_view text, int columns) {
  std::string out = fit(text, columns);
  out.append(static_cast<std::size_t>(std::max(0, columns - display_width(out))), ' ');
  return out;
}

std::string visible(std::string_view bytes) {
  std::string out;
  while (!bytes.empty()) {
    const CodePoint point = decode_utf8(bytes);
    const std::string_view character = bytes.substr(0, point.length);
    bytes.remove_prefix(point.length);
    if (!point.valid) {
      for (const char byte : character) {
        out += fmt::format("<{:02X}>", static_cast<unsigned char>(byte));
      }
    } else if (point.value == '\n') {
      out += "↵";
    } else if (point.value == '\t') {
      out += "⇥";
    } else if (point.value == ' ') {
      out += "␣";
    } else if (is_control(point.value)) {
      out += fmt::format("<{:02X}>", static_cast<unsigned>(point.value));
    } else {
      out += character;
    }
  }
  return out;
}

std::string harmless(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const CodePoint point = decode_utf8(text);
    if (is_control(point.value) && point.value != '\n' && point.value != '\t') {
      out += fmt::format("<{:02X}>", static_cast<unsigned>(point.value));
    } else {
      out += text.substr(0, point.length);
    }
    text.remove_prefix(point.length);
  }
  return out;
}

std::string human_bytes(double bytes) {
  constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB"};
  int unit = 0;
  while (bytes >= 999.5 && unit < 4) {
    bytes /= 1000;
    ++unit;
  }
  return fmt::format("{:.{}f} {}", bytes, unit == 0 || bytes >= 99.95 ? 0 : 1, kUnits[unit]);
}

}  // namespace jielong::cli
