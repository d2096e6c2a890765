// The promise of Runner: a chain's logits are the same bytes whatever the batch, the
// chunking, the thread count or who watches.

#include "model/model_runner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "base/error.h"

namespace jielong {
namespace {

namespace fs = std::filesystem;

const fs::path kGoldens = fs::path(JIELONG_TEST_DATA) / "model" / "goldens";

std::shared_ptr<Model> load(const char* family, ThreadPool& pool) {
  auto model = Model::load(kGoldens / family);
  model->prepare(pool);
  return model;
}

std::vector<Token> some_tokens(std::size_t count, Token first = 3) {
  std::vector<Token> tokens;
  for (std::size_t i = 0; i < count; ++i) {
    tokens.push_back((first + static_cast<Token>(i * i + 7 * i)) % 80);
  }
  return tokens;
}

std::vector<float> copy(const Logits& logits) {
  return {logits.data, logits.data + logits.rows * logits.vocabulary};
}

std::vector<float> evaluate(Runner& runner, SequenceId id, std::span<const Token> tokens,
                            bool all = true) {
  const Slice slice{id, tokens, all};
  return copy(runner.evaluate({&slice, 1}));
}

class Determinism : public testing::TestWithParam<const char*> {};

TEST_P(Determinism, SameBytesForAnyChunkingThreadsBatchAndObserver) {
  ThreadPool one(1);
  const auto model = load(GetParam(), one);
  const auto tokens = some_tokens(45);
  for (const KvType type : {KvType::f32, KvType::f16, KvType::q8_0}) {
    ModelRunner whole(model, one, {.kv_type = type});
    const auto expected = evaluate(whole, whole.open(), tokens);

    // One token at a time, on several threads.
    ThreadPool three(3);
    ModelRunner stepwise(model, three, {.kv_type = type});
    const SequenceId chain = stepwise.open();
    std::vector<float> steps;
    for (const Token token : tokens) {
      const auto row = evaluate(stepwise, chain, {&token, 1});
      steps.insert(steps.end(), row.begin(), row.end());
    }
    EXPECT_EQ(steps, expected) << "token by token";

    // Small batches that cut the prompt at odd places.
    ModelRunner chunked(model, three, {.kv_type = type, .batch_rows = 7});
    EXPECT_EQ(evaluate(chunked, chunked.open(), tokens), expected) << "in chunks of 7";

    // Beside other chains of other lengths.
    ModelRunner busy(model, three, {.kv_type = type});
    const auto other = some_tokens(21, 11), third = some_tokens(3, 40);
    const Slice slices[] = {
        {busy.open(), other, false}, {busy.open(), tokens, true}, {busy.open(), third, true}};
    const auto batch = copy(busy.evaluate(slices));
    const std::vector<float> middle(
        batch.begin() + model->hyper().vocabulary,
        batch.begin() + model->hyper().vocabulary * static_cast<std::int64_t>(1 + tokens.size()));
    EXPECT_EQ(middle, expected) << "in a batch";

    // Under observation.
    ModelRunner watched(model, three, {.kv_type = type});
    watched.set_tap([](std::string_view, Tensor) {});
    EXPECT_EQ(evaluate(watched, watched.open(), tokens), expected) << "observed";
  }
}

INSTANTIATE_TEST_SUITE_P(Goldens, Determinism,
                         testing::Values("llama", "mistral", "qwen2", "qwen3_moe", "gemma2",
                                         "gemma3", "gpt2", "phi3", "mamba", "mamba2", "jamba",
                                         "falcon_h1", "qwen3_next"),
                         [](const auto& family) { return std::string(family.param); });

class RunnerTest : public testing::Test {
 protected:
  ThreadPool pool_{2};
  std::shared_ptr<Model> model_ = load("llama", pool_);
};

TEST_F(RunnerTest, AForkContinuesLikeItsOrigin) {
  ModelRunner runner(model_, pool_);
  const auto tokens = some_tokens(90);
  const std::span all(tokens);
  const SequenceId origin = runner.open();
  evaluate(runner, origin, all.first(70), false);
  for (const std::int64_t shared : {1, 63, 64, 65, 70}) {
    const SequenceId fork = runner.fork(origin, shared);
    EXPECT_EQ(runner.length(fork), shared);
    const auto rest = all.subspan(static_cast<std::size_t>(shared));
    const SequenceId fresh = runner.open();
    evaluate(runner, fresh, all.first(static_cast<std::size_t>(shared)), false);
    EXPECT_EQ(evaluate(runner, fork, rest), evaluate(runner, fresh, rest)) << shared;
    runner.close(fork);
    runner.close(fresh);
  }
  // The origin is unharmed by what its forks wrote.
  const SequenceId fresh = runner.open();
  evaluate(runner, fresh, all.first(70), false);
  EXPECT_EQ(evaluate(runner, origin, all.subspan(70)), evaluate(runner, fresh, all.subspan(70)));
}

TEST_F(RunnerTest, ForksShareMemory) {
  ModelRunner runner(model_, pool_);
  const SequenceId origin = runner.open();
  evaluate(runner, origin, some_tokens(64), false);
  const std::size_t before = runner.cache().used_blocks();
  const SequenceId fork = runner.fork(origin, 64);
  EXPECT_EQ(runner.cache().used_blocks(), before);
  runner.close(origin);
  EXPECT_EQ(runner.cache().used_blocks(), before);
  runner.close(fork);
  EXPECT_EQ(runner.cache().used_blocks(), 0u);
}

TEST_F(RunnerTest, TruncatingForgets) {
  ModelRunner runner(model_, pool_);
  const auto tokens = some_tokens(40);
  const std::span all(tokens);
  const SequenceId id = runner.open();
  const auto expected = evaluate(runner, id, all);
  runner.truncate(id, 10);
  EXPECT_EQ(runner.length(id), 10);
  const auto again = evaluate(runner, id, all.subspan(10));
  EXPECT_TRUE(std::equal(again.begin(), again.end(),
                         expected.end() - static_cast<std::ptrdiff_t>(again.size())));
}

TEST_F(RunnerTest, RefusesWhatDoesNotFitAndChangesNothing) {
  ModelRunner runner(model_, pool_, {.context_length = 64, .max_chains = 1});
  const SequenceId id = runner.open();
  evaluate(runner, id, some_tokens(60), false);
  const auto five = some_tokens(5);
  try {
    evaluate(runner, id, five);
    FAIL() << "65 tokens in a context of 64";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::limit);
  }
  EXPECT_EQ(runner.length(id), 60);
  // The cache holds one chain of full length.
  const SequenceId second = runner.open();
  EXPECT_THROW(evaluate(runner, second, five), Error);
  runner.close(id);
  EXPECT_NO_THROW(evaluate(runner, second, five));
}

TEST_F(RunnerTest, RefusesBadTokensAndHandles) {
  ModelRunner runner(model_, pool_);
  const SequenceId id = runner.open();
  for (const Token bad : {-1, 80, 1 << 30}) EXPECT_THROW(evaluate(runner, id, {&bad, 1}), Error);
  const Token good = 1;
  for (const SequenceId bad : {-1, id + 1}) EXPECT_THROW(evaluate(runner, bad, {&good, 1}), Error);
  EXPECT_THROW(evaluate(runner, id, {}), Error);
  const Slice twice[] = {{id, {&good, 1}, false}, {id, {&good, 1}, false}};
  EXPECT_THROW(runner.evaluate(twice), Error);
  EXPECT_THROW(runner.truncate(id, 1), Error);
  EXPECT_THROW(runner.fork(id, 1), Error);
  runner.close(id);
  EXPECT_THROW(runner.close(id), Error);
}

TEST_F(RunnerTest, ATapCanChangeWhatFollows) {
  ModelRunner runner(model_, pool_);
  const auto tokens = some_tokens(8);
  const auto plain = evaluate(runner, runner.open(), tokens);
  runner.set_tap([](std::string_view name, Tensor x) {
    if (name == "blk.0.ffn_down.weight.out") x.row(x.rows - 1)[0] += 1;
  });
  const auto changed = evaluate(runner, runner.open(), tokens);
  const auto vocabulary = static_cast<std::size_t>(model_->hyper().vocabulary);
  EXPECT_NE(std::vector(plain.end() - static_cast<std::ptrdiff_t>(vocabulary), plain.end()),
            std::vector(changed.end() - static_cast<std::ptrdiff_t>(vocabulary), changed.end()));
  EXPECT_TRUE(std::equal(plain.begin(), plain.end() - static_cast<std::ptrdiff_t>(vocabulary),
                         changed.begin()))
      << "earlier tokens must not see the change";
}

}  // namespace
}  // namespace jielong
