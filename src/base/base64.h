#pragma once

#include <string>
#include <string_view>

namespace jielong {

/// The bytes that standard base64 (RFC 4648, padding optional) spells. Throws
/// Error(bad_input) that names `where` and the offset of what does not belong there.
std::string decode_base64(std::string_view text, const std::string& where);

/// Standard base64 with padding.
std::string encode_base64(std::string_view bytes);

}  // namespace jielong
