#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "cli/console.h"

namespace jielong::cli {

/// A line on standard error that shows how far something is: only on a terminal, not under
/// --quiet, redrawn at most ten times a second, gone when the object is destroyed.
class ProgressBar {
 public:
  ProgressBar(const Console& console, std::string title);
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  ~ProgressBar();

  void set_title(std::string title);
  /// `total` 0: unknown. `bytes`: both are byte counts.
  void show(std::uint64_t done, std::uint64_t total, bool bytes = false);

 private:
  const Console& console_;
  std::string title_;
  bool active_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point start_, last_;
  std::uint64_t first_done_ = 0;
};

}  // namespace jielong::cli
