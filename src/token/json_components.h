#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/json.h"
#include "token/decoder.h"
#include "token/normalizer.h"
#include "token/pre_tokenizer.h"
#include "token/vocabulary.h"

namespace jielong {

/// Readers for the components of a tokenizer.json, each at most kMaxSteps long. Absent
/// components (null) give empty ones; unknown types are Error(unsupported) by name.
namespace json_components {

inline constexpr std::size_t kMaxSteps = 64;

Normalizers read_normalizers(const Json& component, const std::string& where);

struct ReadPreTokenizers {
  PreTokenizers steps;
  /// The last step spells bytes as letters; it is left to the model, which starts from bytes.
  bool ends_with_bytes = false;
};
ReadPreTokenizers read_pre_tokenizers(const Json& component, const std::string& where);

Decoder read_decoder(const Json& component, const std::string& where);

/// What a post-processor puts around a single text.
struct Surroundings {
  std::vector<Token> before, behind;
};
Surroundings read_post_processor(const Json& component, const Vocabulary& vocabulary,
                                 const std::string& where);

}  // namespace json_components
}  // namespace jielong
