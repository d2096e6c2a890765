#include "model/layers/mamba.h"

#include "tensor/ops/squash.h"

namespace jielong {

Tensor Mamba::mix(ModelPass& model_pass, const Input& input) const {
  Pass& pass = model_pass.pass;
  const std::vector<StateRows> sequences = state_rows(model_pass);
  const auto make = [&](const Linear& linear) {
    return Projection{&linear, pass.empty(input.x.rows, linear.weight.out)};
  };
  const Projection in[] = {make(in_x), make(in_z)};
  project(pass, input.norm, input.x, in);
  const Tensor x = pass.empty(input.x.rows, conv.channels);
  const Convolution convolution{&conv, in[0].y, x, 0};
  convolve(pass, sequences, {&convolution, 1});

  const Projection chosen[] = {make(choose_step), make(choose_b), make(choose_c)};
  project(pass, nullptr, x, chosen);
  const auto normed = [&](const std::optional<Norm>& norm, const Tensor& value) {
    return norm ? normalize(pass, *norm, value) : value;
  };
  const Tensor steps =
      squash(pass, Squash::softplus, project(pass, nullptr, normed(step_norm, chosen[0].y), step));
  const ScanInputs inputs{x, steps, normed(b_norm, chosen[1].y), normed(c_norm, chosen[2].y), {}};
  const Tensor y = linear_scan(pass, scan, decay_, sequences, inputs, conv.state_floats());
  return gate(pass, Squash::silu, in[1].y, y);
}

Tensor Mamba::forward(ModelPass& pass, const Input& input) const {
  return project(pass.pass, nullptr, mix(pass, input), output);
}

Tensor Mamba::forward_add(ModelPass& pass, const Input& input, const Tensor& sum) const {
  return project_add(pass.pass, mix(pass, input), output, sum);
}

std::vector<Weight*> Mamba::matrices() {
  return {&in_x.weight,     &in_z.weight, &choose_step.weight, &choose_b.weight,
          &choose_c.weight, &step.weight, &output.weight};
}

}  // namespace jielong
