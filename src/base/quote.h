#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace jielong {

/// `untrusted` in double quotes, fit for a one-line message: malformed bytes and control
/// characters replaced, and cut after about `max_bytes`.
std::string in_quotes(std::string_view untrusted, std::size_t max_bytes = 120);

}  // namespace jielong
