#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace jielong::jinja {

enum class TokenType {
  data,            ///< text outside tags
  variable_begin,  ///< {{
  variable_end,    ///< }}
  block_begin,     ///< {%
  block_end,       ///< %}
  name,
  string,
  integer,
  real,
  symbol,  ///< an operator, `text` holds it
  end
};

struct LexToken {
  TokenType type = TokenType::end;
  std::size_t offset = 0;  ///< in the source, in bytes
  std::string text;        ///< decoded for strings
  std::int64_t integer = 0;
  double real = 0;
};

/// Where a byte stands in a source, both counted from 1; columns count characters.
struct Place {
  std::size_t line, column;
};
Place place_of(std::string_view source, std::size_t offset);

/// `source` with every line end as "\n" and one line end dropped from its end.
std::string normalize_source(std::string_view source);

/// Splits a normalized source into tokens, with trim_blocks and lstrip_blocks on, as
/// transformers sets them. Throws Error(bad_input) whose `where` is empty; `*failed_at`
/// then holds the byte concerned.
std::vector<LexToken> tokenize(std::string_view source, std::size_t* failed_at);

/// Whether Python's str.isspace() holds for the character.
bool is_space(char32_t point);
/// `text` without white space at its end or start, as str.rstrip() and str.lstrip().
std::string_view strip_right(std::string_view text);
std::string_view strip_left(std::string_view text);

}  // namespace jielong::jinja
