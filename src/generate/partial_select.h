#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "generate/distribution.h"

namespace jielong {

/// The order of a distribution: by falling logit, equal ones by rising token.
inline bool comes_before(const Candidate& a, const Candidate& b) {
  return a.logit > b.logit || (a.logit == b.logit && a.token < b.token);
}

/// Writes the `k` largest of `values` (index as token) to `out`, sorted by
/// comes_before; values of −∞ are left out. One pass that only stops where a block
/// holds something larger than the k-th best so far.
void select_largest(std::span<const float> values, std::int64_t k, std::vector<Candidate>& out);

/// Writes the first of `values` by comes_before, up to the one at which the sum of their
/// `weights` reaches `mass`, to `out`, in no particular order and in linear time. All of
/// them when the sum falls short; −∞ is left out.
void select_mass(std::span<const float> values, std::span<const float> weights, double mass,
                 std::vector<Candidate>& out);

/// Keeps the k first of `list` by comes_before, sorted.
void shrink_to_largest(std::vector<Candidate>& list, std::int64_t k);

}  // namespace jielong
