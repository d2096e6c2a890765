#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace jielong::reference {

/// The mixture of experts of one row, by the definition: `used` experts of the largest scores
/// (experts) share softmax(scores), of all experts or, when `normalized`, of the chosen. `results`
/// is (experts, channels).
std::vector<double> mix(std::span<const double> scores, std::int64_t used, bool normalized,
                        std::span<const double> results, std::int64_t channels);

/// The load-balancing loss of scores (rows, experts).
double balance_loss(std::span<const double> scores, std::int64_t experts, std::int64_t used);

}  // namespace jielong::reference
