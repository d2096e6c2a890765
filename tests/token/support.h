#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "token/tokenizer.h"

namespace jielong::testing {

std::string read_golden(const std::string& name);
Json read_golden_json(const std::string& name);

/// The 5,500 texts of goldens/lines.json.
const std::vector<std::string>& golden_lines();

/// The tokenizer in goldens/<name>.json: a tokenizer.json, or the arrays of a GGUF file.
std::unique_ptr<Tokenizer> golden_tokenizer(const std::string& name);

/// FNV-1a 64 over the ids as make_goldens.py computes it, as 16 hexadecimal digits.
std::string hash_ids(const std::vector<Token>& ids);

/// Random text of `length` characters from all assigned planes, some of them ASCII.
std::string random_text(std::uint64_t seed, int length);

}  // namespace jielong::testing
