#include <memory>

#include "tensor/kernels/tables.h"
#include "tensor/ops/gradient_rows.h"
#include "tensor/ops/scan.h"

namespace jielong {
namespace {

/// Blocks of a selective scan whose shares of dL/dB and dL/dC one thread sums. Of the other
/// kinds it is a head's. Fixed, so that sums do not depend on the number of threads.
constexpr std::int64_t kSelectiveUnit = 4;

/// The backward pass of one scan. Chunk after chunk from the last row of each sequence: every
/// unit of blocks adds up over its channels what B and C get from them, then the units' sums
/// are added in order.
class ScanBackward {
 public:
  ScanBackward(ThreadPool& pool, Tape& tape, const ScanBlocks& blocks, const ScanBorders& borders,
               const Tensor& d_y)
      : pool_(pool),
        tape_(tape),
        blocks_(blocks),
        scan_(blocks.scan),
        borders_(borders),
        d_y_(d_y),
        selective_(scan_.kind == LinearScan::Kind::selective),
        unit_(selective_ ? kSelectiveUnit : scan_.blocks_a_head()),
        units_((scan_.blocks() + unit_ - 1) / unit_),
        size_(scan_.block_floats()) {
    d_x_ = added_gradient(pool, tape, blocks.inputs.x);
    d_step_ = added_gradient(pool, tape, blocks.inputs.step);
    d_b_ = added_gradient(pool, tape, blocks.inputs.b);
    d_c_ = added_gradient(pool, tape, blocks.inputs.c);
    if (blocks.inputs.gate) d_gate_ = added_gradient(pool, tape, blocks.inputs.gate);
    const auto threads = static_cast<std::size_t>(pool.size());
    const auto chunk = static_cast<std::size_t>(kScanChunk * size_);
    scratch_.resize(threads);
    for (Scratch& scratch : scratch_) {
      scratch.after.resize(chunk);
      scratch.factors.resize(
          std::max(chunk, static_cast<std::size_t>(2 * kScanChunk * kScanLanes)));
      scratch.b.resize(chunk);
      scratch.c.resize(chunk);
      scratch.step.resize(static_cast<std::size_t>(kScanChunk * kScanLanes));
      scratch.gate.resize(scratch.step.size());
    }
    const auto all = static_cast<std::size_t>(scan_.blocks());
    d_state_.resize(all * static_cast<std::size_t>(size_));
    d_decay_.resize(all * static_cast<std::size_t>(selective_ ? size_ : kScanLanes));
    d_skip_.resize(all * kScanLanes);
    shares_.resize(static_cast<std::size_t>(units_ * kScanChunk * 2 * scan_.states));
  }

  void run(std::span<const StateRows> sequences) {
    pool_.run([&](int thread, int threads) {
      const auto [first, last] = ThreadPool::slice(units_, 1, thread, threads);
      for (std::size_t s = 0; s < sequences.size(); ++s) {
        const StateRows& rows = sequences[s];
        const std::int64_t chunks = (rows.count + kScanChunk - 1) / kScanChunk;
        for (std::int64_t chunk = chunks - 1; chunk >= 0; --chunk) {
          const std::int64_t from = chunk * kScanChunk;
          const Chunk here{rows.first_row + from, std::min(kScanChunk, rows.count - from),
                           borders_.first[s] + chunk, chunk == chunks - 1};
          for (std::int64_t unit = first; unit < last; ++unit) {
            go_back(unit, here, scratch_[static_cast<std::size_t>(thread)]);
          }
          pool_.barrier();
          const auto [row, end] = ThreadPool::slice(here.rows, 1, thread, threads);
          for (std::int64_t i = row; i < end; ++i) add_shares(here.first_row, i);
          pool_.barrier();
        }
      }
    });
    add_parameters();
  }

 private:
  struct Chunk {
    std::int64_t first_row, rows, border;
    bool is_last;  ///< of its sequence: nothing comes back from later rows
  };
  /// What one thread works with.
  struct Scratch {
    std::vector<float> after, factors, b, c, step, gate;
  };

