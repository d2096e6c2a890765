#include <fmt/format.h>

#include <cmath>

#include "base/error.h"
#include "model/template/interpreter.h"
#include "model/template/python_text.h"

namespace jielong::jinja {
namespace {

[[noreturn]] void refuse_operands(std::string_view symbol, const Value& left, const Value& right) {
  if (left.is(Kind::undefined)) throw bad_input(left.why());
  if (right.is(Kind::undefined)) throw bad_input(right.why());
  throw bad_input(fmt::format("unsupported operand types for {}: '{}' and '{}'", symbol,
                              type_name(left), type_name(right)));
}

Value checked(bool overflows, std::int64_t result) {
  if (overflows) throw bad_input("a whole number does not fit 64 bits");
  return result;
}

void check_divisor(bool is_zero) {
  if (is_zero) throw bad_input("division by zero");
}

std::int64_t floor_divide(std::int64_t left, std::int64_t right) {
  const std::int64_t quotient = left / right;
  return left % right != 0 && ((left < 0) != (right < 0)) ? quotient - 1 : quotient;
}

Value whole_power(std::int64_t base, std::int64_t exponent) {
  std::int64_t result = 1;
  bool overflows = false;
  while (exponent > 0) {
    if (exponent & 1) overflows |= __builtin_mul_overflow(result, base, &result);
    exponent >>= 1;
    if (exponent > 0) overflows |= __builtin_mul_overflow(base, base, &base);
    if (overflows) break;
  }
  return checked(overflows, result);
}

Value whole_arithmetic(std::string_view symbol, std::int64_t left, std::int64_t right) {
  std::int64_t result = 0;
  if (symbol == "+") {
    const bool overflows = __builtin_add_overflow(left, right, &result);
    return checked(overflows, result);
  }
  if (symbol == "-") {
    const bool overflows = __builtin_sub_overflow(left, right, &result);
    return checked(overflows, result);
  }
  if (symbol == "*") {
    const bool overflows = __builtin_mul_overflow(left, right, &result);
    return checked(overflows, result);
  }
  if (symbol == "**") {
    if (right >= 0) return whole_power(left, right);
    check_divisor(left == 0);
    return std::pow(static_cast<double>(left), static_cast<double>(right));
  }
  check_divisor(right == 0);
  if (symbol == "/") return static_cast<double>(left) / static_cast<double>(right);
  if (right == -1) {  // the one divisor whose quotient can overflow
    if (symbol == "%") return std::int64_t{0};
    const bool overflows = __builtin_sub_overflow(std::int64_t{0}, left, &result);
    return checked(overflows, result);
  }
  const std::int64_t quotient = floor_divide(left, right);
  return symbol == "//" ? quotient : left - quotient * right;
}

Value real_arithmetic(std::string_view symbol, double left, double right) {
  if (symbol == "+") return left + right;
  if (symbol == "-") return left - right;
  if (symbol == "*") return left * right;
  if (symbol == "**") return std::pow(left, right);
  check_divisor(right == 0);
  if (symbol == "/") return left / right;
  double rest = std::fmod(left, right);
  if (rest != 0 && (rest < 0) != (right < 0)) rest += right;
  if (symbol == "%") return rest;
  return std::floor((left - rest) / right + 0.5);
}

Value repeat(Runtime& runtime, const Value& sequence, std::int64_t count) {
  const auto times = static_cast<std::size_t>(std::max<std::int64_t>(count, 0));
  const std::size_t size = sequence.is(Kind::string) ? sequence.string().size()
                                                     : sequence.list().items.size() * sizeof(Value);
  std::size_t total = 0;
  if (__builtin_mul_overflow(size, times, &total)) total = SIZE_MAX / 2;
  runtime.budget.allocate(total);
  if (size == 0 || times == 0) {
    if (sequence.is(Kind::string)) return "";
    return make_list(runtime, {}, sequence.list().form);
  }
  if (sequence.is(Kind::string)) {
    std::string text;
    text.reserve(total);
    for (std::size_t i = 0; i < times; ++i) text += sequence.string();
    return text;
  }
  std::vector<Value> items;
  for (std::size_t i = 0; i < times; ++i) {
    items.insert(items.end(), sequence.list().items.begin(), sequence.list().items.end());
  }
  return make_list(runtime, std::move(items), sequence.list().form);
}

bool is_sequence(const Value& value) {
  return value.is(Kind::string) ||
         (value.is(Kind::list) &&
          (value.list().form == List::Form::list || value.list().form == List::Form::tuple));
}

}  // namespace

Value binary(Runtime& runtime, std::string_view symbol, const Value& left, const Value& right) {
  if (left.is_number() && right.is_number()) {
    if (left.is(Kind::real) || right.is(Kind::real)) {
      return real_arithmetic(symbol, left.real(), right.real());
    }
    return whole_arithmetic(symbol, left.integer(), right.integer());
  }
  if (symbol == "+" && is_sequence(left) && is_sequence(right) && left.kind() == right.kind()) {
    if (left.is(Kind::string)) {
      runtime.budget.allocate(left.string().size() + right.string().size());
      return left.string() + right.string();
    }
    if (left.list().form == right.list().form) {
      std::vector<Value> items = left.list().items;
      items.insert(items.end(), right.list().items.begin(), right.list().items.end());
      return make_list(runtime, std::move(items), left.list().form);
    }
  }
  const auto is_count = [](const Value& value) {
    return value.is(Kind::integer) || value.is(Kind::boolean);
  };
  if (symbol == "*" && is_sequence(left) && is_count(right)) {
    return repeat(runtime, left, right.integer());
  }
  if (symbol == "*" && is_count(left) && is_sequence(right)) {
    return repeat(runtime, right, left.integer());
  }
  if (symbol == "%" && left.is(Kind::string)) {
    return make_string(runtime, format_percent(runtime, left.string(), right));
  }
  refuse_operands(symbol, left, right);
}

Value negate(const Value& operand) {
  if (operand.is(Kind::real)) return -operand.real();
  if (operand.is_number()) {
    std::int64_t result = 0;
    const bool overflows = __builtin_sub_overflow(std::int64_t{0}, operand.integer(), &result);
    return checked(overflows, result);
  }
  if (operand.is(Kind::undefined)) throw bad_input(operand.why());
  throw bad_input(fmt::format("bad operand type for a sign: '{}'", type_name(operand)));
}

}  // namespace jielong::jinja
