// Loss and gradient of every parameter of tiny random models of every family against torch's
// autograd; and what must hold without a golden: the same bytes with and without checkpointing and
// at any thread count. The goldens are made by tests/model/goldens/make_gradients.py.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/scratch.h"
#include "model/model.h"
#include "model/safetensors.h"
#include "tensor/ops/cross_entropy.h"
#include "tensor/tape.h"

namespace jielong {
namespace {

namespace fs = std::filesystem;

const fs::path kGoldens = fs::path(JIELONG_TEST_DATA) / "model" / "goldens";
constexpr std::int64_t kSplit = 20;
constexpr float kBalance = 0.02f;

/// Two sequences side by side, and what each row is to predict.
struct Task {
  Batch batch;
  std::vector<Token> targets;
  std::int64_t counted = 0;

  void add_sequence(std::span<const Token> tokens) {
    const std::int64_t first = batch.rows(), count = static_cast<std::int64_t>(tokens.size());
    batch.sequences.push_back({first, count, 0, nullptr});
    for (std::int64_t i = 0; i < count; ++i) {
      batch.tokens.push_back(tokens[static_cast<std::size_t>(i)]);
      batch.positions.push_back(i);
      batch.output_rows.push_back(first + i);
      const bool has_target = i % 5 != 0 && i + 1 < count;
      targets.push_back(has_target ? tokens[static_cast<std::size_t>(i + 1)] : -1);
      counted += has_target ? 1 : 0;
    }
  }
};

Task task_of(const fs::path& folder) {
  const SafetensorsFile expected(folder / "expected.safetensors");
  const TensorInfo& info = expected.require("input_ids");
  std::vector<Token> ids(static_cast<std::size_t>(info.elements()));
  std::memcpy(ids.data(), info.data.data(), ids.size() * sizeof(Token));
  Task task;
  task.add_sequence(std::span(ids).first(kSplit));
  task.add_sequence(std::span(ids).subspan(kSplit));
  return task;
}

struct Outcome {
  double loss = 0, balance = 0;
  std::map<std::string, std::vector<float>> gradients;
  std::size_t activation_bytes = 0;
};

struct Settings {
  int threads = 2;
  std::int64_t checkpoint = 0;
  Precision precision = Precision::f32;
  bool with_tape = true;
};

Linear head_of(const Model& model) {
  if (model.stack().head) return model.stack().head;
  Linear tied;  // encoders predict with their embedding
  tied.weight = model.stack().tokens;
  return tied;
}

Outcome learn(const Model& model, const Task& task, const Settings& settings = {}) {
  ThreadPool pool(settings.threads);
  Workspace workspace(pool);
  Parameters& parameters = *model.parameters();
  parameters.zero_gradients(pool);
  Tape tape(parameters);
  Pass pass(workspace, nullptr, settings.with_tape ? &tape : nullptr, settings.precision);
  ModelPass model_pass(pass, task.batch);
  model_pass.balance_weight = kBalance;
  model_pass.checkpoint_residuals = settings.checkpoint;
  const Linear head = head_of(model);
  PredictionLoss loss;
  loss.targets = task.targets;
  loss.scale = 1 / static_cast<float>(task.counted);
  loss.soft_cap = model.stack().logit_soft_cap;
  loss.scores_at_once = 500;  // several chunks
  const PredictionSums sums = cross_entropy(pass, model.stack().hidden(model_pass), head, loss);
  EXPECT_EQ(sums.counted, task.counted);
  if (settings.with_tape) tape.backward();
  Outcome outcome;
  outcome.loss = sums.loss / static_cast<double>(task.counted);
  outcome.balance = model_pass.balance_loss;
  outcome.activation_bytes = workspace.arena().peak_bytes();
  for (const Parameter& parameter : parameters.all()) {
    outcome.gradients[parameter.name] = {parameter.gradient,
                                         parameter.gradient + parameter.count()};
  }
  return outcome;
}

std::shared_ptr<Model> load(const fs::path& path) { return Model::load(path, {.trainable = true}); }

float largest(std::span<const float> values) {
  float most = 0;
  for (const float value : values) most = std::max(most, std::abs(value));
  return most;
}

void expect_near(const Outcome& got, const std::map<std::string, std::vector<float>>& expected,
                 float bound) {
  ASSERT_EQ(got.gradients.size(), expected.size());
  for (const auto& [name, gradient] : got.gradients) {
    ASSERT_TRUE(expected.contains(name)) << name;
    const std::vector<float>& wanted = expected.at(name);
    ASSERT_EQ(gradient.size(), wanted.size()) << name;
    const float scale = std::max(largest(wanted), 1e-3f);
    float worst = 0;
    for (std::size_t i = 0; i < gradient.size(); ++i) {
      const float difference = std::abs(gradient[i] - wanted[i]);
      worst = std::isnan(difference) ? INFINITY : std::max(worst, difference);
    }
    EXPECT_LE(worst, bound * scale) << name << ", largest slope " << largest(wanted);
  }
}

class FamilyGradients : public testing::TestWithParam<const char*> {
 protected:
  fs::path folder() const { return kGoldens / GetParam(); }
};

/// The golden gradients under GGUF's names and in its row order: read like weights.
std::map<std::string, std::vector<float>> golden_gradients(const fs::path& folder) {
  const test::Scratch twin;
  fs::copy_file(folder / "config.json", twin / "config.json");
  fs::copy_file(folder / "gradients.safetensors", twin / "model.safetensors");
  const auto read = load(twin.path());
  const auto model = load(folder);
  const bool plus_one = read->hyper().family.starts_with("gemma");
  std::map<std::string, std::vector<float>> gradients;
  for (const Parameter& parameter : read->parameters()->all()) {
    std::vector<float>& values = gradients[parameter.name];
    values.assign(parameter.values, parameter.values + parameter.count());
    // A gain's 1 is added when weights are read, which these are not.
    if (plus_one && parameter.name.find("norm") != std::string::npos) {
      for (float& value : values) value -= 1;
    }
    // Read as log(−A), which became A; the gradient of that is A times the one of A.
    if (parameter.name.ends_with("ssm_a")) {
      const float* decay = model->parameters()->find(parameter.name)->values;
      for (std::size_t i = 0; i < values.size(); ++i) values[i] = std::log(-values[i]) / decay[i];
    }
  }
  return gradients;
}

TEST_P(FamilyGradients, LossAndGradientsEqualTorch) {
  const Outcome got = learn(*load(folder()), task_of(folder()));
  const SafetensorsFile expected(folder() / "gradients.safetensors");
  EXPECT_NEAR(got.loss, std::stod(expected.metadata().at("loss")), 1e-5);
  if (expected.metadata().contains("balance")) {
    EXPECT_NEAR(got.balance, std::stod(expected.metadata().at("balance")), 1e-5);
  }
  expect_near(got, golden_gradients(folder()), 2e-4f);
}

TEST_P(FamilyGradients, SameBytesAtAnyThreadCountAndWithCheckpoints) {
  const auto model = load(folder());
  const Task task = task_of(folder());
  const Outcome expected = learn(*model, task, {.threads = 1});
  for (const Settings& settings :
       {Settings{.threads = 2}, Settings{.threads = 3}, Settings{.threads = 2, .checkpoint = 1},
        Settings{.threads = 1, .checkpoint = 3}}) {
    const Outcome got = learn(*model, task, settings);
    EXPECT_EQ(got.loss, expected.loss);
    EXPECT_EQ(got.balance, expected.balance);
    EXPECT_EQ(got.gradients, expected.gradients)
        << settings.threads << " threads, checkpoint " << settings.checkpoint;
    const auto residuals = static_cast<std::int64_t>(model->stack().residuals.size());
    if (settings.checkpoint > 0 && settings.checkpoint < residuals) {
      EXPECT_LT(got.activation_bytes, expected.activation_bytes);
    }
  }
  EXPECT_EQ(learn(*model, task, {.with_tape = false}).loss, expected.loss) << "without a tape";
}

TEST_P(FamilyGradients, Bf16IsClose) {
  const auto model = load(folder());
  const Task task = task_of(folder());
  const Outcome exact = learn(*model, task);
  const Outcome rounded = learn(*model, task, {.precision = Precision::bf16});
  EXPECT_NEAR(rounded.loss, exact.loss, 0.05 * exact.loss);
  EXPECT_NE(rounded.loss, exact.loss);
  double dot = 0, squares = 0, exact_squares = 0;
  for (const auto& [name, gradient] : exact.gradients) {
    const std::vector<float>& other = rounded.gradients.at(name);
    for (std::size_t i = 0; i < gradient.size(); ++i) {
      dot += static_cast<double>(gradient[i]) * static_cast<double>(other[i]);
      squares += static_cast<double>(other[i]) * static_cast<double>(other[i]);
      exact_squares += static_cast<double>(gradient[i]) * static_cast<double>(gradient[i]);
    }
  }
  EXPECT_GT(dot / std::sqrt(squares * exact_squares), 0.98);
}

/// L changes along a random direction as the gradient says, whatever torch thinks.
void expect_loss_follows_gradient(const Model& model, const Task& task) {
  const Outcome at = learn(model, task);
  Rng rng(5);
  std::map<std::string, std::vector<float>> direction;
  double slope = 0;
  for (const auto& [name, gradient] : at.gradients) {
    std::vector<float>& part = direction[name];
    for (const float value : gradient) {
      // Along the gradient, roughly, so that the slope is far above f32's noise.
      part.push_back(value * static_cast<float>(rng.uniform() + 0.5));
      slope += static_cast<double>(part.back()) * static_cast<double>(value);
    }
  }
  const auto loss_at = [&](float step) {
    for (Parameter& parameter : model.parameters()->all()) {
      const std::vector<float>& part = direction[parameter.name];
      for (std::size_t i = 0; i < part.size(); ++i) parameter.values[i] += step * part[i];
    }
    const Outcome moved = learn(model, task, {.with_tape = false});
    return moved.loss + static_cast<double>(kBalance) * moved.balance;
  };
  const auto step = static_cast<float>(2e-4 / std::sqrt(slope));
  const double above = loss_at(step);
  const double below = loss_at(-2 * step);
  EXPECT_NEAR((above - below) / (2 * static_cast<double>(step)) / slope, 1, 0.02);
}

/// Not those with experts: L jumps where a row changes its expert.
class SmoothFamilyGradients : public FamilyGradients {};

TEST_P(SmoothFamilyGradients, LossFollowsTheGradient) {
  expect_loss_follows_gradient(*load(folder()), task_of(folder()));
}

/// Everything that a family leaves open, at once.
std::shared_ptr<Model> model_with_options() {
  ThreadPool pool(2);
  Hyperparameters hyper;
  hyper.family = "llama";
  hyper.layers = 3;
  hyper.channels = 32;
  hyper.heads = 4;
  hyper.kv_heads = 2;
  hyper.context_length = 32;
  hyper.vocabulary = 60;
  hyper.attention_soft_cap = 2;
  hyper.logit_soft_cap = 4;
  const auto model =
      Model::create(hyper,
                    {.tied_embeddings = false,
                     .deviation = 0.3f,
                     .optional_tensors = {"blk.{}.attn_q_norm.weight", "blk.{}.attn_k_norm.weight",
                                          "blk.{}.attn_q.bias", "blk.{}.ffn_down.bias",
                                          "blk.{}.attn_v_mix.weight"}},
                    pool);
  Rng rng(3);
  for (Parameter& parameter : model->parameters()->all()) {
    if (parameter.role != Parameter::Role::vector) continue;
    for (std::int64_t i = 0; i < parameter.count(); ++i) {
      parameter.values[i] += static_cast<float>(rng.uniform() - 0.5) * 0.4f;
    }
  }
  return model;
}

Task random_task(Token vocabulary) {
  Rng rng(8);
  Task task;
  for (const std::size_t length : {std::size_t{13}, std::size_t{7}}) {
    std::vector<Token> tokens;
    for (std::size_t i = 0; i < length; ++i) {
      tokens.push_back(static_cast<Token>(rng() % static_cast<std::uint64_t>(vocabulary)));
    }
    task.add_sequence(tokens);
  }
  return task;
}

TEST(OptionGradients, AreTheSameBytesAtAnyThreadCountAndWithCheckpoints) {
  const auto model = model_with_options();
  ASSERT_NE(model->parameters()->find("blk.2.attn_v_mix.weight"), nullptr);
  ASSERT_EQ(model->parameters()->find("blk.0.attn_v_mix.weight"), nullptr) << "nothing to mix in";
  const Task task = random_task(60);
  const Outcome expected = learn(*model, task, {.threads = 1});
  for (const Settings& settings :
       {Settings{.threads = 3}, Settings{.checkpoint = 1}, Settings{.checkpoint = 4}}) {
    const Outcome got = learn(*model, task, settings);
    EXPECT_EQ(got.loss, expected.loss);
    EXPECT_EQ(got.gradients, expected.gradients) << "checkpoint " << settings.checkpoint;
  }
  for (const auto& [name, gradient] : expected.gradients) EXPECT_GT(largest(gradient), 0) << name;
}

TEST(OptionGradients, LossFollowsTheGradient) {
  const auto model = model_with_options();
  expect_loss_follows_gradient(*model, random_task(60));
}

INSTANTIATE_TEST_SUITE_P(Goldens, FamilyGradients,
                         testing::Values("llama", "mistral", "qwen2", "qwen3", "qwen3_moe",
                                         "gemma2", "gemma3", "gpt2", "phi3", "bert", "mamba",
                                         "mamba2", "jamba", "falcon_h1"),
                         [](const auto& family) { return std::string(family.param); });
INSTANTIATE_TEST_SUITE_P(Goldens, SmoothFamilyGradients,
                         testing::Values("llama", "mistral", "qwen2", "qwen3", "gemma2", "gemma3",
                                         "gpt2", "phi3", "bert", "mamba", "mamba2", "falcon_h1"),
                         [](const auto& family) { return std::string(family.param); });

}  // namespace
}  // namespace jielong
