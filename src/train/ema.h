#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "tensor/parameters.h"

namespace jielong {

/// The exponential moving average of trained parameters (Polyak and Juditsky 1992), in f32:
/// average += (1 − decay) · (θ − average) after every step, beginning at θ.
class Ema {
 public:
  /// @param decay in (0, 1)
  Ema(ThreadPool& pool, std::span<Parameter* const> parameters, double decay);

  void update();

  /// Exchanges θ and its average; calling it again puts both back.
  void swap();

  /// The average of parameter `index`, (rows, columns), in the order given.
  float* average(std::size_t index) { return averages_[index].get(); }
  std::span<Parameter* const> parameters() const { return parameters_; }

 private:
  ThreadPool& pool_;
  std::vector<Parameter*> parameters_;
  std::vector<std::unique_ptr<float[]>> averages_;
  float rate_;
};

/// θ is its average for as long as this lives; does nothing for null.
class EmaScope {
 public:
  explicit EmaScope(Ema* ema) : ema_(ema) {
    if (ema_ != nullptr) ema_->swap();
  }
  EmaScope(const EmaScope&) = delete;
  EmaScope& operator=(const EmaScope&) = delete;
  ~EmaScope() {
    if (ema_ != nullptr) ema_->swap();
  }

 private:
  Ema* ema_;
};

}  // namespace jielong
