#include "model/split_name.h"

#include <fmt/format.h>

#include <charconv>

namespace jielong {
namespace {

constexpr std::size_t kDigits = 5;
constexpr std::string_view kOf = "-of-";

bool read_number(std::string_view text, unsigned& number) {
  const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
  return result.ec == std::errc() && result.ptr == text.data() + text.size();
}

}  // namespace

std::string split_name(std::string_view stem, std::size_t part, std::size_t parts) {
  return fmt::format("{}-{:05}{}{:05}", stem, part, kOf, parts);
}

std::optional<SplitName> parse_split_name(std::string_view name) {
  constexpr std::size_t kTail = 1 + kDigits + kOf.size() + kDigits;
  if (name.size() < kTail) return std::nullopt;
  const std::string_view tail = name.substr(name.size() - kTail);
  SplitName split;
  if (tail[0] != '-' || tail.substr(1 + kDigits, kOf.size()) != kOf ||
      !read_number(tail.substr(1, kDigits), split.part) ||
      !read_number(tail.substr(kTail - kDigits), split.parts)) {
    return std::nullopt;
  }
  split.stem = name.substr(0, name.size() - kTail);
  return split;
}

std::string first_part_beginning(std::string_view stem) {
  return fmt::format("{}-00001{}", stem, kOf);
}

}  // namespace jielong
