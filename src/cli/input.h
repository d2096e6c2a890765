#pragma once

#include <string>
#include <vector>

namespace jielong::cli {

/// Standard input to its end, without the last line break. Throws Error(limit) beyond 64 MiB.
std::string read_standard_input();

/// The words joined by spaces; none: the file; none either: standard input. "-" as file is
/// standard input.
std::string read_input(const std::vector<std::string>& words, const std::string& file);

}  // namespace jielong::cli
