#include "model/layers/mamba2.h"

#include "tensor/ops/scale_channels.h"
#include "tensor/ops/squash.h"

namespace jielong {

Tensor Mamba2::mix(ModelPass& model_pass, const Input& input) const {
  Pass& pass = model_pass.pass;
  const std::vector<StateRows> sequences = state_rows(model_pass);
  const auto make = [&](const Linear& linear) {
    return Projection{&linear, pass.empty(input.x.rows, linear.weight.out)};
  };
  const Projection in[] = {make(in_z), make(in_x), make(in_b), make(in_c), make(in_step)};
  project(pass, input.norm, input.x, in);

  const CausalConv* const convs[] = {&conv_x, &conv_b, &conv_c};
  Convolution parts[3];
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    parts[i] = {convs[i], in[i + 1].y, pass.empty(input.x.rows, convs[i]->channels), offset};
    offset += convs[i]->state_floats();
  }
  convolve(pass, sequences, parts);
  const ScanInputs inputs{
      parts[0].y, squash(pass, Squash::softplus, in[4].y), parts[1].y, parts[2].y, {}};
  const Tensor y =
      gate(pass, Squash::silu, in[0].y, linear_scan(pass, scan, {}, sequences, inputs, offset));
  if (!norm) return y;
  const Tensor normed = normalize(pass, *norm, y, scan.groups);
  return gain ? scale_channels(pass, gain, normed) : normed;
}

Tensor Mamba2::forward(ModelPass& pass, const Input& input) const {
  return project(pass.pass, nullptr, mix(pass, input), output);
}

Tensor Mamba2::forward_add(ModelPass& pass, const Input& input, const Tensor& sum) const {
  return project_add(pass.pass, mix(pass, input), output, sum);
}

std::vector<Weight*> Mamba2::matrices() {
  return {&in_z.weight, &in_x.weight, &in_b.weight, &in_c.weight, &in_step.weight, &output.weight};
}

}  // namespace jielong
