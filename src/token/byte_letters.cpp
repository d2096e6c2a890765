#include "token/byte_letters.h"

#include "base/utf8.h"

namespace jielong::byte_letters {
namespace {

bool stands_for_itself(int byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) ||
         (byte >= 0xAE && byte <= 0xFF);
}

struct Tables {
  std::array<std::string, 256> letters;
  /// The byte of each letter below U+0144, or -1.
  std::array<int, 0x144> bytes;

  Tables() {
    bytes.fill(-1);
    char32_t next = 0x100;
    for (int byte = 0; byte < 256; ++byte) {
      const char32_t letter = stands_for_itself(byte) ? static_cast<char32_t>(byte) : next++;
      append_utf8(letters[static_cast<std::size_t>(byte)], letter);
      bytes[letter] = byte;
    }
  }
};

const Tables& tables() {
  static const Tables instance;
  return instance;
}

}  // namespace

const std::array<std::string, 256>& letters() { return tables().letters; }

void spell(std::string& out, std::string_view bytes) {
  const auto& letters = tables().letters;
  for (const char c : bytes) out += letters[static_cast<unsigned char>(c)];
}

bool read(std::string& out, std::string_view letters) {
  const auto& bytes = tables().bytes;
  const std::size_t before = out.size();
  while (!letters.empty()) {
    const CodePoint point = decode_utf8(letters);
    if (!point.valid || point.value >= bytes.size() || bytes[point.value] < 0) {
      out.resize(before);
      return false;
    }
    out += static_cast<char>(bytes[point.value]);
    letters.remove_prefix(point.length);
  }
  return true;
}

}  // namespace jielong::byte_letters
