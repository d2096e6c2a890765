#include "generate/answer/json_scanner.h"

#include <string_view>

namespace jielong {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// −1 when it is no hexadecimal digit.
int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

}  // namespace

JsonScanner::Result JsonScanner::push(char byte) {
  switch (state_) {
    case State::string:
    case State::escape:
    case State::hex: return in_string(byte);
    case State::word:
      if (byte != *word_) return Result::invalid;
      return *++word_ == '\0' ? end_value() : Result::more;
    case State::minus:
    case State::zero:
    case State::integer:
    case State::point:
    case State::fraction:
    case State::exponent:
    case State::exponent_sign:
    case State::exponent_digits: return in_number(byte);
    default: break;
  }
  if (is_json_space(byte)) return Result::more;
  switch (state_) {
    case State::first_value:
      if (byte == ']') return close('[');
      return begin_value(byte);
    case State::first_key:
      if (byte == '}') return close('{');
      [[fallthrough]];
    case State::key:
      if (byte != '"') return Result::invalid;
      is_key_ = true;
      state_ = State::string;
      return Result::more;
    case State::colon:
      if (byte != ':') return Result::invalid;
      state_ = State::value;
      return Result::more;
    case State::after:
      if (byte == '}') return close('{');
      if (byte == ']') return close('[');
      if (byte != ',') return Result::invalid;
      state_ = open_.back() == '{' ? State::key : State::value;
      return Result::more;
    default: return begin_value(byte);
  }
}

JsonScanner::Result JsonScanner::begin_value(char byte) {
  const auto word = [this](const char* rest) {
    word_ = rest;
    state_ = State::word;
    return Result::more;
  };
  switch (byte) {
    case '{':
    case '[':
      if (open_.size() >= kMaxDepth) return Result::invalid;
      open_ += byte;
      state_ = byte == '{' ? State::first_key : State::first_value;
      return Result::more;
    case '"':
      is_key_ = false;
      state_ = State::string;
      return Result::more;
    case 't': return word("rue");
    case 'f': return word("alse");
    case 'n': return word("ull");
    case '-': state_ = State::minus; return Result::more;
    case '0': state_ = State::zero; return Result::more;
    default:
      if (!is_digit(byte)) return Result::invalid;
      state_ = State::integer;
      return Result::more;
  }
}

JsonScanner::Result JsonScanner::end_value() {
  if (open_.empty()) return Result::done;
  state_ = State::after;
  return Result::more;
}

JsonScanner::Result JsonScanner::close(char open) {
  if (open_.empty() || open_.back() != open) return Result::invalid;
  open_.pop_back();
  return end_value();
}

JsonScanner::Result JsonScanner::in_string(char byte) {
  if (state_ == State::hex) {
    const int value = hex_value(byte);
    if (value < 0) return Result::invalid;
    unit_ = unit_ << 4 | static_cast<unsigned>(value);
    if (--left_ > 0) return Result::more;
    state_ = State::string;
    const bool low = unit_ >= 0xDC00 && unit_ <= 0xDFFF;
    if (low != high_surrogate_) return Result::invalid;
    high_surrogate_ = unit_ >= 0xD800 && unit_ < 0xDC00;
    return Result::more;
  }
  if (state_ == State::escape) {
    if (byte == 'u') {
      state_ = State::hex;
      left_ = 4;
      unit_ = 0;
      return Result::more;
    }
    if (high_surrogate_) return Result::invalid;
    state_ = State::string;
    return std::string_view("\"\\/bfnrt").find(byte) == std::string_view::npos ? Result::invalid
                                                                               : Result::more;
  }
  if (high_surrogate_ && byte != '\\') return Result::invalid;
  if (static_cast<unsigned char>(byte) < 0x20) return Result::invalid;
  if (byte == '\\') state_ = State::escape;
  if (byte != '"') return Result::more;
  if (!is_key_) return end_value();
  state_ = State::colon;
  return Result::more;
}

JsonScanner::Result JsonScanner::in_number(char byte) {
  const auto go = [this](State next) {
    state_ = next;
    return Result::more;
  };
  const bool digit = is_digit(byte);
  const bool exponent = byte == 'e' || byte == 'E';
  switch (state_) {
    case State::minus:
      if (byte == '0') return go(State::zero);
      return digit ? go(State::integer) : Result::invalid;
    case State::integer:
      if (digit) return Result::more;
      [[fallthrough]];
    case State::zero:
      if (byte == '.') return go(State::point);
      if (exponent) return go(State::exponent);
      break;
    case State::point: return digit ? go(State::fraction) : Result::invalid;
    case State::fraction:
      if (digit) return Result::more;
      if (exponent) return go(State::exponent);
      break;
    case State::exponent:
      if (byte == '+' || byte == '-') return go(State::exponent_sign);
      [[fallthrough]];
    case State::exponent_sign: return digit ? go(State::exponent_digits) : Result::invalid;
    default:
      if (digit) return Result::more;
      break;
  }
  if (open_.empty()) return Result::done_before;
  state_ = State::after;
  return push(byte);
}

}  // namespace jielong
