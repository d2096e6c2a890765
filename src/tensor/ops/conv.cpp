#include "tensor/ops/conv.h"

#include <algorithm>
#include <vector>

#include "tensor/kernels/tables.h"
#include "tensor/ops/gradient_rows.h"

namespace jielong {
namespace {

std::int64_t blocks_of(std::int64_t channels) { return (channels + kScanLanes - 1) / kScanLanes; }

/// `conv` over the rows of one sequence, for the channels of block `b`; without a state.
ConvBlock block_of(const CausalConv& conv, const Tensor& x, const StateRows& rows, std::int64_t b) {
  const std::int64_t first = b * kScanLanes;
  ConvBlock block;
  block.rows = rows.count;
  block.width = std::min(kScanLanes, conv.channels - first);
  block.taps = conv.taps;
  block.x = x.row(rows.first_row) + first;
  block.x_stride = x.stride;
  block.weight = conv.weight.data() + first * conv.taps;
  if (conv.bias) block.bias = conv.bias.data() + first;
  return block;
}

/// Blocks of several convolutions counted through: calls body(part, block).
template <typename Body>
void for_blocks(std::span<const Convolution> parts, std::int64_t begin, std::int64_t end,
                const Body& body) {
  std::int64_t first = 0;
  for (const Convolution& part : parts) {
    const std::int64_t blocks = blocks_of(part.conv->channels);
    const std::int64_t last = std::min(end - first, blocks);
    for (std::int64_t b = std::max<std::int64_t>(begin - first, 0); b < last; ++b) body(part, b);
    first += blocks;
  }
}

std::int64_t total_blocks(std::span<const Convolution> parts) {
  std::int64_t total = 0;
  for (const Convolution& part : parts) total += blocks_of(part.conv->channels);
  return total;
}

void convolve_backward(ThreadPool& pool, Tape& tape, std::span<const StateRows> sequences,
                       const Convolution& part) {
  const CausalConv& conv = *part.conv;
  const Tensor d_y = given_gradient(tape, part.y);
  if (!d_y) return;
  const Tensor d_x = added_gradient(pool, tape, part.x);
  float* d_weight = tape.sum(conv.weight);
  float* d_bias = conv.bias ? tape.sum(conv.bias) : nullptr;
  pool.for_range(blocks_of(conv.channels), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t b = begin; b < end; ++b) {
      const std::int64_t first = b * kScanLanes;
      float weight_sums[4 * kScanLanes] = {}, bias_sums[kScanLanes] = {};
      ConvGradient task;
      for (const StateRows& rows : sequences) {
        task.forward = block_of(conv, part.x, rows, b);
        task.d_y = d_y.row(rows.first_row) + first;
        task.d_y_stride = d_y.stride;
        task.d_x = d_x.row(rows.first_row) + first;
        task.d_x_stride = d_x.stride;
        task.d_weight = weight_sums;
        task.d_bias = bias_sums;
        float_kernels().scan->conv_backward(task);
      }
      for (std::int64_t i = 0; i < task.forward.width; ++i) {
        for (std::int64_t k = 0; k < conv.taps && d_weight != nullptr; ++k) {
          d_weight[(first + i) * conv.taps + k] += weight_sums[k * kScanLanes + i];
        }
        if (d_bias != nullptr) d_bias[first + i] += bias_sums[i];
      }
    }
  });
}

}  // namespace

void convolve(Pass& pass, std::span<const StateRows> sequences,
              std::span<const Convolution> parts) {
  const auto count = static_cast<std::int64_t>(sequences.size());
  pass.pool().for_range(total_blocks(parts), 1, [&](std::int64_t begin, std::int64_t end) {
    for_blocks(parts, begin, end, [&](const Convolution& part, std::int64_t b) {
      const std::int64_t first = b * kScanLanes;
      for (std::int64_t s = 0; s < count; ++s) {
        const StateRows& rows = sequences[static_cast<std::size_t>(s)];
        ConvBlock block = block_of(*part.conv, part.x, rows, b);
        block.y = part.y.row(rows.first_row) + first;
        block.y_stride = part.y.stride;
        if (rows.state != nullptr) {
          block.state = rows.state + part.state_offset + first;
          block.state_stride = part.conv->channels;
        }
        float_kernels().scan->conv(block);
      }
    });
  });
  for (const Convolution& part : parts) pass.visit(part.conv->weight.name, ".out", part.y);
  if (Tape* tape = pass.tape()) {
    tape->record([tape, &pool = pass.pool(), kept = std::vector(sequences.begin(), sequences.end()),
                  each = std::vector(parts.begin(), parts.end())] {
      for (const Convolution& part : each) convolve_backward(pool, *tape, kept, part);
    });
  }
}

}  // namespace jielong
