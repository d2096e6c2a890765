#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace jielong::serve {

/// The keys in `text`, one a line; empty lines and lines that begin with '#' are left out.
std::vector<std::string> parse_keys(std::string_view text);

/// The keys of a file. Throws Error when it cannot be read or has none; never says what is in it.
std::vector<std::string> read_keys(const std::filesystem::path& file);

/// Whether other users of this machine may read the file.
bool others_may_read(const std::filesystem::path& file);

}  // namespace jielong::serve
