#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace jielong {

/// How the files of a split model are named, apart from their extension: "model-00002-of-00003".
struct SplitName {
  std::string stem;              ///< "model"
  unsigned part = 1, parts = 1;  ///< as written: nobody has checked part ≤ parts
};

std::string split_name(std::string_view stem, std::size_t part, std::size_t parts);

/// The name taken apart; nothing when it has another form.
std::optional<SplitName> parse_split_name(std::string_view name);

/// What the name of the first file begins with, of however many parts.
std::string first_part_beginning(std::string_view stem);

}  // namespace jielong
