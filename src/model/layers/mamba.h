#pragma once

#include <optional>

#include "model/layers/recurrent.h"
#include "tensor/ops/conv.h"
#include "tensor/ops/project.h"
#include "tensor/ops/scan.h"

namespace jielong {

/// Mamba (Gu and Dao, 2023): the layer that lets each token choose what to remember and what
/// to forget. x and z are projected side by side, x is convolved over the last few tokens and
/// scanned with a step Δ, inputs B and outputs C that it chooses itself, z gates the result.
class Mamba : public Recurrent {
 public:
  Linear in_x, in_z;                              ///< (inner, channels)
  CausalConv conv;                                ///< of x
  Linear choose_step;                             ///< (rank, inner)
  Linear choose_b, choose_c;                      ///< (states, inner)
  std::optional<Norm> step_norm, b_norm, c_norm;  ///< Jamba, Falcon Mamba
  Linear step;                                    ///< (inner, rank) and its bias
  LinearScan scan;
  Linear output;  ///< (channels, inner)

  Tensor forward(ModelPass& pass, const Input& input) const override;
  Tensor forward_add(ModelPass& pass, const Input& input, const Tensor& sum) const override;
  std::vector<Weight*> matrices() override;
  void freeze() override { decay_ = scan.laid_out_decay(); }
  std::int64_t state_floats() const override { return conv.state_floats() + scan.state_floats(); }

 private:
  Tensor mix(ModelPass& pass, const Input& input) const;

  std::vector<float> decay_;
};

}  // namespace jielong
