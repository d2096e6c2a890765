#pragma once

#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "base/thread_pool.h"
#include "tensor/arena.h"
#include "tensor/gemm.h"
#include "tensor/matmul.h"
#include "tensor/tensor.h"

namespace jielong {

class Tape;

/// Watches named values as they flow through a pass: "<weight>.in" and "<weight>.out" of
/// every projection, and the outputs of norms and sublayers. The visitor may change the
/// values in place; what follows computes with the changed ones.
using Tap = std::function<void(std::string_view name, Tensor value)>;

/// Memory that passes use again and again: activations and each thread's scratch.
class Workspace {
 public:
  explicit Workspace(ThreadPool& pool)
      : pool_(pool), scratch_(static_cast<std::size_t>(pool.size())) {}

  ThreadPool& pool() { return pool_; }
  Arena& arena() { return arena_; }

  /// What one thread needs to prepare the rows of a projection by itself.
  struct Scratch {
    std::vector<float> normed;
    RowBuffer rows[3];  ///< by RowFormat
  };
  Scratch& scratch(int thread) { return scratch_[static_cast<std::size_t>(thread)]; }

  /// Rows that all threads prepare together, by RowFormat.
  RowBuffer& shared_rows(RowFormat format) { return shared_[static_cast<std::size_t>(format)]; }

 private:
  ThreadPool& pool_;
  Arena arena_;
  std::vector<Scratch> scratch_;
  RowBuffer shared_[3];
};

/// One pass of tokens through f_θ: what every op and layer needs to know. Ops fuse steps
/// and overwrite buffers only in a pass that nobody observes, and give the same bytes
/// either way.
///
/// A pass with a tape trains: ops record their backward steps, which use the pass, so it must
/// outlive Tape::backward(). Nothing is changed in place then and nothing given back before its
/// end.
class Pass {
 public:
  explicit Pass(Workspace& workspace, const Tap* tap = nullptr, Tape* tape = nullptr,
                Precision precision = Precision::f32)
      : workspace_(workspace), tap_(tap), tape_(tape), precision_(precision) {}

  ThreadPool& pool() const { return workspace_.pool(); }
  Workspace& workspace() const { return workspace_; }
  Arena& arena() const { return workspace_.arena(); }
  /// Where ops record their backward steps; null unless the pass trains.
  Tape* tape() const { return tape_; }
  /// Of products with weights that are not packed.
  Precision precision() const { return precision_; }

  Tensor empty(std::int64_t rows, std::int64_t channels) const {
    return {arena().floats(rows * channels), rows, channels, channels};
  }

  /// Whether intermediate values must exist as tensors, because a tap wants to see them or a
  /// tape comes back to them.
  bool observed() const { return tap_ != nullptr || tape_ != nullptr; }
  void visit(std::string_view name, Tensor value) const {
    if (tap_ != nullptr) (*tap_)(name, value);
  }
  /// visit() under `name` + `suffix`, the text made only when somebody watches.
  void visit(std::string_view name, std::string_view suffix, Tensor value) const;

 private:
  Workspace& workspace_;
  const Tap* tap_;
  Tape* tape_;
  Precision precision_;
};

/// Gives back at the end of a scope what a pass took from the arena in it, unless a tape comes back
/// to that.
class PassScope {
 public:
  explicit PassScope(const Pass& pass) {
    if (pass.tape() == nullptr) scope_.emplace(pass.arena());
  }

 private:
  std::optional<ArenaScope> scope_;
};

}  // namespace jielong
