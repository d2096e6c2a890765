// Attention under training: the recorded pass, the same without a tape, and inference agree, and
// gradients are slopes.
#include "model/layers/attention.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "base/random.h"
#include "tensor/tape.h"

namespace jielong {
namespace {

constexpr std::int64_t kChannels = 24, kHeads = 4, kKvHeads = 2, kDim = 12;

struct LayerSetup {
  ThreadPool pool{2};
  Workspace workspace{pool};
  Parameters parameters;
  Attention layer;
  Batch batch;
  std::vector<float> input, weights;  ///< (rows, kChannels) and dL/dy

  explicit LayerSetup(bool mixes = false) {
    linear(layer.query, "attn_q", kHeads * kDim, kChannels);
    linear(layer.key, "attn_k", kKvHeads * kDim, kChannels);
    linear(layer.value, "attn_v", kKvHeads * kDim, kChannels);
    linear(layer.output, "attn_output", kChannels, kHeads * kDim);
    layer.query_norm = norm("attn_q_norm");
    layer.key_norm = norm("attn_k_norm");
    layer.rope = std::make_shared<Rope>(make_rope(RopePairs::halves, 8, 100, {}));
    layer.params = {.heads = kHeads, .scale = 0.3f, .window = 6};
    layer.shape = {kKvHeads, kDim, kDim, KvType::f32};
    if (mixes) layer.value_mix = vector("attn_v_mix", 1);
    for (const std::int64_t length : {9, 1, 7}) {
      const std::int64_t first = static_cast<std::int64_t>(batch.positions.size());
      batch.sequences.push_back({first, length, 0, nullptr});
      for (std::int64_t i = 0; i < length; ++i) batch.positions.push_back(i);
    }
    batch.tokens.resize(batch.positions.size());
    input = values(rows() * kChannels, 1);
    weights = values(rows() * kChannels, 2);
  }
  LayerSetup(const LayerSetup&) = delete;
  LayerSetup& operator=(const LayerSetup&) = delete;

  std::int64_t rows() const { return static_cast<std::int64_t>(batch.positions.size()); }

  static std::vector<float> values(std::int64_t count, std::uint64_t seed) {
    Rng rng(seed);
    std::vector<float> x(static_cast<std::size_t>(count));
    for (float& v : x) v = static_cast<float>(rng.uniform()) - 0.5f;
    return x;
  }
  Parameter& parameter(const std::string& name, Parameter::Role role, std::int64_t out,
                       std::int64_t in) {
    Parameter& p = parameters.add(name, role, out, in);
    const auto drawn = values(p.count(), 10 + parameters.all().size());
    std::memcpy(p.values, drawn.data(), drawn.size() * sizeof(float));
    return p;
  }
  void linear(Linear& to, const std::string& name, std::int64_t out, std::int64_t in) {
    const Parameter& p = parameter(name, Parameter::Role::matrix, out, in);
    to.weight.name = name;
    to.weight.out = out;
    to.weight.in = in;
    to.weight.stored =
        std::as_bytes(std::span<const float>(p.values, static_cast<std::size_t>(p.count())));
  }
  WeightVector vector(const std::string& name, std::int64_t count) {
    const Parameter& p = parameter(name, Parameter::Role::vector, 1, count);
    return {name, {p.values, static_cast<std::size_t>(count)}, nullptr};
  }
  Norm norm(const std::string& name) { return {Norm::Kind::rms, 1e-5f, vector(name, kDim), {}}; }

  Tensor tensor(Pass& pass, const std::vector<float>& from) const {
    const Tensor t = pass.empty(rows(), static_cast<std::int64_t>(from.size()) / rows());
    std::memcpy(t.data, from.data(), from.size() * sizeof(float));
    return t;
  }
  std::vector<float> run(Tape* tape, bool back = false) {
    const ArenaScope scope(workspace.arena());
    Pass pass(workspace, nullptr, tape);
    ModelPass model_pass(pass, batch);
    if (layer.value_mix) {
      model_pass.first_value = tensor(pass, values(rows() * kKvHeads * kDim, 5));
    }
    const Tensor x = tensor(pass, input);
    const Tensor y = layer.forward(model_pass, {x, nullptr});
    std::vector<float> result(y.data, y.data + y.rows * y.channels);
    if (back) {
      std::memcpy(tape->sum(y).tensor.data, weights.data(), weights.size() * sizeof(float));
      tape->backward();
      const Tensor dx = tape->gradient(x);
      result.assign(dx.data, dx.data + dx.rows * dx.channels);
    }
    return result;
  }
  double loss() {
    const std::vector<float> y = run(nullptr);
    double sum = 0;
    for (std::size_t i = 0; i < y.size(); ++i) {
      sum += static_cast<double>(y[i]) * static_cast<double>(weights[i]);
    }
    return sum;
  }
  double slope(float& value) {
    constexpr float kStep = 1.0f / 128;
    const float at = value;
    value = at + kStep;
    const double above = loss();
    value = at - kStep;
    const double below = loss();
    value = at;
    return (above - below) / (2 * static_cast<double>(kStep));
  }
};

TEST(AttentionLayer, ComputesAlikeWithAndWithoutATape) {
  for (const bool mixes : {false, true}) {
    LayerSetup s(mixes);
    Tape tape(s.parameters);
    EXPECT_EQ(s.run(&tape), s.run(nullptr));
  }
}

TEST(AttentionLayer, AgreesWithInference) {
  LayerSetup s(true);
  const std::vector<float> whole = s.run(nullptr);
  for (Weight* matrix : s.layer.matrices()) prepare(*matrix, s.pool);
  const std::vector<float> paged = s.run(nullptr);
  for (std::size_t i = 0; i < whole.size(); ++i) EXPECT_NEAR(whole[i], paged[i], 2e-5f);
}

TEST(AttentionLayer, HasTheSlopesOfInputsAndWeights) {
  LayerSetup s(true);
  Tape tape(s.parameters);
  const std::vector<float> dx = s.run(&tape, true);
  const auto compare = [&](float* values, const float* gradient, std::int64_t count,
                           const std::string& name) {
    float largest = 0.01f;
    for (std::int64_t i = 0; i < count; ++i) largest = std::max(largest, std::abs(gradient[i]));
    for (std::int64_t i = 0; i < count; i += std::max<std::int64_t>(1, count / 13)) {
      EXPECT_NEAR(gradient[i], s.slope(values[i]), 0.004f * largest) << name << " " << i;
    }
  };
  compare(s.input.data(), dx.data(), s.rows() * kChannels, "x");
  for (Parameter& p : s.parameters.all()) compare(p.values, p.gradient, p.count(), p.name);
}

TEST(AttentionLayer, FirstValuesOutliveTheirLayer) {
  LayerSetup s;
  s.layer.gives_first_value = true;
  const ArenaScope scope(s.workspace.arena());
  Pass pass(s.workspace);
  ModelPass model_pass(pass, s.batch);
  {
    const PassScope layer_scope(pass);
    s.layer.forward(model_pass, {s.tensor(pass, s.input), nullptr});
  }
  const std::vector<float> before(model_pass.first_value.data,
                                  model_pass.first_value.data + s.rows() * kKvHeads * kDim);
  std::fill_n(pass.arena().floats(100000), 100000, 7.0f);
  EXPECT_TRUE(std::equal(before.begin(), before.end(), model_pass.first_value.data));
}

}  // namespace
}  // namespace jielong
