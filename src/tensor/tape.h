#pragma once

#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "tensor/buffer_pool.h"
#include "tensor/parameters.h"
#include "tensor/tensor.h"
#include "tensor/weight.h"

namespace jielong {

/// Reverse-mode differentiation: an op that runs in a pass with a tape (Pass::tape()) records the
/// step that carries gradients from its outputs to its inputs; backward() runs the steps from the
/// last to the first.
///
/// A value is known by the address of its first element, so a recorded op writes every output to
/// fresh memory of the arena and never changes a value in place. (Of a tensor and its first columns
/// only one may be used as a value.) Weights' gradients are summed directly into Parameters.
///
/// A tape serves pass after pass and keeps its memory in between. Steps may refer to the pass they
/// were recorded in, and take scratch memory from its arena within an ArenaScope.
class Tape {
 public:
  explicit Tape(Parameters& parameters)
      : parameters_(parameters), buffers_(std::make_shared<BufferPool>()) {}
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;
  ~Tape() { forget(); }

  /// A tape of its own for a step of this one, in the same memory: for checkpointing.
  std::unique_ptr<Tape> nested();

  Parameters& parameters() { return parameters_; }

  /// Adds a step. It may keep Tensors by value: the arena keeps what they show until the pass ends.
  void record(std::function<void()> step);

  /// Where a step sums dL/dvalue, (rows, channels), rows side by side. `first`: nobody has written
  /// yet and the memory is not initialised, so every element must be written, not added to.
  struct Sum {
    Tensor tensor;
    bool first;
  };
  Sum sum(const Tensor& value);

  /// dL/dvalue for the step of the op that made `value`: complete, because everything that reads
  /// `value` came later. Null when nothing of the loss depends on it; then the step has nothing to
  /// do. Its memory is given back when the step that asked for it returns.
  Tensor gradient(const Tensor& value) const;

  /// Where a step adds a weight's gradient, laid out like its values; null when it is frozen or
  /// absent.
  float* sum(const Weight& weight) const;
  /// The same for a step that can write the whole gradient instead of adding to it.
  Parameters::Claim claim(const Weight& weight) const;
  float* sum(const WeightVector& vector) const;

  /// Runs all steps in reverse and forgets them. What they start from must have been written
  /// through sum(): losses do so when they are recorded. Gradients of values that no step made can
  /// be asked for until the next step is recorded.
  void backward();

  /// Calls visit(first element, gradient) for each gradient that is left after backward().
  void for_leaves(const std::function<void(const float*, const Tensor&)>& visit) const;

  /// Forgets steps and gradients, as after a pass that failed.
  void forget();

  /// Most bytes that gradients of values took at one time.
  std::size_t peak_bytes() const { return buffers_->peak_bytes(); }

 private:
  Tape(Parameters& parameters, std::shared_ptr<BufferPool> buffers)
      : parameters_(parameters), buffers_(std::move(buffers)) {}
  void begin();

  Parameters& parameters_;
  std::shared_ptr<BufferPool> buffers_;
  std::vector<std::function<void()>> steps_;
  std::unordered_map<const float*, Tensor> gradients_;
  mutable std::vector<const float*>
      consumed_;  ///< values whose gradient the running step has asked for
  bool running_ = false, done_ = false;
};

}  // namespace jielong
