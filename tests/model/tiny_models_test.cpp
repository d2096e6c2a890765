// Logits of tiny random models of every family against transformers, f32 throughout.
// The goldens are described in tests/model/goldens/README.md.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/scratch.h"
#include "model/model_runner.h"
#include "model/safetensors.h"

namespace jielong {
namespace {

namespace fs = std::filesystem;

const fs::path kGoldens = fs::path(JIELONG_TEST_DATA) / "model" / "goldens";
constexpr float kTolerance = 1e-4f;

template <typename T>
std::vector<T> values(const SafetensorsFile& file, const std::string& name) {
  const TensorInfo& info = file.require(name);
  std::vector<T> result(static_cast<std::size_t>(info.elements()));
  std::memcpy(result.data(), info.data.data(), result.size() * sizeof(T));
  return result;
}

float max_difference(std::span<const float> a, std::span<const float> b) {
  EXPECT_EQ(a.size(), b.size());
  float worst = 0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    const float difference = std::abs(a[i] - b[i]);
    worst = std::isnan(difference) ? INFINITY : std::max(worst, difference);
  }
  return worst;
}

std::span<const float> all(const Logits& logits) {
  return {logits.data, static_cast<std::size_t>(logits.rows * logits.vocabulary)};
}

std::span<const float> all(const Tensor& x) {
  return {x.data, static_cast<std::size_t>(x.rows * x.channels)};
}

std::shared_ptr<Model> load(const fs::path& path, ThreadPool& pool, std::int64_t context = 0) {
  auto model = Model::load(path, {.context_length = context});
  model->prepare(pool);
  return model;
}

/// The context to load a family with: LongRoPE models are meant to stay within their
/// original one, except in the test of their long factors.
std::int64_t context_for(const std::string& family) { return family.starts_with("phi3_") ? 32 : 0; }

void expect_logits(const fs::path& model_path, const fs::path& expected_path,
                   std::int64_t context = 0) {
  ThreadPool pool(2);
  ModelRunner runner(load(model_path, pool, context), pool, {.kv_type = KvType::f32});
  const SafetensorsFile expected(expected_path);
  const auto ids = values<Token>(expected, "input_ids");
  const Slice whole{runner.open(), ids, true};
  EXPECT_LE(max_difference(all(runner.evaluate({&whole, 1})), values<float>(expected, "logits")),
            kTolerance);
}

class DecoderFamily : public testing::TestWithParam<const char*> {};

TEST_P(DecoderFamily, LogitsEqualTransformers) {
  const fs::path folder = kGoldens / GetParam();
  expect_logits(folder, folder / "expected.safetensors", context_for(GetParam()));
}

TEST_P(DecoderFamily, ReadsTheConfigOfTransformers5) {
  const fs::path folder = kGoldens / GetParam();
  const test::Scratch copy;
  fs::copy_file(folder / "model.safetensors", copy.path() / "model.safetensors");
  fs::copy_file(folder / "config_v5.json", copy.path() / "config.json");
  expect_logits(copy.path(), folder / "expected.safetensors", context_for(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Goldens, DecoderFamily,
                         testing::Values("llama", "llama_rope_llama3", "llama_rope_linear",
                                         "llama_bias", "mistral", "qwen2", "qwen2_yarn", "qwen3",
                                         "qwen3_moe", "gemma2", "gemma3", "gemma3_rope_linear",
                                         "gpt2", "phi3", "phi3_longrope", "phi3_partial", "mamba",
                                         "mamba2", "jamba", "falcon_h1", "qwen3_next"),
                         [](const auto& family) { return std::string(family.param); });

class GgufTwin : public testing::TestWithParam<const char*> {};

TEST_P(GgufTwin, LogitsEqualTransformers) {
  const fs::path folder = kGoldens / GetParam();
  expect_logits(folder / "model.gguf", folder / "expected.safetensors", context_for(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Goldens, GgufTwin,
                         testing::Values("llama", "qwen2", "gemma3", "gpt2", "phi3_partial",
                                         "mamba", "mamba2", "jamba", "falcon_h1", "qwen3_next"),
                         [](const auto& family) { return std::string(family.param); });

TEST(TinyModels, ShardedSafetensorsGiveTheSameLogits) {
  expect_logits(kGoldens / "qwen2_sharded", kGoldens / "qwen2" / "expected.safetensors");
}

TEST(TinyModels, LongRopeUsesLongFactorsBeyondTheOriginalContext) {
  expect_logits(kGoldens / "phi3_longrope",
                kGoldens / "phi3_longrope" / "expected_long.safetensors");
}

class Bert : public testing::TestWithParam<const char*> {};

TEST_P(Bert, HiddenStatesEqualTransformers) {
  ThreadPool pool(2);
  const auto model = load(kGoldens / "bert" / GetParam(), pool);
  ModelRunner runner(model, pool);
  for (const char* name : {"expected.safetensors", "expected_pair.safetensors"}) {
    const SafetensorsFile expected(kGoldens / "bert" / name);
    const auto ids = values<Token>(expected, "input_ids");
    std::vector<std::int32_t> segments;
    if (expected.find("token_type_ids") != nullptr) {
      segments = values<std::int32_t>(expected, "token_type_ids");
    }
    EXPECT_LE(max_difference(all(runner.hidden_states(ids, segments)),
                             values<float>(expected, "hidden.2")),
              kTolerance);
  }
  EXPECT_FALSE(model->generates());
  const Token token = 1;
  const Slice slice{runner.open(), {&token, 1}, false};
  EXPECT_THROW(runner.evaluate({&slice, 1}), Error);
}

INSTANTIATE_TEST_SUITE_P(Goldens, Bert, testing::Values("", "model.gguf"), [](const auto& file) {
  return std::string(*file.param == 0 ? "safetensors" : "gguf");
});

TEST(TinyModels, HiddenStatesAfterEveryLayerEqualTransformers) {
  ThreadPool pool(1);
  for (const char* family : {"llama", "gemma2", "qwen3_moe"}) {
    const SafetensorsFile expected(kGoldens / family / "expected.safetensors");
    ModelRunner runner(load(kGoldens / family, pool), pool, {.kv_type = KvType::f32});
    std::vector<std::vector<float>> states;
    runner.set_tap([&](std::string_view name, Tensor x) {
      if (name.starts_with("residual.")) states.emplace_back(all(x).begin(), all(x).end());
    });
    const auto ids = values<Token>(expected, "input_ids");
    const Slice slice{runner.open(), ids, true};
    const Logits logits = runner.evaluate({&slice, 1});
    EXPECT_LE(max_difference(all(logits), values<float>(expected, "logits")), kTolerance);
    // Two residuals a layer; the last golden has passed the final norm as well.
    for (std::size_t layer = 1; 2 * layer < states.size(); ++layer) {
      EXPECT_LE(max_difference(states[2 * layer - 1],
                               values<float>(expected, "hidden." + std::to_string(layer))),
                kTolerance)
          << family << ", layer " << layer;
    }
  }
}

}  // namespace
}  // namespace jielong
