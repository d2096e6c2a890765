#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "generate/sampler_chain.h"
#include "generate/sampler_settings.h"

namespace jielong {
namespace {

using testing::ElementsAre;

/// Everything off; the test switches on what it looks at.
SamplerSettings neutral() {
  SamplerSettings s;
  s.temperature = 1;
  s.top_k = 0;
  s.top_p = 1;
  s.min_p = 0;
  return s;
}

std::vector<float> logs(std::initializer_list<double> probabilities) {
  std::vector<float> logits;
  for (const double p : probabilities) logits.push_back(static_cast<float>(std::log(p)));
  return logits;
}

std::vector<double> probabilities(const SamplerSettings& settings, std::span<const float> logits,
                                  std::vector<Token> history = {}, PieceOf pieces = {}) {
  SamplerChain chain(settings, Rng(1), std::move(pieces));
  chain.start(history);
  std::vector<double> result(logits.size(), 0);
  for (const TokenProbability& c : chain.shape(logits).probabilities()) {
    result[static_cast<std::size_t>(c.token)] = c.probability;
  }
  return result;
}

void expect_near(const std::vector<double>& actual, const std::vector<double>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) {
    EXPECT_NEAR(actual[i], expected[i], 1e-6) << "token " << i;
  }
}

const std::vector<float> kFour = logs({0.4, 0.3, 0.2, 0.1});

TEST(Samplers, NeutralSettingsMakeAnEmptyChain) {
  EXPECT_TRUE(make_samplers(neutral(), {}).empty());
  expect_near(probabilities(neutral(), kFour), {0.4, 0.3, 0.2, 0.1});
}

TEST(Samplers, TemperatureDividesLogits) {
  SamplerSettings s = neutral();
  s.temperature = 0.5;  // squares the probabilities: 16, 9, 4, 1 of 30
  expect_near(probabilities(s, kFour), {16 / 30., 9 / 30., 4 / 30., 1 / 30.});
}

TEST(Samplers, TemperatureZeroIsGreedyAndTiesGoToTheSmallerToken) {
  SamplerSettings s = neutral();
  s.temperature = 0;
  expect_near(probabilities(s, std::vector<float>{1, 5, 5, 2}), {0, 1, 0, 0});
}

TEST(Samplers, DynamicTemperatureFollowsEntropy) {
  SamplerSettings s = neutral();
  s.temperature = 1;
  s.dynamic_temperature_range = 0.5;
  // Uniform: the relative entropy is 1, the temperature 1.5; nothing moves.
  expect_near(probabilities(s, logs({0.25, 0.25, 0.25, 0.25})), {0.25, 0.25, 0.25, 0.25});
  // (0.8, 0.2): H = 0.500402, relative 0.721928, T = 0.5 + 0.721928 = 1.221928.
  const double a = std::pow(0.8, 1 / 1.2219281), b = std::pow(0.2, 1 / 1.2219281);
  expect_near(probabilities(s, logs({0.8, 0.2})), {a / (a + b), b / (a + b)});
}

TEST(Samplers, TopK) {
  SamplerSettings s = neutral();
  s.top_k = 2;
  expect_near(probabilities(s, kFour), {4 / 7., 3 / 7., 0, 0});
  s.top_k = 100;
  expect_near(probabilities(s, kFour), {0.4, 0.3, 0.2, 0.1});
}

TEST(Samplers, TopPKeepsTheTokenThatReachesTheMass) {
  SamplerSettings s = neutral();
  s.top_p = 0.65;
  expect_near(probabilities(s, kFour), {4 / 7., 3 / 7., 0, 0});
  s.top_p = 0.75;
  expect_near(probabilities(s, kFour), {4 / 9., 3 / 9., 2 / 9., 0});
  s.top_p = 0;
  expect_near(probabilities(s, kFour), {1, 0, 0, 0});
  s.min_keep = 2;
  expect_near(probabilities(s, kFour), {4 / 7., 3 / 7., 0, 0});
}

TEST(Samplers, MinPIsRelativeToTheBest) {
  SamplerSettings s = neutral();
  s.min_p = 0.45;  // 0.18
  expect_near(probabilities(s, kFour), {4 / 9., 3 / 9., 2 / 9., 0});
  s.min_p = 1;
  expect_near(probabilities(s, kFour), {1, 0, 0, 0});
}

TEST(Samplers, TypicalTakesSurprisesNearTheEntropy) {
  SamplerSettings s = neutral();
  s.typical_p = 0.5;
  // H = 1.279854; surprises 0.916, 1.204, 1.609, 2.303; distances 0.364, 0.076, 0.330, 1.02.
  // By distance: 0.3, then 0.2 reaches 0.5 exactly or nearly; take 0.49 to be clear.
  s.typical_p = 0.49;
  expect_near(probabilities(s, kFour), {0, 0.6, 0.4, 0});
  s.typical_p = 0.6;
  expect_near(probabilities(s, kFour), {4 / 9., 3 / 9., 2 / 9., 0});
}

TEST(Samplers, TopNSigmaCutsBelowTheNoise) {
  SamplerSettings s = neutral();
  s.top_n_sigma = 1;
  // Logits 0, 0, 0, 10: mean 2.5, σ 4.3301; threshold 5.67.
  expect_near(probabilities(s, std::vector<float>{0, 0, 0, 10}), {0, 0, 0, 1});
  s.top_n_sigma = 3;
  const std::vector<double> all = probabilities(s, std::vector<float>{0, 0, 0, 10});
  EXPECT_GT(all[0], 0);
}

TEST(Samplers, XtcRemovesAllButTheLastTopChoice) {
  SamplerSettings s = neutral();
  s.xtc_probability = 1;
  s.xtc_threshold = 0.15;
  expect_near(probabilities(s, kFour), {0, 0, 2 / 3., 1 / 3.});
  s.xtc_threshold = 0.35;  // only one reaches it: nothing to exclude
  expect_near(probabilities(s, kFour), {0.4, 0.3, 0.2, 0.1});
  s.xtc_threshold = 0.6;
  expect_near(probabilities(s, kFour), {0.4, 0.3, 0.2, 0.1});
}

TEST(Samplers, XtcHappensAsOftenAsAsked) {
  SamplerSettings s = neutral();
  s.xtc_probability = 0.25;
  s.xtc_threshold = 0.15;
  SamplerChain chain(s, Rng(5));
  int happened = 0;
  for (int i = 0; i < 4000; ++i) happened += chain.shape(kFour).survivors() == 2;
  EXPECT_NEAR(happened, 1000, 120);
}

TEST(Samplers, PenaltiesLookAtTheWindow) {
  SamplerSettings s = neutral();
  s.repeat_penalty = 2;
  s.penalty_window = 3;
  const std::vector<float> logits{2, -2, 1, 1};
  // History 3 | 0 1 1 in the window: token 0 halves, token 1 doubles, 3 is too old.
  SamplerChain chain(s, Rng(1));
  chain.start(std::vector<Token>{3, 0, 1, 1});
  Distribution& d = chain.shape(logits);
  EXPECT_FLOAT_EQ(d.logit(0), 1);
  EXPECT_FLOAT_EQ(d.logit(1), -4);
  EXPECT_FLOAT_EQ(d.logit(3), 1);
}

TEST(Samplers, FrequencyCountsAndPresenceDoesNot) {
  SamplerSettings s = neutral();
  s.frequency_penalty = 0.5;
  s.presence_penalty = 0.25;
  s.penalty_window = -1;
  SamplerChain chain(s, Rng(1));
  chain.start(std::vector<Token>{1, 1, 1, 2});
  Distribution& d = chain.shape(std::vector<float>{0, 0, 0});
  EXPECT_FLOAT_EQ(d.logit(0), 0);
  EXPECT_FLOAT_EQ(d.logit(1), -1.75F);
  EXPECT_FLOAT_EQ(d.logit(2), -0.75F);
}

TEST(Samplers, LogitBiasShiftsAndForbids) {
  SamplerSettings s = neutral();
  s.logit_bias = {{0, Distribution::kExcluded}, {3, static_cast<float>(std::log(2.0))}};
  expect_near(probabilities(s, kFour), {0, 3 / 7., 2 / 7., 2 / 7.});
  s.logit_bias = {{0, Distribution::kExcluded}, {1, Distribution::kExcluded}};
  EXPECT_THROW(
      {
        SamplerChain chain(s, Rng(1));
        chain.sample(std::vector<float>{1, 1});
      },
      Error);
}

PieceOf letters() {
  return [](Token token) {
    return token == 9 ? std::string("\n") : std::string(1, static_cast<char>('a' + token));
  };
}

SamplerSettings dry() {
  SamplerSettings s = neutral();
  s.dry_multiplier = 0.8;
  s.dry_base = 1.75;
  s.dry_allowed_length = 2;
  s.dry_breakers = {"\n"};
  return s;
}

double dry_penalty(const SamplerSettings& s, std::vector<Token> history, Token token) {
  SamplerChain chain(s, Rng(1), letters());
  chain.start(history);
  const std::vector<float> zeros(10, 0.0F);
  return -static_cast<double>(chain.shape(zeros).logit(token));
}

TEST(Samplers, DryPenalizesContinuedRepeats) {
  // "abcd abc": d would continue a repeat of 3: 0.8 · 1.75^(3−2).
  EXPECT_NEAR(dry_penalty(dry(), {0, 1, 2, 3, 0, 1, 2}, 3), 1.4, 1e-6);
  EXPECT_NEAR(dry_penalty(dry(), {0, 1, 2, 3, 0, 1, 2}, 4), 0, 1e-6);
  // A repeat of 1 is shorter than allowed.
  EXPECT_NEAR(dry_penalty(dry(), {0, 1, 2, 3, 2}, 3), 0, 1e-6);
  // The longest of several repeats counts.
  EXPECT_NEAR(dry_penalty(dry(), {1, 2, 3, 0, 1, 2, 3, 0, 1, 2}, 3), 0.8 * std::pow(1.75, 4), 1e-6);
}

TEST(Samplers, DryStopsAtBreakers) {
  // The repeat "bc" is cut off from "a" by the line break within the last tokens.
  EXPECT_NEAR(dry_penalty(dry(), {0, 9, 1, 2, 3, 0, 9, 1, 2}, 3), 0.8, 1e-6);
  EXPECT_NEAR(dry_penalty(dry(), {0, 1, 2, 3, 0, 1, 2, 9}, 3), 0, 1e-6);
  // A breaker itself is free.
  EXPECT_NEAR(dry_penalty(dry(), {0, 1, 2, 9, 0, 1, 2}, 9), 0, 1e-6);
}

TEST(Samplers, DryBreakersMayLieAcrossTokens) {
  SamplerSettings s = dry();
  s.dry_breakers = {"bc"};
  // "b" + "c" is a breaker that ends in c, so only "d" after it counts as a repeat.
  EXPECT_NEAR(dry_penalty(s, {0, 1, 2, 3, 4, 0, 1, 2, 3}, 4), 0, 1e-6);
  s.dry_breakers = {"bX"};
  EXPECT_NEAR(dry_penalty(s, {0, 1, 2, 3, 4, 0, 1, 2, 3}, 4), 0.8 * 1.75 * 1.75, 1e-6);
}

TEST(Samplers, DryWindowForgetsTheFarPast) {
  SamplerSettings s = dry();
  s.dry_window = 5;
  EXPECT_NEAR(dry_penalty(s, {0, 1, 2, 3, 0, 1, 2}, 3), 0, 1e-6);
}

TEST(Samplers, DryFollowsARollback) {
  SamplerChain chain(dry(), Rng(1), letters());
  const std::vector<float> zeros(10, 0.0F);
  chain.start(std::vector<Token>{0, 1, 9, 3, 9, 1});
  chain.shape(zeros);
  chain.start(std::vector<Token>{0, 1, 2, 3, 0, 1, 2});
  EXPECT_NEAR(chain.shape(zeros).logit(3), -1.4, 1e-6);
}

TEST(Samplers, MirostatCutsAtMuAndAdapts) {
  SamplerSettings s = neutral();
  s.mirostat = 2;
  s.mirostat_tau = 0.75;  // μ = 1.5 bits: only 0.4 (1.32 bits) passes, 0.3 (1.74) does not
  s.mirostat_eta = 0.5;
  SamplerChain chain(s, Rng(1));
  EXPECT_EQ(chain.shape(kFour).survivors(), 1);
  chain.accept(chain.roll());
  // The surprise was 0 bits: μ = 1.5 + 0.5 · 0.75 = 1.875, so 0.3 passes now.
  EXPECT_EQ(chain.shape(kFour).survivors(), 2);
}

TEST(Samplers, MirostatReplacesTheCuts) {
  SamplerSettings s;
  s.mirostat = 2;
  const auto chain = make_samplers(s, {});
  ASSERT_EQ(chain.size(), 2U);
  EXPECT_EQ(chain[0]->name(), "temperature");
  EXPECT_EQ(chain[1]->name(), "mirostat");
}

TEST(Samplers, OrderMatters) {
  SamplerSettings s = neutral();
  s.temperature = 0.5;
  s.min_p = 0.45;
  s.order = parse_sampler_order("min_p;temperature");
  EXPECT_GT(probabilities(s, kFour)[2], 0);
  s.order = parse_sampler_order("temperature,min-p");  // 4 of 16 is below 0.45
  EXPECT_EQ(probabilities(s, kFour)[2], 0);
}

TEST(Samplers, OrderIsChecked) {
  EXPECT_THROW(parse_sampler_order("top-k;nonsense"), Error);
  EXPECT_THROW(parse_sampler_order("top-k;top-k"), Error);
  EXPECT_TRUE(parse_sampler_order("").empty());
}

TEST(Samplers, SettingsAreChecked) {
  const auto bad = [](auto change) {
    SamplerSettings s;
    change(s);
    EXPECT_THROW(check(s), Error);
  };
  bad([](SamplerSettings& s) { s.top_p = 1.5; });
  bad([](SamplerSettings& s) { s.temperature = std::nan(""); });
  bad([](SamplerSettings& s) { s.mirostat = 1; });
  bad([](SamplerSettings& s) { s.top_k = -3; });
  bad([](SamplerSettings& s) { s.repeat_penalty = 0; });
  bad([](SamplerSettings& s) { s.logit_bias = {{0, NAN}}; });
  check(SamplerSettings{});
}

TEST(Samplers, TraceShowsEveryStepBeforeAndAfter) {
  SamplerSettings s = neutral();
  s.top_k = 3;
  s.temperature = 0.5;
  SamplerChain chain(s, Rng(3));
  DiceTrace trace;
  const TokenProbability chosen = chain.sample(kFour, 2, &trace);
  ASSERT_EQ(trace.steps.size(), 3U);
  EXPECT_EQ(trace.steps[0].sampler, "model");
  EXPECT_EQ(trace.steps[0].survivors, 4);
  EXPECT_EQ(trace.steps[1].description, "top-k 3");
  EXPECT_EQ(trace.steps[1].survivors, 3);
  EXPECT_NEAR(trace.steps[1].top[0].probability, 4 / 9., 1e-6);
  EXPECT_NEAR(trace.steps[2].top[0].probability, 16 / 29., 1e-6);
  EXPECT_EQ(trace.steps[2].top.size(), 2U);
  EXPECT_EQ(trace.chosen.token, chosen.token);
}

}  // namespace
}  // namespace jielong
