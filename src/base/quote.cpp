#include "base/quote.h"

#include "base/utf8.h"

namespace jielong {

std::string in_quotes(std::string_view untrusted, std::size_t max_bytes) {
  const bool cut = untrusted.size() > max_bytes;
  if (cut) {
    untrusted = untrusted.substr(0, complete_utf8_prefix(untrusted.substr(0, max_bytes)));
  }
  std::string result = "\"";
  for (const char c : sanitize_utf8(untrusted)) {
    const auto byte = static_cast<unsigned char>(c);
    result += byte < 0x20 || byte == 0x7f ? '?' : c;
  }
  result += cut ? "…\"" : "\"";
  return result;
}

}  // namespace jielong
