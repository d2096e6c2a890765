#pragma once

#include <optional>

#include "model/layers/recurrent.h"
#include "tensor/ops/conv.h"
#include "tensor/ops/project.h"
#include "tensor/ops/scan.h"

namespace jielong {

/// Mamba-2 (Dao and Gu, 2024): heads with one decay each, whose x, B and C are projected and
/// convolved alike, and groups of heads that share B and C.
class Mamba2 : public Recurrent {
 public:
  Linear in_z, in_x;  ///< (inner, channels)
  Linear in_b, in_c;  ///< (groups · states, channels)
  Linear in_step;     ///< (heads, channels) and its bias
  CausalConv conv_x, conv_b, conv_c;
  LinearScan scan;
  std::optional<Norm> norm;  ///< of each group's channels, after the gate
  WeightVector gain;         ///< (inner) its gain when there are several groups
  Linear output;             ///< (channels, inner)

  Tensor forward(ModelPass& pass, const Input& input) const override;
  Tensor forward_add(ModelPass& pass, const Input& input, const Tensor& sum) const override;
  std::vector<Weight*> matrices() override;
  std::int64_t state_floats() const override {
    return conv_x.state_floats() + conv_b.state_floats() + conv_c.state_floats() +
           scan.state_floats();
  }

 private:
  Tensor mix(ModelPass& pass, const Input& input) const;
};

}  // namespace jielong
