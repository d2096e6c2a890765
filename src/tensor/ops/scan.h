#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "tensor/kernels/scan_kernels.h"
#include "tensor/ops/state_rows.h"
#include "tensor/pass.h"
#include "tensor/weight.h"

namespace jielong {

/// A recurrence that runs through a sequence in linear time and remembers a state of constant
/// size. One of three; h and S below are a head's (states, head_channels):
///
/// - selective (Mamba, Gu and Dao 2023), one head, Δ and A for each channel:
///   h_t = exp(Δ_t A) h_{t−1} + Δ_t x_t B_t,  y_t = Σ_n C_t h_t + D x_t
/// - shared (Mamba-2, Dao and Gu 2024): the same with one Δ, A and D for a head
/// - delta (gated DeltaNet, Yang et al. 2024), with B = k and C = q:
///   S_t = exp(Δ_t A) S_{t−1},  S_t += k_t β_t (v_t − S_tᵀk_t)ᵀ,  y_t = S_tᵀq_t
///
/// Rows are computed one after another whether there are thousands or one, so prefill, chunked
/// prefill, decoding and training give a row the same bytes.
struct LinearScan {
  enum class Kind : std::uint8_t { selective, shared, delta };

  Kind kind = Kind::selective;
  std::int64_t heads = 1;          ///< 1 when selective
  std::int64_t head_channels = 0;  ///< all channels when selective
  std::int64_t states = 0;         ///< of a channel; channels of a key for delta
  std::int64_t groups = 1;         ///< of heads that share B and C, in order
  float b_scale = 1, c_scale = 1;  ///< multiply k and q; delta only
  WeightVector decay;              ///< A ≤ 0: (channels, states) when selective, else (heads)
  WeightVector skip;               ///< D: (channels) when selective, else (heads); may be absent

  std::int64_t channels() const { return heads * head_channels; }
  std::int64_t blocks_a_head() const { return (head_channels + kScanLanes - 1) / kScanLanes; }
  std::int64_t blocks() const { return heads * blocks_a_head(); }
  std::int64_t block_floats() const { return states * kScanLanes; }
  /// Floats that a sequence's state takes.
  std::int64_t state_floats() const { return blocks() * block_floats(); }

  /// A where the kernels want it: (blocks, states, 16) when selective, else nothing. Kept by
  /// who knows that `decay` will not change.
  std::vector<float> laid_out_decay() const;
};

struct ScanInputs {
  Tensor x;     ///< (rows, channels)
  Tensor step;  ///< Δ ≥ 0: (rows, channels) when selective, else (rows, heads)
  Tensor b, c;  ///< (rows, groups · states)
  Tensor gate;  ///< β: (rows, heads), delta only
};

/// y (rows, channels), a new tensor.
/// @param decay         scan.laid_out_decay(), or empty to make it on the way
/// @param state_offset  of the scan's part in a sequence's state
Tensor linear_scan(Pass& pass, const LinearScan& scan, std::span<const float> decay,
                   std::span<const StateRows> sequences, const ScanInputs& inputs,
                   std::int64_t state_offset);

/// How the two directions of a scan find a block's part of everything.
struct ScanBlocks {
  const LinearScan& scan;
  std::span<const float> decay;  ///< (blocks, states, 16) when selective
  ScanInputs inputs;

  /// Block `index` over some rows; without state, y and borders.
  ScanBlock block(std::int64_t index, std::int64_t first_row, std::int64_t rows) const;
  std::int64_t head(std::int64_t index) const { return index / scan.blocks_a_head(); }
  std::int64_t first_channel(std::int64_t index) const {
    return head(index) * scan.head_channels + index % scan.blocks_a_head() * kScanLanes;
  }
  std::int64_t group(std::int64_t index) const { return head(index) * scan.groups / scan.heads; }
  std::int64_t width(std::int64_t index) const {
    return std::min(kScanLanes, scan.head_channels - index % scan.blocks_a_head() * kScanLanes);
  }
};

/// What a recorded scan keeps: the states before every kScanChunk-th row of each sequence.
struct ScanBorders {
  std::vector<std::int64_t> first;  ///< each sequence's first border
  float* states = nullptr;          ///< (borders, blocks, states, 16)
};

/// The way back; gradients are added to.
void linear_scan_backward(ThreadPool& pool, Tape& tape, const ScanBlocks& blocks,
                          std::span<const StateRows> sequences, const ScanBorders& borders,
                          const Tensor& y);

}  // namespace jielong
