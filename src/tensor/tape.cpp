#include "tensor/tape.h"

namespace jielong {

std::unique_ptr<Tape> Tape::nested() {
  return std::unique_ptr<Tape>(new Tape(parameters_, buffers_));
}

/// What the last backward() left ends when something new begins: the arena hands out the same
/// addresses again.
void Tape::begin() {
  if (!done_) return;
  forget();
}

void Tape::record(std::function<void()> step) {
  begin();
  steps_.push_back(std::move(step));
}

Tape::Sum Tape::sum(const Tensor& value) {
  begin();
  const auto [place, is_new] = gradients_.try_emplace(value.data);
  if (is_new) {
    place->second = {buffers_->take(value.rows * value.channels), value.rows, value.channels,
                     value.channels};
  }
  return {place->second, is_new};
}

Tensor Tape::gradient(const Tensor& value) const {
  const auto found = gradients_.find(value.data);
  if (found == gradients_.end()) return {};
  if (running_) consumed_.push_back(value.data);
  return found->second;
}

float* Tape::sum(const Weight& weight) const {
  const float* values = weight.plain();
  return values == nullptr ? nullptr : parameters_.gradient_at(values);
}

Parameters::Claim Tape::claim(const Weight& weight) const {
  const float* values = weight.plain();
  if (values == nullptr) return {nullptr, false};
  return parameters_.claim_gradient(values, weight.out * weight.in);
}

float* Tape::sum(const WeightVector& vector) const {
  return vector ? parameters_.gradient_at(vector.data()) : nullptr;
}

void Tape::backward() {
  running_ = true;
  while (!steps_.empty()) {
    steps_.back()();
    steps_.pop_back();
    for (const float* value : consumed_) {
      const auto found = gradients_.find(value);
      if (found == gradients_.end()) continue;  // asked for twice
      buffers_->give_back(found->second.data);
      gradients_.erase(found);
    }
    consumed_.clear();
  }
  running_ = false;
  done_ = true;
}

void Tape::for_leaves(const std::function<void(const float*, const Tensor&)>& visit) const {
  for (const auto& [value, gradient] : gradients_) visit(value, gradient);
}

void Tape::forget() {
  for (const auto& [value, gradient] : gradients_) buffers_->give_back(gradient.data);
  gradients_.clear();
  steps_.clear();
  consumed_.clear();
  running_ = done_ = false;
}

}  // namespace jielong
