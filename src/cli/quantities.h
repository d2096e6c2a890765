#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace jielong::cli {

/// "8G", "512M", "1.5 GiB", plain bytes; the units are powers of 1024. Throws Error(bad_input)
/// that names `where`.
std::uint64_t parse_bytes(const std::string& text, const std::string& where);

/// "90" or "90s", "5m", "2h"; -1: negative. Throws Error(bad_input) that names `where`.
std::chrono::seconds parse_seconds(const std::string& text, const std::string& where);

}  // namespace jielong::cli
