#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace jielong {

/// One decoded code point and the number of bytes it took. Malformed input gives
/// U+FFFD with `valid` false and a length of 1 byte.
struct CodePoint {
  char32_t value;
  std::uint8_t length;
  bool valid;
};

/// Decodes the code point at the front of `text`, which must not be empty.
CodePoint decode_utf8(std::string_view text);

/// Appends `value` (a Unicode scalar value) in UTF-8.
void append_utf8(std::string& out, char32_t value);

bool is_valid_utf8(std::string_view text);

/// The length in bytes of the longest prefix of `text` that does not end inside
/// a character; bytes that can never become valid count as complete.
std::size_t complete_utf8_prefix(std::string_view text);

/// `text` with every malformed byte replaced by U+FFFD.
std::string sanitize_utf8(std::string_view text);

}  // namespace jielong
