#include "evaluate/share.h"

#include <algorithm>
#include <cmath>

namespace jielong {
namespace {

constexpr double kZ = 1.959963984540054;  // of the normal distribution, for 95 % in the middle

/// Wilson's interval is centre ± half of this, both sides moved by `sign`.
double wilson(const Share& share, double sign) {
  if (share.count == 0) return sign < 0 ? 0 : 1;
  // Exact at the ends, where rounding would miss them.
  if (share.hits == 0 && sign < 0) return 0;
  if (share.hits == share.count && sign > 0) return 1;
  const auto n = static_cast<double>(share.count);
  const double p = share.value(), z2 = kZ * kZ / n;
  const double centre = p + z2 / 2;
  const double half = kZ * std::sqrt(p * (1 - p) / n + z2 / (4 * n));
  return std::clamp((centre + sign * half) / (1 + z2), 0.0, 1.0);
}

}  // namespace

double Share::value() const {
  return count == 0 ? 0 : static_cast<double>(hits) / static_cast<double>(count);
}

double Share::low() const { return wilson(*this, -1); }
double Share::high() const { return wilson(*this, 1); }

}  // namespace jielong
