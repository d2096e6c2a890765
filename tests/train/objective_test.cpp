#include "train/objective.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "base/scratch.h"
#include "model/save_model.h"
#include "small_run.h"
#include "tensor/tape.h"

namespace jielong {
namespace {

constexpr std::int64_t kVocabulary = 24;

std::shared_ptr<Model> tiny_model(ThreadPool& pool, std::uint64_t seed = 3,
                                  const std::string& family = "llama") {
  Hyperparameters hyper;
  hyper.family = family;
  hyper.layers = 2;
  hyper.channels = 32;
  hyper.heads = 2;
  hyper.vocabulary = kVocabulary;
  hyper.context_length = 32;
  CreateOptions options;
  options.seed = seed;
  options.deviation = 0.2F;
  return Model::create(hyper, options, pool);
}

/// Sequences of random tokens that predict the next one, from `first` on.
TrainingBatch batch_of(std::int64_t sequences, std::int64_t length, std::int64_t first = 0) {
  TrainingBatch batch;
  Rng rng(9);
  for (std::int64_t i = 0; i < sequences; ++i) {
    batch.rows.sequences.push_back({batch.rows.rows(), length, 0, nullptr});
    for (std::int64_t j = 0; j < length; ++j) {
      const bool counts = j >= first;
      if (counts) batch.rows.output_rows.push_back(batch.rows.rows());
      batch.rows.tokens.push_back(static_cast<Token>(rng() % kVocabulary));
      batch.rows.positions.push_back(j);
      batch.targets.push_back(counts ? static_cast<Token>(rng() % kVocabulary)
                                     : TrainingBatch::kNoTarget);
    }
  }
  return batch;
}

class ObjectiveTest : public testing::Test {
 protected:
  ObjectiveResult run(Objective& objective, const TrainingBatch& batch) {
    workspace_.arena().release({});
    Pass pass(workspace_);
    return objective.run(pass, batch, 1);
  }

  /// The gradient of the mean loss, compared with the slope of the loss along it.
  void expect_gradient(Objective& objective, Parameters& parameters, const TrainingBatch& batch) {
    const double counted = objective.counted(batch);
    parameters.zero_gradients(pool_);
    Tape tape(parameters);
    workspace_.arena().release({});
    Pass pass(workspace_, nullptr, &tape);
    const ObjectiveResult recorded = objective.run(pass, batch, 1 / counted);
    EXPECT_EQ(recorded.counted, counted);
    double squares = 0;
    for (const Parameter& each : parameters.all()) {
      for (std::int64_t i = 0; i < each.count(); ++i) {
        squares += std::pow(static_cast<double>(each.gradient[i]), 2);
      }
    }
    ASSERT_GT(squares, 0);
    EXPECT_NEAR(run(objective, batch).loss, recorded.loss, 1e-4);
    // Moves θ by ± step along the unit gradient; the slope is the gradient's length.
    const double length = std::sqrt(squares), step = 0.005;
    const auto move = [&](double by) {
      for (Parameter& each : parameters.all()) {
        for (std::int64_t i = 0; i < each.count(); ++i) {
          each.values[i] += static_cast<float>(by * static_cast<double>(each.gradient[i]) / length);
        }
      }
    };
    move(step);
    const double above = run(objective, batch).loss / counted;
    move(-2 * step);
    const double below = run(objective, batch).loss / counted;
    move(step);
    EXPECT_NEAR((above - below) / (2 * step), length, 0.02 * length);
  }

