#include "tensor/ops/scan.h"

#include "tensor/kernels/tables.h"
#include "tensor/tape.h"

namespace jielong {
namespace {

std::int64_t chunks_of(std::int64_t rows) { return (rows + kScanChunk - 1) / kScanChunk; }

void lay_out_block(const LinearScan& scan, std::int64_t block, float* out) {
  const std::int64_t first = block * kScanLanes;
  for (std::int64_t n = 0; n < scan.states; ++n) {
    for (std::int64_t i = 0; i < kScanLanes; ++i) {
      const std::int64_t channel = first + i;
      out[n * kScanLanes + i] =
          channel < scan.head_channels ? scan.decay.data()[channel * scan.states + n] : 0;
    }
  }
}

auto kernel_of(LinearScan::Kind kind) {
  const ScanKernels& kernels = *float_kernels().scan;
  switch (kind) {
    case LinearScan::Kind::selective: return kernels.selective;
    case LinearScan::Kind::shared: return kernels.shared;
    default: return kernels.delta;
  }
}

}  // namespace

std::vector<float> LinearScan::laid_out_decay() const {
  std::vector<float> result;
  if (kind != Kind::selective) return result;
  result.resize(static_cast<std::size_t>(blocks() * block_floats()));
  for (std::int64_t b = 0; b < blocks(); ++b) {
    lay_out_block(*this, b, result.data() + b * block_floats());
  }
  return result;
}

ScanBlock ScanBlocks::block(std::int64_t index, std::int64_t first_row, std::int64_t rows) const {
  const std::int64_t channel = first_channel(index), h = head(index), g = group(index);
  const bool selective = scan.kind == LinearScan::Kind::selective;
  ScanBlock block;
  block.rows = rows;
  block.width = width(index);
  block.states = scan.states;
  block.x = inputs.x.row(first_row) + channel;
  block.x_stride = inputs.x.stride;
  block.step = inputs.step.row(first_row) + (selective ? channel : h);
  block.step_stride = inputs.step.stride;
  if (inputs.gate) {
    block.gate = inputs.gate.row(first_row) + h;
    block.gate_stride = inputs.gate.stride;
  }
  block.b = inputs.b.row(first_row) + g * scan.states;
  block.b_stride = inputs.b.stride;
  block.c = inputs.c.row(first_row) + g * scan.states;
  block.c_stride = inputs.c.stride;
  block.decay = selective ? decay.data() + index * scan.block_floats() : scan.decay.data() + h;
  if (scan.skip) block.skip = scan.skip.data() + (selective ? channel : h);
  block.b_scale = scan.b_scale;
  block.c_scale = scan.c_scale;
  return block;
}

Tensor linear_scan(Pass& pass, const LinearScan& scan, std::span<const float> decay,
                   std::span<const StateRows> sequences, const ScanInputs& inputs,
                   std::int64_t state_offset) {
  const bool selective = scan.kind == LinearScan::Kind::selective;
  const std::int64_t size = scan.block_floats(), total = scan.blocks();
  const auto count = static_cast<std::int64_t>(sequences.size());
  const Tensor y = pass.empty(inputs.x.rows, scan.channels());
  const bool lay_out = selective && decay.empty();
  float* own_decay = lay_out ? pass.arena().floats(total * size) : nullptr;
  if (lay_out) decay = {own_decay, static_cast<std::size_t>(total * size)};
  const ScanBlocks blocks{scan, decay, inputs};

  Tape* tape = pass.tape();
  ScanBorders borders;
  if (tape != nullptr) {
    std::int64_t all = 0;
    for (const StateRows& rows : sequences) {
      borders.first.push_back(all);
      all += chunks_of(rows.count);
    }
    borders.states = pass.arena().floats(all * total * size);
  }
  // States of sequences that nobody continues, one a thread.
  float* fresh = pass.arena().floats(pass.pool().size() * size);
  pass.pool().run([&](int thread, int threads) {
    const auto [begin, end] = ThreadPool::slice(total, 1, thread, threads);
    float* own = fresh + thread * size;
    for (std::int64_t index = begin; index < end; ++index) {
      if (lay_out) lay_out_block(scan, index, own_decay + index * size);
      for (std::int64_t s = 0; s < count; ++s) {
        const StateRows& rows = sequences[static_cast<std::size_t>(s)];
        ScanBlock block = blocks.block(index, rows.first_row, rows.count);
        block.y = y.row(rows.first_row) + blocks.first_channel(index);
        block.y_stride = y.stride;
        block.state = own;
        if (rows.state != nullptr) {
          block.state = rows.state + state_offset + index * size;
        } else {
          std::fill_n(own, size, 0.0f);
        }
        if (tape != nullptr) {
          block.border_stride = total * size;
          block.borders =
              borders.states + (borders.first[static_cast<std::size_t>(s)] * total + index) * size;
        }
        kernel_of(scan.kind)(block);
      }
    }
  });
  if (tape != nullptr) {
    tape->record([tape, &pool = pass.pool(), blocks, borders, y,
                  kept = std::vector(sequences.begin(), sequences.end())] {
      linear_scan_backward(pool, *tape, blocks, kept, borders, y);
    });
  }
  return y;
}

}  // namespace jielong
