// Models that are made from hyper-parameters or loaded to be trained, and the files they become.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <numeric>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "base/scratch.h"
#include "model/model.h"
#include "model/model_runner.h"
#include "model/save_model.h"

namespace jielong {
namespace {

namespace fs = std::filesystem;

const fs::path kGoldens = fs::path(JIELONG_TEST_DATA) / "model" / "goldens";

Hyperparameters small(const std::string& family) {
  Hyperparameters hyper;
  hyper.family = family;
  hyper.name = "small";
  hyper.layers = 2;
  hyper.channels = 32;
  hyper.heads = 4;
  hyper.kv_heads = family == "gpt2" || family == "bert" ? 4 : 2;
  hyper.feed_forward = 48;
  hyper.context_length = 64;
  hyper.vocabulary = 80;
  if (family == "mamba" || family == "mamba2") hyper.heads = hyper.kv_heads = 0;
  if (family == "qwen3moe") {
    hyper.experts = 4;
    hyper.experts_used = 2;
    hyper.expert_feed_forward = 24;
  }
  return hyper;
}

std::vector<float> outputs(const std::shared_ptr<Model>& model, ThreadPool& pool) {
  const std::vector<Token> tokens{5, 3, 70, 9, 5, 44, 12, 79, 0, 21};
  model->prepare(pool);
  ModelRunner runner(model, pool, {.kv_type = KvType::f32});
  if (!model->generates()) {
    const Tensor x = runner.hidden_states(tokens);
    return {x.data, x.data + x.rows * x.channels};
  }
  const Slice slice{runner.open(), tokens, true};
  const Logits logits = runner.evaluate({&slice, 1});
  return {logits.data, logits.data + logits.rows * logits.vocabulary};
}

void expect_near(const std::vector<float>& a, const std::vector<float>& b, float bound) {
  ASSERT_EQ(a.size(), b.size());
  float worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const float difference = std::abs(a[i] - b[i]);
    worst = std::isnan(difference) ? INFINITY : std::max(worst, difference);
  }
  EXPECT_LE(worst, bound);
}

/// Makes every parameter matter, gains and biases too.
void stir(Model& model) {
  Rng rng(9);
  for (Parameter& parameter : model.parameters()->all()) {
    for (std::int64_t i = 0; i < parameter.count(); ++i) {
      parameter.values[i] += 0.2f * static_cast<float>(rng.uniform() - 0.5);
    }
  }
}

class NewModel : public testing::TestWithParam<const char*> {
 protected:
  ThreadPool pool_{2};
};

TEST_P(NewModel, IsTheSameForASeedAtAnyThreadCount) {
  ThreadPool three(3);
  const auto model = Model::create(small(GetParam()), {.seed = 4}, pool_);
  const auto twin = Model::create(small(GetParam()), {.seed = 4}, three);
  const auto other = Model::create(small(GetParam()), {.seed = 5}, three);
  ASSERT_NE(model->parameters(), nullptr);
  EXPECT_EQ(model->parameter_count(), model->parameters()->count());
  for (const Parameter& parameter : model->parameters()->all()) {
    const Parameter& same = *twin->parameters()->find(parameter.name);
    EXPECT_TRUE(std::equal(parameter.values, parameter.values + parameter.count(), same.values))
        << parameter.name;
    // Their families draw some vectors and set some matrices.
    if (parameter.name.find(".ssm_") != std::string::npos) continue;
    const Parameter& different = *other->parameters()->find(parameter.name);
    const bool is_drawn = parameter.role != Parameter::Role::vector;
    EXPECT_EQ(std::equal(parameter.values, parameter.values + parameter.count(), different.values),
              !is_drawn)
        << parameter.name;
  }
  for (const float value : outputs(model, pool_)) ASSERT_TRUE(std::isfinite(value));
}

TEST_P(NewModel, SurvivesAsGgufAndAsFolder) {
  const auto model = Model::create(small(GetParam()), {.tied_embeddings = false}, pool_);
  stir(*model);
  const std::vector<float> expected = outputs(model, pool_);
  const test::Scratch scratch;
  for (const char* name : {"model.gguf", "folder"}) {
    save_model(*model, scratch / name);
    expect_near(outputs(Model::load(scratch / name), pool_), expected, 1e-4f);
    // Loaded to be trained further, it is the very same model.
    const auto again = Model::load(scratch / name, {.trainable = true});
    // Folders have log(−A), of which A is not always the same once more.
    const bool keeps_bits = model->stack().recurrents.empty() || std::string(name) != "folder";
    expect_near(outputs(again, pool_), expected, keeps_bits ? 0 : 1e-4f);
    ASSERT_EQ(again->parameters()->all().size(), model->parameters()->all().size()) << name;
    for (const Parameter& parameter : model->parameters()->all()) {
      const Parameter* found = again->parameters()->find(parameter.name);
      ASSERT_NE(found, nullptr) << parameter.name;
      EXPECT_EQ(found->role, parameter.role) << parameter.name;
      EXPECT_EQ(found->shape, parameter.shape) << parameter.name;
    }
  }
  save_model(*model, scratch / "half.gguf", "bf16");
  expect_near(outputs(Model::load(scratch / "half.gguf"), pool_), expected, 0.2f);
}

INSTANTIATE_TEST_SUITE_P(Families, NewModel,
                         testing::Values("llama", "qwen2", "qwen3", "qwen3moe", "gemma2", "gemma3",
                                         "gpt2", "phi3", "bert", "mamba", "mamba2", "falcon-h1"),
                         [](const auto& family) {
                           std::string name(family.param);
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

class TrainableModel : public testing::TestWithParam<const char*> {};

TEST_P(TrainableModel, ComputesLikeItsFile) {
  ThreadPool pool(2);
  const auto plain = Model::load(kGoldens / GetParam());
  const auto trainable = Model::load(kGoldens / GetParam(), {.trainable = true});
  EXPECT_EQ(plain->parameters(), nullptr);
  ASSERT_NE(trainable->parameters(), nullptr);
  expect_near(outputs(trainable, pool), outputs(plain, pool), 1e-4f);
}

INSTANTIATE_TEST_SUITE_P(Goldens, TrainableModel,
                         testing::Values("llama", "llama_bias", "llama_rope_llama3", "mistral",
                                         "qwen2", "qwen2_yarn", "qwen3", "qwen3_moe", "gemma2",
                                         "gemma3", "gpt2", "phi3", "phi3_partial", "bert",
                                         "llama/model.gguf", "gpt2/model.gguf"),
                         [](const auto& family) {
                           std::string name(family.param);
                           std::replace(name.begin(), name.end(), '/', '_');
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

TEST(TrainableModels, ComeFromQuantizedFilesToo) {
  ThreadPool pool(2);
  Hyperparameters hyper = small("llama");
  hyper.channels = 64;
  const auto model = Model::create(hyper, {.deviation = 0.2f}, pool);
  const test::Scratch scratch;
  for (const char* type : {"f16", "q8_0", "q4_0"}) {
    const fs::path file = scratch / (std::string(type) + ".gguf");
    save_model(*model, file, type);
    const auto again = Model::load(file, {.trainable = true});
    // The same numbers but for the int8 that quantized weights are multiplied with.
    expect_near(outputs(again, pool), outputs(Model::load(file), pool), 0.3f);
    EXPECT_NE(outputs(again, pool), outputs(model, pool)) << type;
    save_model(*again, scratch / "twin.gguf", type);
    EXPECT_EQ(outputs(Model::load(scratch / "twin.gguf"), pool), outputs(Model::load(file), pool))
        << type;
  }
}

TEST(NewModels, BeginAsTheInitialisationSays) {
  ThreadPool pool(2);
  Hyperparameters hyper = small("gpt2");
  hyper.channels = 128;
  hyper.layers = 8;
  const auto model = Model::create(hyper, {.deviation = 0.04f}, pool);
  const auto deviation = [&](const char* name) {
    const Parameter& p = *model->parameters()->find(name);
    double squares = 0, sum = 0;
    for (std::int64_t i = 0; i < p.count(); ++i) {
      sum += static_cast<double>(p.values[i]);
      squares += static_cast<double>(p.values[i]) * static_cast<double>(p.values[i]);
    }
    const auto count = static_cast<double>(p.count());
    EXPECT_NEAR(sum / count, 0, 0.001) << name;
    return std::sqrt(squares / count);
  };
  EXPECT_NEAR(deviation("blk.3.attn_qkv.weight"), 0.04, 0.001);
  EXPECT_NEAR(deviation("token_embd.weight"), 0.04, 0.001);
  EXPECT_NEAR(deviation("blk.3.attn_output.weight"), 0.01, 0.0005);
  EXPECT_NEAR(deviation("blk.7.ffn_down.weight"), 0.01, 0.0005);
  EXPECT_EQ(model->parameters()->find("blk.0.attn_norm.weight")->values[5], 1);
  EXPECT_EQ(model->parameters()->find("blk.0.attn_norm.bias")->values[5], 0);
  EXPECT_EQ(model->parameters()->find("blk.0.attn_norm.weight")->role, Parameter::Role::vector);
  EXPECT_EQ(model->parameters()->find("blk.0.attn_qkv.weight")->role, Parameter::Role::matrix);
  EXPECT_EQ(model->parameters()->find("position_embd.weight")->role, Parameter::Role::embedding);
  EXPECT_EQ(model->parameters()->find("output.weight"), nullptr) << "tied unless asked otherwise";
}

TEST(NewModels, HaveTheOptionalTensorsThatAreAskedFor) {
  ThreadPool pool(1);
  const auto model = Model::create(
      small("llama"),
      {.optional_tensors = {"blk.{}.attn_q_norm.weight", "blk.{}.attn_k_norm.weight"}}, pool);
  EXPECT_NE(model->parameters()->find("blk.1.attn_q_norm.weight"), nullptr);
  EXPECT_EQ(model->parameters()->find("blk.1.attn_q.bias"), nullptr);
}

TEST(NewModels, TakeATokenizerAndItsVocabulary) {
  ThreadPool pool(1);
  const test::Scratch scratch;
  fs::copy_file(fs::path(JIELONG_TEST_DATA) / "token" / "goldens" / "qwen2.json",
                scratch / "tokenizer.json");
  Hyperparameters hyper = small("llama");
  hyper.vocabulary = 0;
  EXPECT_THROW(Model::create(hyper, {}, pool), Error) << "a vocabulary must come from somewhere";
  EXPECT_THROW(Model::create(hyper, {.tokenizer = "/nowhere"}, pool), Error);
  const auto model = Model::create(hyper, {.tokenizer = scratch.path()}, pool);
  const Tokenizer& tokenizer = model->tokenizer();
  EXPECT_EQ(model->hyper().vocabulary, static_cast<std::int64_t>(tokenizer.vocabulary().size()));
  const std::string text = "a chain of tokens";
  const std::vector<Token> tokens = tokenizer.encode(text);
  EXPECT_EQ(tokenizer.decode(tokens), text);
  for (const char* name : {"model.gguf", "folder"}) {
    save_model(*model, scratch / name);
    const auto saved = Model::load(scratch / name);
    EXPECT_EQ(saved->tokenizer().encode(text), tokens) << name;
    const auto next = Model::create(hyper, {.tokenizer = scratch / name}, pool);
    EXPECT_EQ(next->tokenizer().encode(text), tokens) << "taken from " << name;
  }
}

TEST(NewModels, RefuseNumbersThatCannotBe) {
  ThreadPool pool(1);
  for (const auto& change : std::vector<void (*)(Hyperparameters&)>{
           [](Hyperparameters& h) { h.heads = 0; }, [](Hyperparameters& h) { h.layers = -1; },
           [](Hyperparameters& h) { h.heads = 5; }, [](Hyperparameters& h) { h.kv_heads = 3; },
           [](Hyperparameters& h) { h.family = "unheard of"; },
           [](Hyperparameters& h) { h.context_length = 0; }}) {
    Hyperparameters hyper = small("llama");
    change(hyper);
    EXPECT_THROW(Model::create(hyper, {}, pool), Error);
  }
}

TEST(NewModels, OnlyTrainableOnesAreSaved) {
  const test::Scratch scratch;
  EXPECT_THROW(save_model(*Model::load(kGoldens / "llama"), scratch / "model.gguf"), Error);
}

}  // namespace
}  // namespace jielong
