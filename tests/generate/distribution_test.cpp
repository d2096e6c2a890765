#include "generate/distribution.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/random.h"
#include "generate/partial_select.h"

namespace jielong {
namespace {

std::vector<float> random_logits(std::size_t n, std::uint64_t seed, int distinct) {
  Rng rng(seed);
  std::vector<float> logits(n);
  for (float& x : logits) {
    x = static_cast<float>(std::floor(rng.uniform() * distinct)) / 8.0F;
    if (rng.uniform() < 0.05) x = Distribution::kExcluded;
  }
  return logits;
}

std::vector<Candidate> sorted_naively(const std::vector<float>& logits) {
  std::vector<Candidate> all;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] != Distribution::kExcluded) all.push_back({static_cast<Token>(i), logits[i]});
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const Candidate& a, const Candidate& b) { return a.logit > b.logit; });
  return all;
}

TEST(PartialSelect, EqualsASortWithTies) {
  for (const std::size_t n : {1U, 63U, 64U, 65U, 1000U, 5000U}) {
    for (const int distinct : {3, 50, 100000}) {
      const auto logits = random_logits(n, n + static_cast<std::size_t>(distinct), distinct);
      const auto expected = sorted_naively(logits);
      for (const std::int64_t k : {1, 2, 40, 64, 700, 10000}) {
        std::vector<Candidate> actual;
        select_largest(logits, k, actual);
        ASSERT_EQ(actual.size(), std::min(expected.size(), static_cast<std::size_t>(k)));
        for (std::size_t i = 0; i < actual.size(); ++i) {
          ASSERT_EQ(actual[i].token, expected[i].token) << n << " " << k << " " << i;
        }
      }
    }
  }
}

TEST(PartialSelect, MassEqualsASortedWalk) {
  for (const int distinct : {3, 50, 100000}) {
    const auto values = random_logits(3000, static_cast<std::uint64_t>(distinct), distinct);
    std::vector<float> weights(values.size());
    Rng rng(5);
    double total = 0;
    for (float& weight : weights)
      total += static_cast<double>(weight = static_cast<float>(rng.uniform()));
    const auto sorted = sorted_naively(values);
    for (const double share : {0.001, 0.3, 0.9, 2.0}) {
      std::vector<Candidate> actual, expected;
      select_mass(values, weights, share * total, actual);
      double sum = 0;
      for (const Candidate& c : sorted) {
        if (sum >= share * total) break;
        expected.push_back(c);
        sum += static_cast<double>(weights[static_cast<std::size_t>(c.token)]);
      }
      ASSERT_EQ(actual.size(), expected.size()) << distinct << " " << share;
      std::sort(actual.begin(), actual.end(), comes_before);
      for (std::size_t i = 0; i < actual.size(); ++i) {
        ASSERT_EQ(actual[i].token, expected[i].token);
      }
    }
  }
}

TEST(Distribution, CutsOnDenseAndListAgree) {
  const auto logits = random_logits(3000, 9, 100000);
  const auto compare = [&](auto cut) {
    Distribution dense, list;
    dense.assign(logits);
    list.assign(logits);
    list.sorted();
    cut(dense);
    cut(list);
    const auto a = dense.probabilities(), b = list.probabilities();
    ASSERT_EQ(a.size(), b.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
      ASSERT_EQ(a[i].token, b[i].token);
      ASSERT_NEAR(a[i].probability, b[i].probability, 1e-7);
    }
  };
  compare([](Distribution& d) { d.keep_largest(40); });
  compare([](Distribution& d) { d.keep_above(d.max_logit() - 3000, 1); });
  compare([](Distribution& d) { d.keep_above(1e30F, 7); });
  compare([](Distribution& d) { d.keep_mass(0.9, 1); });
  compare([](Distribution& d) { d.keep_mass(0.0, 3); });
}

