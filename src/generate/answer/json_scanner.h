#pragma once

#include <cstdint>
#include <string>

namespace jielong {

/// Follows one JSON value (RFC 8259) byte by byte and says whether it can still become one.
/// Escaped surrogates must come in pairs.
class JsonScanner {
 public:
  enum class Result : std::uint8_t {
    more,
    done,         ///< this byte completed the value
    done_before,  ///< the value, a number, ended before this byte
    invalid
  };
  /// Space before the value is allowed. After any other result than `more` start a new one.
  Result push(char byte);

 private:
  enum class State : std::uint8_t {
    value,        ///< before a value
    first_value,  ///< after [
    first_key,    ///< after {
    key,          ///< after a comma in an object
    colon,        ///< after a key
    after,        ///< after a value inside an object or a list
    string,
    escape,
    hex,   ///< `left_` digits of \uXXXX remain
    word,  ///< the rest of true, false or null is in `word_`
    minus,
    zero,
    integer,
    point,
    fraction,
    exponent,
    exponent_sign,
    exponent_digits
  };
  static constexpr std::size_t kMaxDepth = 128;

  Result begin_value(char byte);
  Result end_value();
  Result close(char open);
  Result in_string(char byte);
  Result in_number(char byte);

  State state_ = State::value;
  std::string open_;  ///< the brackets around, outermost first
  bool is_key_ = false;
  int left_ = 0;
  unsigned unit_ = 0;            ///< the UTF-16 unit that \u is spelling
  bool high_surrogate_ = false;  ///< the last unit waits for its other half
  const char* word_ = "";
};

/// JSON's four space characters.
inline bool is_json_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

}  // namespace jielong
