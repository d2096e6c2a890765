// Value residual learning: later layers mix in the first one's values, in training, with
// checkpointing, and in inference with a cache.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "model/model.h"
#include "model/model_runner.h"
#include "tensor/ops/cross_entropy.h"
#include "tensor/tape.h"

namespace jielong {
namespace {

const std::vector<Token> kTokens = {5, 3, 70, 9, 5, 44, 12, 79, 0, 21};

std::shared_ptr<Model> make_model(ThreadPool& pool) {
  Hyperparameters hyper;
  hyper.family = "llama";
  hyper.layers = 3;
  hyper.channels = 32;
  hyper.heads = 4;
  hyper.kv_heads = 2;
  hyper.feed_forward = 48;
  hyper.context_length = 64;
  hyper.vocabulary = 80;
  CreateOptions options;
  options.deviation = 0.3f;
  options.optional_tensors = {"blk.{}.attn_v_mix.weight"};
  return Model::create(hyper, options, pool);
}

Batch make_batch() {
  Batch batch;
  batch.tokens = kTokens;
  batch.sequences.push_back({0, batch.rows(), 0, nullptr});
  for (std::int64_t i = 0; i < batch.rows(); ++i) {
    batch.positions.push_back(i);
    batch.output_rows.push_back(i);
  }
  return batch;
}

void set_shares(Model& model, float share) {
  for (Parameter& p : model.parameters()->all()) {
    if (p.name.find("attn_v_mix") != std::string::npos) p.values[0] = share;
  }
}

/// Logits of the whole sequence without a cache.
std::vector<float> logits(const Model& model, ThreadPool& pool) {
  Workspace workspace(pool);
  Pass pass(workspace);
  const Batch batch = make_batch();
  ModelPass model_pass(pass, batch);
  const Tensor scores = model.stack().logits(model_pass);
  return {scores.data, scores.data + scores.rows * scores.channels};
}

TEST(ValueResidual, TheFirstLayerGivesAndTheOthersMix) {
  ThreadPool pool(2);
  const auto model = make_model(pool);
  EXPECT_EQ(model->parameters()->find("blk.0.attn_v_mix.weight"), nullptr);
  for (const char* name : {"blk.1.attn_v_mix.weight", "blk.2.attn_v_mix.weight"}) {
    const Parameter* share = model->parameters()->find(name);
    ASSERT_NE(share, nullptr);
    EXPECT_EQ(share->count(), 1);
    EXPECT_EQ(share->values[0], 0.5f);
  }
  const std::vector<float> before = logits(*model, pool);
  set_shares(*model, 0.4f);
  EXPECT_NE(logits(*model, pool), before);
}

TEST(ValueResidual, GivesACacheWhatItGivesTraining) {
  ThreadPool pool(2);
  const auto model = make_model(pool);
  set_shares(*model, 0.4f);
  const std::vector<float> expected = logits(*model, pool);
  ModelRunner runner(model, pool, {.kv_type = KvType::f32});
  const SequenceId chain = runner.open();
  std::vector<float> got;
  for (const Token& token : kTokens) {
    const Slice slice{chain, {&token, 1}, true};
    const Logits row = runner.evaluate({&slice, 1});
    got.insert(got.end(), row.data, row.data + row.vocabulary);
  }
  ASSERT_EQ(got.size(), expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], 2e-4f);
}

TEST(ValueResidual, CheckpointingKeepsTheBytesOfGradients) {
  ThreadPool pool(2);
  const auto model = make_model(pool);
  set_shares(*model, 0.4f);
  std::vector<std::vector<float>> gradients;
  for (const std::int64_t checkpoint : {0, 1, 2, 3}) {
    Workspace workspace(pool);
    model->parameters()->zero_gradients(pool);
    Tape tape(*model->parameters());
    Pass pass(workspace, nullptr, &tape);
    const Batch batch = make_batch();
    ModelPass model_pass(pass, batch);
    model_pass.checkpoint_residuals = checkpoint;
    const Tensor x = model->stack().hidden(model_pass);
    const std::vector<Token> targets(kTokens.rbegin(), kTokens.rend());
    cross_entropy(pass, x, model->stack().head, {.targets = targets, .scale = 0.1f});
    tape.backward();
    gradients.emplace_back();
    for (const Parameter& p : model->parameters()->all()) {
      gradients.back().insert(gradients.back().end(), p.gradient, p.gradient + p.count());
    }
    EXPECT_NE(model->parameters()->find("blk.2.attn_v_mix.weight")->gradient[0], 0);
    EXPECT_EQ(gradients.back(), gradients.front()) << checkpoint;
  }
}

}  // namespace
}  // namespace jielong
