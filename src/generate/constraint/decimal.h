#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "base/json.h"

namespace jielong {

/// A number as its decimal digits, exactly as a schema wrote it.
struct Decimal {
  bool negative = false;
  std::string whole = "0";  ///< without leading zeros
  std::string fraction;     ///< without trailing zeros

  /// None when it has more than 100 digits on a side.
  static std::optional<Decimal> of(const OrderedJson& number);

  bool is_zero() const { return whole == "0" && fraction.empty(); }
  bool is_integer() const { return fraction.empty(); }
  Decimal negated() const;
};

/// Below, at or above zero as a is to b.
int compare(const Decimal& a, const Decimal& b);

/// The nearest integers: the largest not above, the smallest not below.
Decimal floor(const Decimal& x);
Decimal ceil(const Decimal& x);

/// Whether x is an integer multiple of `step` > 0; none when `step` has more digits than fit.
std::optional<bool> is_multiple(const Decimal& x, const Decimal& step);

}  // namespace jielong
