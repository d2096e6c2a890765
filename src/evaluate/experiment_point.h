#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "evaluate/share.h"

namespace jielong {

/// What a quantity counts, for people.
enum class ExperimentUnit : std::uint8_t { plain, share, count, seconds, bytes };

/// One number that came out of a training or a measurement.
struct ExperimentPoint {
  std::string quantity;  ///< "accuracy", "held_out_loss"
  std::string group;     ///< digits, layer, length, task; empty: over all
  double value = 0;
  double low = 0, high = 0;  ///< its confidence interval; both `value` when there is none
  ExperimentUnit unit = ExperimentUnit::plain;
};

ExperimentPoint plain_point(std::string quantity, double value,
                            ExperimentUnit unit = ExperimentUnit::plain, std::string group = {});
/// With the share's confidence interval.
ExperimentPoint share_point(std::string quantity, const Share& share, std::string group = {});

OrderedJson points_json(const std::vector<ExperimentPoint>& points);
/// Throws Error(bad_input) for what points_json() did not write.
std::vector<ExperimentPoint> parse_points(const Json& json, const std::string& where);

/// "97.3 %", "1.2M", "34 µs", "64 KiB", "0.412".
std::string show_quantity(double value, ExperimentUnit unit);

}  // namespace jielong
