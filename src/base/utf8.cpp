#include "base/utf8.h"

namespace jielong {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

/// The length a lead byte announces, or 0 when no character starts with it.
int announced_length(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return 2;
  if (lead >= 0xE0 && lead <= 0xEF) return 3;
  if (lead >= 0xF0 && lead <= 0xF4) return 4;
  return 0;
}

/// Second bytes are restricted after some lead bytes (Unicode table 3-7).
bool second_byte_fits(unsigned char lead, unsigned char second) {
  switch (lead) {
    case 0xE0: return second >= 0xA0 && second <= 0xBF;
    case 0xED: return second >= 0x80 && second <= 0x9F;
    case 0xF0: return second >= 0x90 && second <= 0xBF;
    case 0xF4: return second >= 0x80 && second <= 0x8F;
    default: return second >= 0x80 && second <= 0xBF;
  }
}

}  // namespace

CodePoint decode_utf8(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const int length = announced_length(lead);
  if (length == 1) return {lead, 1, true};
  if (length == 0 || text.size() < static_cast<std::size_t>(length) ||
      !second_byte_fits(lead, static_cast<unsigned char>(text[1]))) {
    return {kReplacement, 1, false};
  }
  char32_t value = lead & (0x7F >> length);
  for (int i = 1; i < length; ++i) {
    if (!is_continuation(text[static_cast<std::size_t>(i)])) return {kReplacement, 1, false};
    value = (value << 6) | (static_cast<unsigned char>(text[static_cast<std::size_t>(i)]) & 0x3F);
  }
  return {value, static_cast<std::uint8_t>(length), true};
}

void append_utf8(std::string& out, char32_t value) {
  if (value < 0x80) {
    out += static_cast<char>(value);
  } else if (value < 0x800) {
    out += static_cast<char>(0xC0 | (value >> 6));
    out += static_cast<char>(0x80 | (value & 0x3F));
  } else if (value < 0x10000) {
    out += static_cast<char>(0xE0 | (value >> 12));
    out += static_cast<char>(0x80 | ((value >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (value & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (value >> 18));
    out += static_cast<char>(0x80 | ((value >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((value >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (value & 0x3F));
  }
}

bool is_valid_utf8(std::string_view text) {
  while (!text.empty()) {
    const CodePoint point = decode_utf8(text);
    if (!point.valid) return false;
    text.remove_prefix(point.length);
  }
  return true;
}

std::size_t complete_utf8_prefix(std::string_view text) {
  for (std::size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    const std::size_t at = text.size() - back;
    const auto lead = static_cast<unsigned char>(text[at]);
    if (is_continuation(text[at])) continue;
    const auto length = static_cast<std::size_t>(announced_length(lead));
    if (length <= back) return text.size();
    // Cut off, but only worth waiting for if what is there can still become valid.
    if (back >= 2 && !second_byte_fits(lead, static_cast<unsigned char>(text[at + 1]))) {
      return text.size();
    }
    return at;
  }
  return text.size();
}

std::string sanitize_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const CodePoint point = decode_utf8(text);
    if (point.valid) {
      out.append(text.substr(0, point.length));
    } else {
      append_utf8(out, kReplacement);
    }
    text.remove_prefix(point.length);
  }
  return out;
}

}  // namespace jielong
