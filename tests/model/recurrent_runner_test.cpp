// Chains of recurrent models: cutting, forking and failing give the same bytes as a fresh chain,
// though the state of the middle is gone, and snapshots stay within their number.

#include <gtest/gtest.h>

#include <filesystem>
#include <stdexcept>
#include <vector>

#include "base/error.h"
#include "model/model_runner.h"

namespace jielong {
namespace {

const std::filesystem::path kGoldens =
    std::filesystem::path(JIELONG_TEST_DATA) / "model" / "goldens";

std::vector<Token> some_tokens(std::size_t count, std::size_t first = 0) {
  std::vector<Token> tokens;
  for (std::size_t i = first; i < first + count; ++i) {
    tokens.push_back(static_cast<Token>((3 + i * i + 7 * i) % 80));
  }
  return tokens;
}

class RecurrentRunner : public testing::TestWithParam<const char*> {
 protected:
  /// A context that takes several snapshots, whatever the tiny model was made for.
  static constexpr std::int64_t kContext = 3 * StateStore::kInterval;

  RecurrentRunner() {
    model_ = Model::load(kGoldens / GetParam(), {.context_length = kContext});
    model_->prepare(pool_);
  }
  std::vector<float> evaluate(ModelRunner& runner, SequenceId id, std::span<const Token> tokens) {
    const Slice slice{id, tokens, false};
    const Logits logits = runner.evaluate({&slice, 1});
    return {logits.data, logits.data + logits.vocabulary};
  }
  /// What a chain that never was anything else says after these tokens.
  std::vector<float> fresh(std::span<const Token> tokens) {
    ModelRunner runner(model_, pool_);
    return evaluate(runner, runner.open(), tokens);
  }

  ThreadPool pool_{1};
  std::shared_ptr<Model> model_;
};

constexpr std::int64_t kLong = 2 * StateStore::kInterval + 40;

TEST_P(RecurrentRunner, ContinuesWhereItWasCut) {
  ModelRunner runner(model_, pool_);
  const auto tokens = some_tokens(kLong), other = some_tokens(9, 1000);
  const SequenceId id = runner.open();
  evaluate(runner, id, tokens);
  for (const std::int64_t length : {kLong - 1, StateStore::kInterval + 3, StateStore::kInterval,
                                    std::int64_t{17}, std::int64_t{0}}) {
    runner.truncate(id, length);
    EXPECT_EQ(runner.length(id), length);
    std::vector<Token> chain(tokens.begin(), tokens.begin() + length);
    chain.insert(chain.end(), other.begin(), other.end());
    EXPECT_EQ(evaluate(runner, id, other), fresh(chain)) << length;
    runner.truncate(id, length);
  }
}

TEST_P(RecurrentRunner, ForksContinueByThemselves) {
  ModelRunner runner(model_, pool_);
  const auto tokens = some_tokens(kLong), other = some_tokens(5, 1000);
  const SequenceId origin = runner.open();
  evaluate(runner, origin, tokens);
  const SequenceId whole = runner.fork(origin, kLong);
  const SequenceId half = runner.fork(origin, StateStore::kInterval + 30);
  const SequenceId again = runner.fork(half, StateStore::kInterval + 10);
  runner.close(origin);
  const auto expect = [&](SequenceId id, std::int64_t length) {
    std::vector<Token> chain(tokens.begin(), tokens.begin() + length);
    chain.insert(chain.end(), other.begin(), other.end());
    EXPECT_EQ(evaluate(runner, id, other), fresh(chain)) << length;
  };
  expect(whole, kLong);
  expect(half, StateStore::kInterval + 30);
  expect(again, StateStore::kInterval + 10);
}

TEST_P(RecurrentRunner, AnInterruptedPassChangesNothing) {
  ModelRunner runner(model_, pool_);
  const auto tokens = some_tokens(20), other = some_tokens(6, 1000);
  const SequenceId id = runner.open();
  evaluate(runner, id, tokens);
  runner.set_tap([](std::string_view name, Tensor) {
    if (name.starts_with("residual.1")) throw std::runtime_error("enough");
  });
  EXPECT_THROW(evaluate(runner, id, other), std::runtime_error);
  runner.set_tap({});
  EXPECT_EQ(runner.length(id), 20);
  std::vector<Token> chain = tokens;
  chain.insert(chain.end(), other.begin(), other.end());
  EXPECT_EQ(evaluate(runner, id, other), fresh(chain));
}

TEST_P(RecurrentRunner, KeepsSnapshotsWithinTheirNumber) {
  ModelRunner runner(model_, pool_, {.max_chains = 2});
  const StateStore& states = runner.cache().states();
  const auto tokens = some_tokens(kLong);
  for (int i = 0; i < 4; ++i) {
    const SequenceId id = runner.open();
    evaluate(runner, id, tokens);
    runner.close(id);
    EXPECT_LE(states.snapshots(), states.max_snapshots());
  }
  EXPECT_EQ(states.snapshots(), states.max_snapshots());
  // A chain whose snapshots have gone begins anew.
  const SequenceId id = runner.open();
  evaluate(runner, id, tokens);
  for (int i = 0; i < 8; ++i) {
    const SequenceId crowd = runner.fork(id, 0);
    evaluate(runner, crowd, some_tokens(StateStore::kInterval, 500));
    runner.close(crowd);
  }
  runner.truncate(id, StateStore::kInterval + 1);
  const auto other = some_tokens(3, 1000);
  std::vector<Token> chain(tokens.begin(), tokens.begin() + StateStore::kInterval + 1);
  chain.insert(chain.end(), other.begin(), other.end());
  EXPECT_EQ(evaluate(runner, id, other), fresh(chain));
}

TEST_P(RecurrentRunner, BlocksCannotBeSaved) {
  ModelRunner runner(model_, pool_);
  EXPECT_TRUE(runner.block_format().empty());
  const SequenceId id = runner.open();
  EXPECT_THROW(runner.append_block(id, 1, {}), Error);
}

INSTANTIATE_TEST_SUITE_P(Families, RecurrentRunner, testing::Values("mamba", "mamba2", "jamba"),
                         [](const auto& family) { return std::string(family.param); });

}  // namespace
}  // namespace jielong
