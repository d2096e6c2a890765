#include "train/schedule.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "base/error.h"

namespace jielong {
namespace {

constexpr std::array<std::string_view, 4> kNames = {"constant", "linear", "cosine", "wsd"};

}  // namespace

std::string_view name(ScheduleKind kind) { return kNames[static_cast<std::size_t>(kind)]; }

ScheduleKind schedule_by_name(std::string_view name) {
  const auto found = std::find(kNames.begin(), kNames.end(), name);
  if (found == kNames.end()) {
    throw bad_input(fmt::format("there is no schedule \"{}\"", name), "schedule",
                    fmt::format("choose among {}", fmt::join(kNames, ", ")));
  }
  return static_cast<ScheduleKind>(found - kNames.begin());
}

double schedule_factor(const ScheduleSettings& schedule, std::int64_t step, std::int64_t steps) {
  if (step < schedule.warmup_steps) {
    return static_cast<double>(step + 1) / static_cast<double>(schedule.warmup_steps);
  }
  const auto share = [](std::int64_t part, std::int64_t whole) {
    return std::clamp(
        static_cast<double>(part) / static_cast<double>(std::max<std::int64_t>(1, whole)), 0.0,
        1.0);
  };
  const double fall = 1 - schedule.final_factor;
  const double progress = share(step - schedule.warmup_steps, steps - 1 - schedule.warmup_steps);
  switch (schedule.kind) {
    case ScheduleKind::constant: return 1;
    case ScheduleKind::linear: return 1 - fall * progress;
    case ScheduleKind::cosine:
      return schedule.final_factor + fall * (1 + std::cos(std::numbers::pi * progress)) / 2;
    case ScheduleKind::wsd: {
      const std::int64_t decay = schedule.decay_steps > 0 ? schedule.decay_steps : steps / 5;
      return 1 - fall * share(step + 1 - (steps - decay), decay);
    }
  }
  return 1;
}

}  // namespace jielong
