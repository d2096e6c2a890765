#include "evaluate/state_similarity.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "evaluate/length_cost.h"
#include "facade/tiny_model.h"

namespace jielong {
namespace {

TEST(StateSimilarity, ComparesVectors) {
  const std::vector<std::vector<float>> first{{1, 0}, {0, 2}}, second{{3, 0}, {1, 3}};
  const StateSimilarity result = compare_states(first, second);
  EXPECT_NEAR(result.same, (1 + std::sqrt(0.9)) / 2, 1e-6);
  EXPECT_NEAR(result.other, (std::sqrt(0.1) + 0) / 2, 1e-6);
  EXPECT_EQ(result.retrieval.count, 4);
  EXPECT_EQ(result.retrieval.hits, 4);
  // Exchanged, no text finds its own.
  const std::vector<std::vector<float>> wrong{{0, 1}, {1, 0}};
  EXPECT_EQ(compare_states(first, wrong).retrieval.hits, 0);
  // A tie is not a find.
  const std::vector<std::vector<float>> alike{{1, 1}, {1, 1}};
  EXPECT_EQ(compare_states(alike, alike).retrieval.hits, 0);
  EXPECT_THROW(compare_states(std::span(first).first(1), std::span(second).first(1)), Error);
}

class SimilarityOfModel : public testing::Test {
 protected:
  SimilarityOfModel() : tiny_(longer()) {
    auto model = Model::load(tiny_.path());
    model->prepare(pool_);
    model_ = model;
  }
  static test::TinyModel::Parts longer() {
    test::TinyModel::Parts parts;
    parts.context = 512;
    return parts;
  }
  test::TinyModel tiny_;
  ThreadPool pool_{2};
  std::shared_ptr<const Model> model_;
};

TEST_F(SimilarityOfModel, SeesEveryLayer) {
  ModelRunner runner(model_, pool_);
  const std::vector<TextPair> pairs{{"one", "one"}, {"two words", "two words"}, {"3", "3"}};
  const auto layers = measure_state_similarity(runner, pairs);
  ASSERT_EQ(static_cast<std::int64_t>(layers.size()), model_->hyper().layers + 1);
  for (std::size_t i = 0; i < layers.size(); ++i) {
    EXPECT_EQ(layers[i].layer, static_cast<std::int64_t>(i));
    EXPECT_NEAR(layers[i].same, 1, 1e-5);  // the texts are equal
    EXPECT_LT(layers[i].other, 0.999);
    EXPECT_EQ(layers[i].retrieval.hits, 6);
  }
  std::atomic<bool> cancel{true};
  EXPECT_THROW(measure_state_similarity(runner, pairs, &cancel), Error);
}

TEST_F(SimilarityOfModel, LengthCostGrowsWithTheChain) {
  ModelRunner runner(model_, pool_);
  const std::vector<std::int64_t> lengths{0, 300};
  const auto costs = measure_length_cost(runner, lengths, 2);
  ASSERT_EQ(costs.size(), 2U);
  EXPECT_EQ(costs[1].length, 300);
  EXPECT_GT(costs[0].seconds_per_token, 0);
  // Keys and values of 302 tokens take five blocks, those of two tokens one.
  EXPECT_EQ(costs[1].state_bytes, 5 * costs[0].state_bytes);
  EXPECT_EQ(runner.used_blocks(), 0U);
  const std::vector<std::int64_t> too_long{511};
  EXPECT_THROW(measure_length_cost(runner, too_long, 2), Error);
  const std::vector<std::int64_t> falling{10, 5};
  EXPECT_THROW(measure_length_cost(runner, falling, 2), Error);
}

}  // namespace
}  // namespace jielong
