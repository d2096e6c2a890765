#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace jielong {

/// Reads little-endian fields from untrusted bytes; every read beyond the end throws
/// Error(bad_input) with the offset and what was expected there.
class ByteReader {
 public:
  /// @param where  names the file in errors
  ByteReader(std::span<const std::byte> bytes, std::string where)
      : bytes_(bytes), where_(std::move(where)) {}

  std::uint64_t position() const { return at_; }
  std::uint64_t remaining() const { return bytes_.size() - at_; }

  template <typename Number>
  Number number(std::string_view what) {
    Number value;
    std::memcpy(&value, take(sizeof value, what).data(), sizeof value);
    return value;
  }

  std::span<const std::byte> take(std::uint64_t count, std::string_view what) {
    if (count > remaining()) {
      throw bad_input(
          fmt::format("ends inside {}: {} bytes are needed, {} are left", what, count, remaining()),
          place(), "the file is cut off or damaged; get it again");
    }
    const auto part = bytes_.subspan(at_, count);
    at_ += count;
    return part;
  }

  /// A 64-bit length and that many bytes.
  std::string_view string(std::string_view what) {
    const auto length = number<std::uint64_t>(what);
    const auto part = take(length, what);
    return {reinterpret_cast<const char*>(part.data()), part.size()};
  }

  /// An element count, which cannot be more than the bytes left allow.
  std::uint64_t count(std::uint64_t value, std::uint64_t min_bytes_each, std::string_view what) {
    if (value > remaining() / min_bytes_each) {
      throw bad_input(fmt::format("announces {} {}, more than the {} bytes left can hold", value,
                                  what, remaining()),
                      place(), "the file is cut off or damaged; get it again");
    }
    return value;
  }

  std::string place() const { return fmt::format("{}, byte {}", where_, at_); }

 private:
  std::span<const std::byte> bytes_;
  std::uint64_t at_ = 0;
  std::string where_;
};

}  // namespace jielong
