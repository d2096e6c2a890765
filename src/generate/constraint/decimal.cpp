#include "generate/constraint/decimal.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>

namespace jielong {
namespace {

constexpr std::ptrdiff_t kMostDigits = 100;

/// Compares two numbers without leading zeros.
int compare_whole(const std::string& a, const std::string& b) {
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  return a.compare(b);
}

int compare_magnitude(const Decimal& a, const Decimal& b) {
  const int whole = compare_whole(a.whole, b.whole);
  return whole != 0 ? whole : a.fraction.compare(b.fraction);
}

std::string add_one(std::string digits) {
  for (std::size_t i = digits.size(); i > 0; --i) {
    if (digits[i - 1] != '9') {
      ++digits[i - 1];
      return digits;
    }
    digits[i - 1] = '0';
  }
  return "1" + digits;
}

Decimal integer(bool negative, std::string whole) {
  Decimal x;
  x.negative = negative && whole != "0";
  x.whole = std::move(whole);
  return x;
}

}  // namespace

std::optional<Decimal> Decimal::of(const OrderedJson& number) {
  const std::string text = number.dump();
  Decimal x;
  std::size_t at = 0;
  if (text[at] == '-') x.negative = true, ++at;
  std::string digits;
  std::ptrdiff_t point = -1;
  for (; at < text.size() && text[at] != 'e' && text[at] != 'E'; ++at) {
    if (text[at] == '.') {
      point = static_cast<std::ptrdiff_t>(digits.size());
    } else {
      digits += text[at];
    }
  }
  if (point < 0) point = static_cast<std::ptrdiff_t>(digits.size());
  if (at < text.size()) point += std::strtol(text.c_str() + at + 1, nullptr, 10);
  if (point > kMostDigits || point < -kMostDigits ||
      static_cast<std::ptrdiff_t>(digits.size()) > kMostDigits) {
    return std::nullopt;
  }
  if (point < 0) {
    digits.insert(0, static_cast<std::size_t>(-point), '0');
    point = 0;
  }
  const auto split = static_cast<std::size_t>(point);
  if (split > digits.size()) digits.append(split - digits.size(), '0');
  x.whole = digits.substr(0, split);
  x.fraction = digits.substr(split);
  x.whole.erase(0, std::min(x.whole.find_first_not_of('0'), x.whole.size()));
  if (x.whole.empty()) x.whole = "0";
  x.fraction.resize(x.fraction.find_last_not_of('0') + 1);
  if (x.is_zero()) x.negative = false;
  return x;
}

Decimal Decimal::negated() const {
  Decimal x = *this;
  x.negative = !negative && !is_zero();
  return x;
}

int compare(const Decimal& a, const Decimal& b) {
  if (a.negative != b.negative) return a.negative ? -1 : 1;
  return a.negative ? compare_magnitude(b, a) : compare_magnitude(a, b);
}

Decimal floor(const Decimal& x) {
  if (x.is_integer() || !x.negative) return integer(x.negative, x.whole);
  return integer(true, add_one(x.whole));
}

Decimal ceil(const Decimal& x) {
  if (x.is_integer() || x.negative) return integer(x.negative, x.whole);
  return integer(false, add_one(x.whole));
}

std::optional<bool> is_multiple(const Decimal& x, const Decimal& step) {
  const std::string digits = step.whole + step.fraction;
  if (digits.size() > 17) return std::nullopt;
  const std::uint64_t divisor = std::strtoull(digits.c_str(), nullptr, 10);
  if (divisor == 0) return std::nullopt;
  // Both times 10^(digits of the step's fraction); what x then still has behind the point
  // shows that it is none.
  if (x.fraction.size() > step.fraction.size()) return false;
  std::string scaled = x.whole + x.fraction;
  scaled.append(step.fraction.size() - x.fraction.size(), '0');
  std::uint64_t rest = 0;
  for (const char digit : scaled) {
    rest = (rest * 10 + static_cast<unsigned>(digit - '0')) % divisor;
  }
  return rest == 0;
}

}  // namespace jielong
