#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include "token/token.h"

namespace jielong {

/// How many tokens two chains have in common at their beginning.
inline std::size_t common_length(std::span<const Token> a, std::span<const Token> b) {
  return static_cast<std::size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first -
                                  a.begin());
}

}  // namespace jielong
