// A model computes the same, whichever way its files have taken.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <vector>

#include "base/json.h"
#include "model/convert/rope_factors.h"
#include "model/convert_support.h"
#include "model/gguf.h"
#include "model/model_runner.h"
#include "model/tensor_writer.h"

namespace jielong {
namespace {

namespace fs = std::filesystem;

/// Logits of some tokens, or the last hidden states of an encoder.
std::vector<float> outputs(const fs::path& path, std::int64_t context) {
  ThreadPool pool(2);
  auto model = Model::load(path, {.context_length = context});
  model->prepare(pool);
  ModelRunner runner(model, pool, {.kv_type = KvType::f32});
  std::vector<Token> tokens(20);
  std::iota(tokens.begin(), tokens.end(), 3);
  if (!runner.generates()) {
    const Tensor states = runner.hidden_states(tokens);
    return {states.data, states.data + states.rows * states.channels};
  }
  const Slice whole{runner.open(), tokens, true};
  const Logits logits = runner.evaluate({&whole, 1});
  return {logits.data, logits.data + logits.rows * logits.vocabulary};
}

class RoundTripLogits : public ConvertTest, public testing::WithParamInterface<const char*> {};

TEST_P(RoundTripLogits, StayTheSame) {
  const std::string family = GetParam();
  run(golden_model(family), "model.gguf");
  run(at("model.gguf"), "back");
  std::vector<std::int64_t> contexts = {0};
  if (family == "phi3_longrope" || family == "phi3_partial") contexts = {32, 128};
  for (const std::int64_t context : contexts) {
    const auto expected = outputs(golden_model(family), context);
    for (const char* path : {"model.gguf", "back"}) {
      const auto actual = outputs(at(path), context);
      ASSERT_EQ(actual.size(), expected.size());
      float worst = 0;
      for (std::size_t i = 0; i < actual.size(); ++i) {
        worst = std::max(worst, std::fabs(actual[i] - expected[i]));
      }
      EXPECT_LE(worst, 2e-5f) << path << ", context " << context;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Families, RoundTripLogits,
                         testing::Values("llama", "llama_bias", "llama_rope_llama3",
                                         "llama_rope_linear", "mistral", "qwen2", "qwen2_yarn",
                                         "qwen3", "qwen3_moe", "gemma2", "gemma3", "gpt2", "phi3",
                                         "phi3_longrope", "phi3_partial", "bert", "mamba", "mamba2",
                                         "jamba", "falcon_h1", "qwen3_next"));

class RopeFactors : public testing::Test {
 protected:
  /// Writes the divisors of `hyper` to a file and reads them back.
  RopeScaling through_a_file(Hyperparameters hyper, const std::vector<RopeTensor>& tensors) {
    const fs::path path = folder_.path() / "rope.gguf";
    GgufWriter writer(path, {});
    std::vector<TensorPlan> plans;
    for (const RopeTensor& tensor : tensors) {
      plans.push_back(
          {tensor.name, DType::f32, {static_cast<std::int64_t>(tensor.divisors.size())}});
    }
    writer.begin(plans);
    for (const RopeTensor& tensor : tensors)
      writer.write(std::as_bytes(std::span(tensor.divisors)));
    writer.finish();
    hyper.rope_scaling = {};
    restore_rope_scaling(GgufFile(path), hyper);
    return hyper.rope_scaling;
  }

  Hyperparameters llama3(float factor, float low, float high, float context) const {
    Hyperparameters hyper;
    hyper.key_dim = 128;
    hyper.rope_base = 500000;
    hyper.context_length = 131072;
    hyper.rope_scaling.kind = RopeScaling::Kind::llama3;
    hyper.rope_scaling.factor = factor;
    hyper.rope_scaling.low_frequency_factor = low;
    hyper.rope_scaling.high_frequency_factor = high;
    hyper.rope_scaling.original_context = context;
    return hyper;
  }

  TemporaryFolder folder_;
};

TEST_F(RopeFactors, FindTheParametersOfPublishedModels) {
  for (const float factor : {8.0f, 32.0f}) {
    const Hyperparameters hyper = llama3(factor, 1, 4, 8192);
    const RopeScaling found = through_a_file(hyper, rope_tensors(hyper));
    EXPECT_EQ(found.kind, RopeScaling::Kind::llama3);
    EXPECT_EQ(found.factor, factor);
    EXPECT_EQ(found.low_frequency_factor, 1);
    EXPECT_EQ(found.high_frequency_factor, 4);
    EXPECT_EQ(found.original_context, 8192);
  }
}

TEST_F(RopeFactors, FindOtherParametersUpToTheirCommonScale) {
  const Hyperparameters hyper = llama3(6, 2, 9, 10000);
  const RopeScaling found = through_a_file(hyper, rope_tensors(hyper));
  EXPECT_EQ(found.kind, RopeScaling::Kind::llama3);
  EXPECT_EQ(found.factor, 6);
  EXPECT_NEAR(found.high_frequency_factor, 4.5, 1e-3);
  EXPECT_NEAR(found.original_context, 5000, 1);
}

TEST_F(RopeFactors, KeepDivisorsThatFollowNoRule) {
  const Hyperparameters hyper = llama3(8, 1, 4, 8192);
  std::vector<float> divisors(64);
  for (std::size_t i = 0; i < divisors.size(); ++i) {
    divisors[i] = i % 2 == 0 ? 1.0f : 1.5f + static_cast<float>(i) / 8;
  }
  const RopeScaling found = through_a_file(hyper, {{"rope_freqs.weight", divisors}});
  EXPECT_EQ(found.kind, RopeScaling::Kind::factors);
  EXPECT_EQ(found.factors, divisors);
  EXPECT_EQ(found.long_factors, divisors);
}

TEST_F(RopeFactors, RefuseWhatIsNone) {
  const Hyperparameters hyper = llama3(8, 1, 4, 8192);
  const auto error = [&](std::vector<float> divisors) {
    return error_of([&] { through_a_file(hyper, {{"rope_freqs.weight", divisors}}); });
  };
  EXPECT_THAT(error(std::vector<float>(63, 1)), testing::HasSubstr("63"));
  EXPECT_THAT(error(std::vector<float>(64, 0)), testing::HasSubstr("positive"));
  EXPECT_THAT(error(std::vector<float>(64, NAN)), testing::HasSubstr("positive"));
}

class Pooling : public ConvertTest {
 protected:
  fs::path folder_with(const std::string& pooling) const {
    fs::copy(golden_model("bert"), at("bert"), fs::copy_options::recursive);
    fs::create_directories(at("bert/1_Pooling"));
    folder_.write("bert/1_Pooling/config.json", pooling);
    return at("bert");
  }
};

TEST_F(Pooling, GoesThroughBothLayouts) {
  const fs::path input = folder_with(
      R"({"pooling_mode_cls_token":true,"pooling_mode_mean_tokens":false,"include_prompt":true})");
  EXPECT_EQ(Model::load(input)->hyper().pooling, Hyperparameters::Pooling::first);
  run(input, "model.gguf");
  EXPECT_EQ(GgufFile(at("model.gguf")).metadata().require<std::int64_t>("bert.pooling_type"), 2);
  run(at("model.gguf"), "back");
  EXPECT_EQ(Model::load(at("back"))->hyper().pooling, Hyperparameters::Pooling::first);
  EXPECT_TRUE(fs::exists(at("back/modules.json")));
}

TEST_F(Pooling, RefusesWhatItCannotDo) {
  const fs::path input = folder_with(R"({"pooling_mode_max_tokens":true})");
  EXPECT_THAT(error_of([&] { Model::load(input); }), testing::HasSubstr("pooling_mode_max_tokens"));
}

}  // namespace
}  // namespace jielong
