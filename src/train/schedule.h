#pragma once

#include <cstdint>
#include <string_view>

namespace jielong {

enum class ScheduleKind : std::uint8_t { constant, linear, cosine, wsd };

std::string_view name(ScheduleKind kind);
/// Throws Error(bad_input) that lists the names there are.
ScheduleKind schedule_by_name(std::string_view name);

/// How learning rates move over a run. A rate rises linearly over the warm-up, then
///   constant  stays
///   linear    falls on a line to `final_factor` at the last step
///   cosine    falls on half a cosine to `final_factor` (Loshchilov and Hutter 2017)
///   wsd       stays, then falls on a line over the last `decay_steps` (warm-up, stable, decay:
///             Hu et al. 2024, Hägele et al. 2024)
struct ScheduleSettings {
  ScheduleKind kind = ScheduleKind::cosine;
  std::int64_t warmup_steps = 0;
  std::int64_t decay_steps = 0;  ///< wsd; 0: a fifth of the run
  double final_factor = 0.1;     ///< of the peak
};

/// What a group's learning rate is multiplied with in `step` (from 0) of `steps`: (step + 1) /
/// warmup_steps while warming up, 1 in the first step after that, `final_factor` in the last one.
double schedule_factor(const ScheduleSettings& schedule, std::int64_t step, std::int64_t steps);

}  // namespace jielong
