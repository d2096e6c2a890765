#include "train/ema.h"

#include <algorithm>

#include "base/error.h"
#include "tensor/update.h"

namespace jielong {
namespace {

constexpr std::int64_t kGrain = 4096;

}  // namespace

Ema::Ema(ThreadPool& pool, std::span<Parameter* const> parameters, double decay)
    : pool_(pool),
      parameters_(parameters.begin(), parameters.end()),
      rate_(static_cast<float>(1 - decay)) {
  if (!(decay > 0 && decay < 1)) {
    throw bad_input("the decay must lie between 0 and 1", "moving average",
                    "0.999 remembers about the last thousand steps");
  }
  for (const Parameter* parameter : parameters_) {
    const auto count = static_cast<std::size_t>(parameter->count());
    averages_.push_back(std::make_unique_for_overwrite<float[]>(count));
    std::copy_n(parameter->values, count, averages_.back().get());
  }
}

void Ema::update() {
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const float* theta = parameters_[i]->values;
    float* average = averages_[i].get();
    pool_.for_range(parameters_[i]->count(), kGrain, [&](std::int64_t begin, std::int64_t end) {
      update_vectors().blend(rate_, theta + begin, average + begin, end - begin);
    });
  }
}

void Ema::swap() {
  // Values and not pointers: weights of the model are views of the values' memory.
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    float* theta = parameters_[i]->values;
    float* average = averages_[i].get();
    pool_.for_range(parameters_[i]->count(), kGrain, [&](std::int64_t begin, std::int64_t end) {
      std::swap_ranges(theta + begin, theta + end, average + begin);
    });
  }
}

}  // namespace jielong
