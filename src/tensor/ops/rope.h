#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tensor/pass.h"
#include "tensor/vector.h"

namespace jielong {

/// Rotary position embedding (Su et al., 2021) with its long-context variants.
struct Rope {
  RopePairs pairs = RopePairs::halves;
  std::int64_t channels = 0;       ///< rotated channels of a head; the rest pass through
  std::vector<float> frequencies;  ///< (channels / 2), radians a position
  float magnitude = 1;  ///< multiplies cosine and sine (YaRN's and LongRoPE's attention factor)
};

/// How the plain frequencies are stretched for contexts longer than those trained on.
struct RopeScaling {
  enum class Kind : std::uint8_t { none, linear, llama3, yarn, factors };
  Kind kind = Kind::none;
  float factor = 1;
  float original_context = 0;
  float low_frequency_factor = 1, high_frequency_factor = 4;  ///< llama3
  float beta_fast = 32, beta_slow = 1;                        ///< yarn
  float attention_factor = 0;       ///< magnitude; 0: what the kind implies
  std::vector<float> factors;       ///< one divisor a frequency: LongRoPE, or precomputed llama3
  std::vector<float> long_factors;  ///< LongRoPE beyond the original context
};

/// Throws Error(bad_input) when the scaling's numbers make no sense.
Rope make_rope(RopePairs pairs, std::int64_t channels, float base, const RopeScaling& scaling);

/// Cosines and sines for the rows of one pass.
struct RopeTable {
  std::int64_t pairs = 0;
  std::vector<float> cosine, sine;  ///< (rows, pairs)
};
RopeTable rope_table(Pass& pass, const Rope& rope, std::span<const std::int64_t> positions);

/// Rotates all heads of one row in place: x is (heads, head_channels).
void rotate_row(const Rope& rope, const RopeTable& table, std::int64_t row, float* x,
                std::int64_t heads, std::int64_t head_channels);

/// All heads of all rows rotated, x (rows, heads · head channels): in place of x, or a new tensor
/// when a tape records. The table must outlive Tape::backward().
Tensor rotate(Pass& pass, const Rope& rope, const RopeTable& table, const Tensor& x,
              std::int64_t heads);

}  // namespace jielong
