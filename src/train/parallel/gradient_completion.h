#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "tensor/parameters.h"
#include "tensor/pass.h"
#include "tensor/tape.h"

namespace jielong {

/// Tells during a backward pass which parameters it has left behind, so that their gradients may
/// travel while it goes on.
///
/// It watches one recorded pass forward: projections show the names of their weights, and each
/// residual sublayer its output, where a mark is put on the tape. When the backward pass comes to a
/// mark, everything that was first used behind it is complete. What a pass uses without showing its
/// name (embeddings, gains) is never told of.
class GradientCompletion {
 public:
  /// @param complete called on the thread that runs Tape::backward()
  GradientCompletion(Parameters& parameters, Tape& tape, std::function<void(Parameter&)> complete);
  GradientCompletion(const GradientCompletion&) = delete;
  GradientCompletion& operator=(const GradientCompletion&) = delete;

  /// For the pass to be watched.
  const Tap* tap() const { return &tap_; }

 private:
  void see(std::string_view name);
  void pass_mark(std::size_t mark);

  Parameters& parameters_;
  Tape& tape_;
  std::function<void(Parameter&)> complete_;
  Tap tap_;
  std::unordered_set<const Parameter*> seen_;
  std::vector<std::vector<Parameter*>> stretches_;  ///< what was first used behind each mark
  bool forward_ = true;  ///< blocks that run again while going back are not to be watched
};

}  // namespace jielong
