#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace jielong {

/// GPT-2's spelling of bytes as visible letters: printable Latin-1 stands for itself, the
/// rest for U+0100 and up ("Ġ" is a space). Radford et al. 2019, bytes_to_unicode.
namespace byte_letters {

/// The UTF-8 letter of each byte.
const std::array<std::string, 256>& letters();

/// Appends the letters of `bytes`.
void spell(std::string& out, std::string_view bytes);

/// Appends the bytes that `letters` spell; false, with nothing appended, when one of
/// them is no such letter.
bool read(std::string& out, std::string_view letters);

}  // namespace byte_letters
}  // namespace jielong