  void go_back(std::int64_t unit, const Chunk& chunk, Scratch& scratch) {
    const std::int64_t begin = unit * unit_, end = std::min(begin + unit_, scan_.blocks());
    for (auto* sums : {&scratch.b, &scratch.c, &scratch.step, &scratch.gate}) {
      std::fill(sums->begin(), sums->end(), 0.0f);
    }
    for (std::int64_t index = begin; index < end; ++index) {
      const std::int64_t channel = blocks_.first_channel(index);
      ScanGradient task;
      task.forward = blocks_.block(index, chunk.first_row, chunk.rows);
      task.border = borders_.states + (chunk.border * scan_.blocks() + index) * size_;
      task.d_y = d_y_.row(chunk.first_row) + channel;
      task.d_y_stride = d_y_.stride;
      task.after = scratch.after.data();
      task.factors = scratch.factors.data();
      task.d_state = d_state_.data() + index * size_;
      if (chunk.is_last) std::fill_n(task.d_state, size_, 0.0f);
      task.d_x = d_x_.row(chunk.first_row) + channel;
      task.d_x_stride = d_x_.stride;
      task.d_step = selective_ ? d_step_.row(chunk.first_row) + channel : scratch.step.data();
      task.d_step_stride = selective_ ? d_step_.stride : kScanLanes;
      task.d_gate = scratch.gate.data();
      task.d_b = scratch.b.data();
      task.d_c = scratch.c.data();
      task.d_decay = d_decay_.data() + index * (selective_ ? size_ : kScanLanes);
      task.d_skip = d_skip_.data() + index * kScanLanes;
      kernel()(task);
    }
    const ScanKernels& kernels = *float_kernels().scan;
    const std::int64_t states = scan_.states, head = blocks_.head(begin);
    for (std::int64_t i = 0; i < chunk.rows; ++i) {
      float* share = share_of(unit, i);
      kernels.sum_lanes(scratch.b.data() + i * size_, share, states);
      kernels.sum_lanes(scratch.c.data() + i * size_, share + states, states);
      if (selective_) continue;
      float sum = 0;
      kernels.sum_lanes(scratch.step.data() + i * kScanLanes, &sum, 1);
      d_step_.row(chunk.first_row + i)[head] += sum;
      if (!d_gate_) continue;
      kernels.sum_lanes(scratch.gate.data() + i * kScanLanes, &sum, 1);
      d_gate_.row(chunk.first_row + i)[head] += sum;
    }
  }

  /// The units' shares of one row's dL/dB and dL/dC.
  void add_shares(std::int64_t first_row, std::int64_t i) {
    const std::int64_t states = scan_.states;
    for (std::int64_t unit = 0; unit < units_; ++unit) {
      const std::int64_t at = blocks_.group(unit * unit_) * states;
      const float* share = share_of(unit, i);
      vectors().add_scaled(1.0f, share, d_b_.row(first_row + i) + at, states);
      vectors().add_scaled(1.0f, share + states, d_c_.row(first_row + i) + at, states);
    }
  }

  void add_parameters() {
    float* decay = tape_.sum(scan_.decay);
    float* skip = scan_.skip ? tape_.sum(scan_.skip) : nullptr;
    for (std::int64_t index = 0; index < scan_.blocks(); ++index) {
      const std::int64_t channel = blocks_.first_channel(index), head = blocks_.head(index);
      for (std::int64_t i = 0; i < blocks_.width(index); ++i) {
        if (skip != nullptr) skip[selective_ ? channel + i : head] += d_skip_[at(index, i)];
        if (decay == nullptr) continue;
        if (!selective_) {
          decay[head] += d_decay_[at(index, i)];
          continue;
        }
        for (std::int64_t n = 0; n < scan_.states; ++n) {
          decay[(channel + i) * scan_.states + n] += d_decay_[at(index * scan_.states + n, i)];
        }
      }
    }
  }

  static std::size_t at(std::int64_t block, std::int64_t lane) {
    return static_cast<std::size_t>(block * kScanLanes + lane);
  }
  float* share_of(std::int64_t unit, std::int64_t row) {
    return shares_.data() + (unit * kScanChunk + row) * 2 * scan_.states;
  }
  using Kernel = void (*)(const ScanGradient&);
  Kernel kernel() const {
    const ScanKernels& kernels = *float_kernels().scan;
    switch (scan_.kind) {
      case LinearScan::Kind::selective: return kernels.selective_backward;
      case LinearScan::Kind::shared: return kernels.shared_backward;
      default: return kernels.delta_backward;
    }
  }

  ThreadPool& pool_;
  Tape& tape_;
  const ScanBlocks& blocks_;
  const LinearScan& scan_;
  const ScanBorders& borders_;
  const Tensor d_y_;
  const bool selective_;
  const std::int64_t unit_, units_, size_;  ///< size_: floats of a block's state
  Tensor d_x_, d_step_, d_b_, d_c_, d_gate_;
  std::vector<Scratch> scratch_;
  std::vector<float> d_state_;  ///< (blocks, states, 16)
  std::vector<float> d_decay_;  ///< (blocks, states, 16), or (blocks, 16)
  std::vector<float> d_skip_;   ///< (blocks, 16)
  std::vector<float> shares_;   ///< (units, kScanChunk, 2 · states)
};

}  // namespace

void linear_scan_backward(ThreadPool& pool, Tape& tape, const ScanBlocks& blocks,
                          std::span<const StateRows> sequences, const ScanBorders& borders,
                          const Tensor& y) {
  const Tensor d_y = given_gradient(tape, y);
  if (!d_y) return;
  ScanBackward(pool, tape, blocks, borders, d_y).run(sequences);
}

}  // namespace jielong
