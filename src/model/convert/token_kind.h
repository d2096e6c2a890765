#pragma once

#include <cstdint>

namespace jielong {

/// GGUF's numbers for kinds of tokens ("tokenizer.ggml.token_type").
enum TokenKind : std::int32_t {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6
};

}  // namespace jielong