TEST(Distribution, KeepsWhatAMaskAllows) {
  Rng rng(8);
  for (const std::size_t every : {2U, 3U, 70U}) {  // more than a list holds, and fewer
    const std::size_t size = 5003;
    std::vector<float> logits(size);
    for (float& x : logits) x = static_cast<float>(rng.uniform());
    logits[every] = Distribution::kExcluded;
    std::vector<std::uint64_t> mask(size / 64, 0);  // ends before the last tokens
    for (std::size_t i = 0; i < mask.size() * 64; i += every) mask[i / 64] |= 1ULL << (i % 64);
    Distribution dense, list;
    dense.assign(logits);
    list.assign(logits);
    list.keep_largest(500);
    const std::vector<TokenProbability> before = list.top(500);
    dense.keep_allowed(mask);
    list.keep_allowed(mask);
    const auto allowed = [&](std::size_t token) {
      return token % every == 0 && token < mask.size() * 64;
    };
    for (std::size_t i = 0; i < size; ++i) {
      const bool kept = allowed(i) && i != every;
      ASSERT_EQ(dense.logit(static_cast<Token>(i)) != Distribution::kExcluded, kept) << i;
      if (kept) {
        ASSERT_EQ(dense.logit(static_cast<Token>(i)), logits[i]);
      }
    }
    const auto survivors = std::count_if(before.begin(), before.end(), [&](const auto& entry) {
      return allowed(static_cast<std::size_t>(entry.token));
    });
    EXPECT_EQ(list.survivors(), survivors);
  }
}

TEST(Distribution, NucleusLargerThanTheFirstGuess) {
  std::vector<float> flat(5000, 1.0F);
  Distribution d;
  d.assign(flat);
  d.keep_mass(0.5, 1);
  EXPECT_NEAR(static_cast<double>(d.survivors()), 2500, 2);
}

TEST(Distribution, SurvivesBrokenLogits) {
  const float infinite = std::numeric_limits<float>::infinity();
  Distribution d;
  d.assign(std::vector<float>{NAN, infinite, -infinite, 1});
  EXPECT_EQ(d.survivors(), 2);
  EXPECT_NEAR(d.probability(1), 1, 1e-9);
  EXPECT_EQ(d.draw(0.99).token, 1);
  d.assign(std::vector<float>{NAN, NAN});
  EXPECT_THROW(d.draw(0.5), Error);
  EXPECT_THROW(d.max_logit(), Error);
  d.assign({});
  EXPECT_THROW(d.draw(0.5), Error);
}

TEST(Distribution, DrawsFollowTheProbabilities) {
  for (const bool list : {false, true}) {
    std::vector<float> logits(1000, Distribution::kExcluded);
    logits[3] = std::log(0.5F);
    logits[700] = std::log(0.3F);
    logits[999] = std::log(0.2F);
    Distribution d;
    d.assign(logits);
    if (list) d.sorted();
    EXPECT_EQ(d.draw(0).token, 3);
    EXPECT_EQ(d.draw(0.49).token, 3);
    EXPECT_EQ(d.draw(0.51).token, 700);
    EXPECT_EQ(d.draw(0.79).token, 700);
    EXPECT_EQ(d.draw(0.81).token, 999);
    EXPECT_EQ(d.draw(0.9999999999).token, 999);
    EXPECT_NEAR(d.draw(0.6).probability, 0.3, 1e-6);
  }
}

TEST(Distribution, EntropyAndMoments) {
  Distribution d;
  d.assign(std::vector<float>{0, 0, 0, 0, Distribution::kExcluded});
  EXPECT_NEAR(d.entropy(), std::log(4.0), 1e-6);
  EXPECT_EQ(d.moments().mean, 0);
  d.assign(std::vector<float>{1, 3});
  EXPECT_EQ(d.moments().mean, 2);
  EXPECT_EQ(d.moments().deviation, 1);
}

}  // namespace
}  // namespace jielong
