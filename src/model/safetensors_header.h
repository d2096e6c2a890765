#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace jielong {

/// One tensor as a safetensors header announces it; not yet checked against the data.
struct SafetensorsEntry {
  std::string name, type;
  std::vector<std::uint64_t> shape;  ///< outermost first
  std::uint64_t begin = 0, end = 0;  ///< within the data section
};

struct SafetensorsHeader {
  std::map<std::string, std::string> metadata;
  std::vector<SafetensorsEntry> entries;  ///< in the header's order
};

/// Parses the JSON header of a safetensors file without building a JSON tree, so that a
/// header costs no more memory than its tensors. Throws Error(bad_input) that names
/// `where` and what is wrong, also for duplicate keys and anything the format does not
/// define.
SafetensorsHeader parse_safetensors_header(std::string_view text, const std::string& where);

}  // namespace jielong
