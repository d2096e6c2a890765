#include "model/layers/delta_net.h"

#include <cmath>

#include "tensor/ops/squash.h"

namespace jielong {
namespace {

/// Added to a key's squared length, as in Qwen3-Next.
constexpr float kUnitEps = 1e-6f;

}  // namespace

void DeltaNet::set_heads(std::int64_t key_heads, std::int64_t heads, std::int64_t key_dim,
                         std::int64_t value_dim) {
  scan.kind = LinearScan::Kind::delta;
  scan.heads = heads;
  scan.head_channels = value_dim;
  scan.states = key_dim;
  scan.groups = key_heads;
  // x / √(Σx² + ε) is the RMS norm with ε / n, divided by √n; queries are divided by √n again.
  const auto n = static_cast<float>(key_dim);
  unit = {Norm::Kind::rms, kUnitEps / n, {}, {}};
  scan.b_scale = 1 / std::sqrt(n);
  scan.c_scale = 1 / n;
}

Tensor DeltaNet::mix(ModelPass& model_pass, const Input& input) const {
  Pass& pass = model_pass.pass;
  const std::vector<StateRows> sequences = state_rows(model_pass);
  const auto make = [&](const Linear& linear) {
    return Projection{&linear, pass.empty(input.x.rows, linear.weight.out)};
  };
  const Projection in[] = {make(query), make(key), make(value), make(open), make(rate), make(step)};
  project(pass, input.norm, input.x, in);

  const CausalConv* const convs[] = {&conv_query, &conv_key, &conv_value};
  Convolution parts[3];
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    parts[i] = {convs[i], in[i].y, pass.empty(input.x.rows, convs[i]->channels), offset};
    offset += convs[i]->state_floats();
  }
  convolve(pass, sequences, parts);
  ScanInputs inputs;
  inputs.c = normalize(pass, unit, parts[0].y, scan.groups);
  inputs.b = normalize(pass, unit, parts[1].y, scan.groups);
  inputs.x = parts[2].y;
  inputs.gate = squash(pass, Squash::sigmoid, in[4].y);
  inputs.step = squash(pass, Squash::softplus, in[5].y);
  const Tensor y = linear_scan(pass, scan, {}, sequences, inputs, offset);
  return gate(pass, Squash::silu, in[3].y, normalize(pass, norm, y, scan.heads));
}

Tensor DeltaNet::forward(ModelPass& pass, const Input& input) const {
  return project(pass.pass, nullptr, mix(pass, input), output);
}

Tensor DeltaNet::forward_add(ModelPass& pass, const Input& input, const Tensor& sum) const {
  return project_add(pass.pass, mix(pass, input), output, sum);
}

std::vector<Weight*> DeltaNet::matrices() {
  return {&query.weight, &key.weight,  &value.weight, &open.weight,
          &rate.weight,  &step.weight, &output.weight};
}

}  // namespace jielong