  ThreadPool pool_{1};
  Workspace workspace_{pool_};
};

TEST_F(ObjectiveTest, TokensCountWhereTheyHaveTargets) {
  const auto model = tiny_model(pool_);
  TokenObjective objective(model);
  const TrainingBatch batch = batch_of(3, 8, 5);
  EXPECT_EQ(objective.counted(batch), 9);
  const ObjectiveResult result = run(objective, batch);
  EXPECT_EQ(result.counted, 9);
  EXPECT_GT(result.loss, 0);
  expect_gradient(objective, *model->parameters(), batch);
}

TEST_F(ObjectiveTest, EncodersPredictMaskedTokensWithTheirEmbedding) {
  const auto model = tiny_model(pool_, 3, "bert");
  ASSERT_FALSE(model->generates());
  TokenObjective objective(model);
  expect_gradient(objective, *model->parameters(), batch_of(3, 8, 5));
}

TEST_F(ObjectiveTest, SequencesDoNotSeeEachOther) {
  const auto model = tiny_model(pool_);
  TokenObjective objective(model);
  TrainingBatch two = batch_of(2, 6), first = batch_of(1, 6);
  TrainingBatch second = two;
  second.rows.tokens.erase(second.rows.tokens.begin(), second.rows.tokens.begin() + 6);
  second.rows.positions.resize(6);
  second.rows.output_rows.resize(6);
  second.rows.sequences = {{0, 6, 0, nullptr}};
  second.targets.erase(second.targets.begin(), second.targets.begin() + 6);
  EXPECT_NEAR(run(objective, two).loss, run(objective, first).loss + run(objective, second).loss,
              1e-4);
}

TEST_F(ObjectiveTest, CheckpointedPassesHaveTheSameGradient) {
  std::vector<float> gradients[2];
  for (const std::int64_t residuals : {0, 1}) {
    const auto model = tiny_model(pool_);
    TokenObjective objective(model, {.checkpoint_residuals = residuals});
    Tape tape(*model->parameters());
    workspace_.arena().release({});
    Pass pass(workspace_, nullptr, &tape);
    objective.run(pass, batch_of(2, 6), 1);
    for (const Parameter& each : model->parameters()->all()) {
      gradients[residuals].insert(gradients[residuals].end(), each.gradient,
                                  each.gradient + each.count());
    }
  }
  EXPECT_EQ(gradients[0], gradients[1]);
}

TEST_F(ObjectiveTest, SequencesAreClassified) {
  const auto model = tiny_model(pool_);
  ClassificationObjective objective(model, *model->parameters(), 3, 1);
  ASSERT_NE(model->parameters()->find("cls.output.weight"), nullptr);
  TrainingBatch batch = batch_of(4, 6);
  batch.labels = {0, 1, 2, 0};
  EXPECT_EQ(objective.counted(batch), 4);
  EXPECT_NEAR(run(objective, batch).loss / 4, std::log(3), 0.3);
  expect_gradient(objective, *model->parameters(), batch);
  batch.labels.pop_back();
  EXPECT_THROW(run(objective, batch), Error);
  EXPECT_THROW(ClassificationObjective(model, *model->parameters(), 4, 1), Error);
  EXPECT_THROW(ClassificationObjective(model, *model->parameters(), 1, 1), Error);
  EXPECT_NO_THROW(ClassificationObjective(model, *model->parameters(), 3, 1));
}

TEST_F(ObjectiveTest, PreferencesBeginAtTheReference) {
  const auto model = tiny_model(pool_), reference = tiny_model(pool_);
  DpoObjective objective(model, reference, 0.1);
  const TrainingBatch batch = batch_of(4, 8, 5);
  EXPECT_EQ(objective.counted(batch), 2);
  const ObjectiveResult result = run(objective, batch);
  EXPECT_NEAR(result.loss, 2 * std::log(2), 1e-5);
  ASSERT_EQ(result.sums.size(), objective.sum_names().size());
  EXPECT_NEAR(result.sums[0], 0, 1e-5);
  EXPECT_THROW(run(objective, batch_of(3, 8)), Error);
}

TEST_F(ObjectiveTest, PreferencesFollowTheirFormula) {
  const auto model = tiny_model(pool_, 3), reference = tiny_model(pool_, 4);
  DpoObjective objective(model, reference, 0.3);
  const TrainingBatch batch = batch_of(2, 8, 5);
  const auto log_probability = [&](const std::shared_ptr<Model>& of, std::int64_t sequence) {
    TokenObjective tokens(of);
    TrainingBatch one = batch;
    one.rows.output_rows =
        sequence == 0 ? std::vector<std::int64_t>{5, 6, 7} : std::vector<std::int64_t>{13, 14, 15};
    return -run(tokens, one).loss;
  };
  const double chosen = log_probability(model, 0) - log_probability(reference, 0);
  const double rejected = log_probability(model, 1) - log_probability(reference, 1);
  const double margin = 0.3 * (chosen - rejected);
  const ObjectiveResult result = run(objective, batch);
  EXPECT_NEAR(result.loss, std::log1p(std::exp(-margin)), 1e-4);
  EXPECT_NEAR(result.sums[0], margin, 1e-4);
  EXPECT_NEAR(result.sums[1], 0.3 * chosen, 1e-4);
  EXPECT_NEAR(result.sums[2], 0.3 * rejected, 1e-4);
  EXPECT_EQ(result.correct, margin > 0 ? 1 : 0);
  expect_gradient(objective, *model->parameters(), batch);
  EXPECT_THROW(DpoObjective(model, reference, 0), Error);
}

TEST_F(ObjectiveTest, ARealModelLearnsAndResumesFromItsOwnFile) {
  const test::Scratch scratch;
  auto options = test::small_options();
  options.steps = 8;
  options.optimizer.learning_rate = 0.01;
  const auto train = [&](const std::filesystem::path& folder, std::int64_t stop_at) {
    const auto model = tiny_model(pool_);
    TokenObjective objective(model);
    test::CountingSource source(1, kVocabulary);
    auto with = options;
    with.checkpoints = folder;
    TrainerParts parts;
    parts.save_model = [&](std::filesystem::path path) {
      path += ".gguf";
      save_model(*model, path);
      return path;
    };
    Trainer trainer(pool_, *model->parameters(), objective, source, with, parts);
    trainer.resume();
    test::Recorder recorder;
    std::atomic<bool> stop{false};
    while (trainer.steps_done() < stop_at) recorder.on_step(trainer.step());
    stop = stop_at < options.steps;
    trainer.run(recorder, &stop);
    return recorder.losses();
  };
  const auto whole = train(scratch / "whole", options.steps);
  EXPECT_LT(whole.back(), whole.front());
  auto parts = train(scratch / "parts", 5);
  for (const double loss : train(scratch / "parts", options.steps)) parts.push_back(loss);
  EXPECT_EQ(parts, whole);
  // The model's own file holds everything, so nothing is stored twice.
  const auto folder = newest_checkpoint(scratch / "parts")->folder;
  EXPECT_TRUE(std::filesystem::exists(folder / "model.gguf"));
  const auto model = Model::load(folder / "model.gguf");
  EXPECT_EQ(model->hyper().layers, 2);
}

}  // namespace
}  // namespace jielong
