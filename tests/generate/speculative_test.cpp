#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "base/error.h"
#include "generate/drafter.h"
#include "generate/fake_runner.h"
#include "generate/generator.h"

namespace jielong {
namespace {

const std::vector<Token> kPrompt{1, 2, 3, 1, 2, 3, 1, 2};

GenerateOptions options_for(double temperature, std::uint64_t seed, std::int64_t max_tokens) {
  GenerateOptions options;
  options.sampling.temperature = temperature;
  options.sampling.top_k = 0;
  options.sampling.top_p = 1;
  options.sampling.min_p = 0;
  options.seed = seed;
  options.max_tokens = max_tokens;
  return options;
}

/// A chain with few states, which repeats itself: look-up finds something.
FakeRunner small_model(std::uint64_t seed = 1) { return FakeRunner(6, 512, seed, 2, 1); }

TEST(Speculation, LookupFindsTheLatestLongestMatch) {
  SamplerChain chain(SamplerSettings{}, Rng(1));
  const auto drafter = make_lookup_drafter(3, 1);
  chain.start(std::vector<Token>{7, 8, 9, 1, 8, 9, 2, 7, 8, 9});
  EXPECT_EQ(drafter->propose(chain, 3).tokens, (std::vector<Token>{1, 8, 9}));
  chain.start(std::vector<Token>{5, 8, 1, 6, 8, 2, 4, 8});
  EXPECT_EQ(drafter->propose(chain, 1).tokens, (std::vector<Token>{2}));
  chain.start(std::vector<Token>{1, 2, 3, 4});
  EXPECT_TRUE(drafter->propose(chain, 3).tokens.empty());
  chain.start(std::vector<Token>{1});
  EXPECT_TRUE(drafter->propose(chain, 3).tokens.empty());
  EXPECT_THROW(make_lookup_drafter(1, 2), Error);
}

TEST(Speculation, LookupKeepsTheBytesAtAnyTemperature) {
  for (const double temperature : {0.0, 0.7, 1.3}) {
    FakeRunner plain = small_model(), fast = small_model();
    GenerateOptions options = options_for(temperature, 11, 200);
    options.sampling.repeat_penalty = 1.1;
    options.sampling.xtc_probability = 0.3;
    const auto expected = generate(plain, nullptr, kPrompt, options).chains[0].tokens;
    options.drafter = [] { return make_lookup_drafter(3, 1); };
    const GenerateResult result = generate(fast, nullptr, kPrompt, options);
    EXPECT_EQ(result.chains[0].tokens, expected) << temperature;
    EXPECT_GT(result.stats.accepted_tokens, 0);
    EXPECT_LT(fast.evaluations, plain.evaluations);
    EXPECT_EQ(fast.open_chains(), 0U);
  }
}

TEST(Speculation, ADraftModelKeepsGreedyBytes) {
  for (const bool greedy_draft : {false, true}) {
    for (const std::uint64_t other : {1U, 5U}) {
      FakeRunner plain = small_model(), fast = small_model(), draft = small_model(other);
      GenerateOptions options = options_for(0, 1, 100);
      const auto expected = generate(plain, nullptr, kPrompt, options).chains[0].tokens;
      options.drafter = [&] {
        return make_model_drafter(draft, fast.vocabulary(),
                                  {.greedy = greedy_draft, .min_probability = 0});
      };
      options.max_draft = 4;
      const GenerateResult result = generate(fast, nullptr, kPrompt, options);
      EXPECT_EQ(result.chains[0].tokens, expected);
      if (other == 1) {
        EXPECT_EQ(result.stats.acceptance(), 1);
      }
      EXPECT_EQ(draft.open_chains(), 0U);
    }
  }
}

TEST(Speculation, AGreedyDraftKeepsSampledBytes) {
  FakeRunner plain = small_model(), fast = small_model(), draft = small_model(5);
  GenerateOptions options = options_for(0.9, 4, 150);
  const auto expected = generate(plain, nullptr, kPrompt, options).chains[0].tokens;
  options.drafter = [&] {
    return make_model_drafter(draft, fast.vocabulary(), {.greedy = true, .min_probability = 0});
  };
  EXPECT_EQ(generate(fast, nullptr, kPrompt, options).chains[0].tokens, expected);
}

TEST(Speculation, RefusesAnotherVocabulary) {
  FakeRunner draft(7);
  EXPECT_THROW(make_model_drafter(draft, 6), Error);
}

/// The exact probability of every continuation of `length` tokens.
void enumerate(const FakeRunner& model, const SamplerSettings& settings, std::vector<Token> chain,
               std::size_t prompt, std::size_t length, double probability,
               std::map<std::vector<Token>, double>& out) {
  if (chain.size() == prompt + length) {
    out[{chain.begin() + static_cast<std::ptrdiff_t>(prompt), chain.end()}] = probability;
    return;
  }
  SamplerChain samplers(settings, Rng(1));
  samplers.start(std::span(chain).first(prompt));
  for (std::size_t i = prompt; i < chain.size(); ++i) samplers.accept({chain[i], 1});
  for (const TokenProbability& c : samplers.shape(model.logits(chain)).probabilities()) {
    chain.push_back(c.token);
    enumerate(model, settings, chain, prompt, length, probability * c.probability, out);
    chain.pop_back();
  }
}

/// χ² of the outcomes of `runs` seeds against the exact distribution, in standard
/// deviations from its expectation. Rare outcomes are pooled.
double chi_square_excess(const GenerateOptions& base, FakeRunner& runner, int runs) {
  std::map<std::vector<Token>, double> exact;
  const auto length = static_cast<std::size_t>(base.max_tokens);
  enumerate(runner, base.sampling, kPrompt, kPrompt.size(), length, 1, exact);
  std::map<std::vector<Token>, int> seen;
  for (int seed = 0; seed < runs; ++seed) {
    GenerateOptions options = base;
    options.seed = static_cast<std::uint64_t>(seed);
    ++seen[generate(runner, nullptr, kPrompt, options).chains[0].tokens];
  }
  double chi = 0, cells = 0, rare_expected = 0, rare_seen = 0;
  for (const auto& [tokens, probability] : exact) {
    const double expected = probability * runs;
    const double count = seen.contains(tokens) ? seen[tokens] : 0;
    if (expected < 8) {
      rare_expected += expected;
      rare_seen += count;
      continue;
    }
    chi += (count - expected) * (count - expected) / expected;
    cells += 1;
  }
  if (rare_expected > 0) {
    chi += (rare_seen - rare_expected) * (rare_seen - rare_expected) / rare_expected;
    cells += 1;
  }
  const double freedom = cells - 1;
  return (chi - freedom) / std::sqrt(2 * freedom);
}

SamplerSettings rich_sampling() {
  SamplerSettings s = options_for(0.9, 0, 0).sampling;
  s.top_p = 0.9;
  s.top_k = 4;
  s.repeat_penalty = 1.3;
  return s;
}

TEST(Speculation, SampledDraftsLeaveTheDistributionAlone) {
  // Draft and model disagree; the first token comes from the prompt, the others
  // cover accepted, rejected and bonus ones.
  FakeRunner runner = small_model(1), draft = small_model(5);
  for (const bool rich : {false, true}) {
    GenerateOptions options = options_for(1, 0, 3);
    if (rich) options.sampling = rich_sampling();
    int drafters = 0;
    options.drafter = [&] {
      return make_model_drafter(draft, runner.vocabulary(),
                                {.greedy = false,
                                 .min_probability = 0,
                                 .seed = 1000003ULL * static_cast<std::uint64_t>(++drafters)});
    };
    options.max_draft = 3;
    EXPECT_LT(std::abs(chi_square_excess(options, runner, 20000)), 3.5) << rich;
  }
}

TEST(Speculation, TheTestSeesABiasedDistribution) {
  // The same statistic for slightly hotter sampling than claimed must be far out.
  FakeRunner runner = small_model(1);
  GenerateOptions options = options_for(1, 0, 3);
  std::map<std::vector<Token>, double> exact;
  FakeRunner hotter(6, 512, 1, 1.7, 1);
  enumerate(runner, options.sampling, kPrompt, kPrompt.size(), 3, 1, exact);
  std::map<std::vector<Token>, int> seen;
  for (std::uint64_t seed = 0; seed < 20000; ++seed) {
    options.seed = seed;
    ++seen[generate(hotter, nullptr, kPrompt, options).chains[0].tokens];
  }
  double chi = 0, cells = 0;
  for (const auto& [tokens, probability] : exact) {
    const double expected = probability * 20000;
    if (expected < 8) continue;
    const double count = seen.contains(tokens) ? seen[tokens] : 0;
    chi += (count - expected) * (count - expected) / expected;
    cells += 1;
  }
  EXPECT_GT((chi - cells) / std::sqrt(2 * cells), 3.5);
}

TEST(Speculation, JudgeIsExactForEveryPair) {
  Distribution target;
  target.assign(
      std::vector<float>{std::log(0.5F), std::log(0.3F), std::log(0.2F), Distribution::kExcluded});
  const std::vector<TokenProbability> proposal{{0, 0.2}, {2, 0.5}, {3, 0.3}};
  Rng rng(9);
  std::vector<double> counts(4, 0);
  int accepted = 0;
  constexpr int kRuns = 40000;
  for (int i = 0; i < kRuns; ++i) {
    double point = rng.uniform();
    std::size_t at = 0;
    while (at + 1 < proposal.size() && point >= proposal[at].probability) {
      point -= proposal[at++].probability;
    }
    const Verdict verdict = judge(target, proposal, proposal[at].token, rng);
    counts[static_cast<std::size_t>(verdict.chosen.token)] += 1;
    accepted += verdict.accepted;
  }
  EXPECT_NEAR(counts[0] / kRuns, 0.5, 0.01);
  EXPECT_NEAR(counts[1] / kRuns, 0.3, 0.01);
  EXPECT_NEAR(counts[2] / kRuns, 0.2, 0.01);
  EXPECT_EQ(counts[3], 0);
  EXPECT_NEAR(accepted / double{kRuns}, 0.4, 0.01);  // Σ min(p, q) = 0.2 + 0.2
}

TEST(Speculation, RespectsCountEndAndContext) {
  FakeRunner runner(6, 30, 1, 2, 1);
  GenerateOptions options = options_for(1, 2, -1);
  options.drafter = [] { return make_lookup_drafter(2, 1); };
  options.max_draft = 16;
  const auto full = generate(runner, nullptr, kPrompt, options).chains[0];
  EXPECT_EQ(full.finish, FinishReason::context_full);
  EXPECT_EQ(full.tokens.size(), 23U);
  options.max_tokens = 9;
  EXPECT_EQ(generate(runner, nullptr, kPrompt, options).chains[0].tokens.size(), 9U);
  options.end_tokens = {full.tokens[4]};
  const auto ended = generate(runner, nullptr, kPrompt, options).chains[0];
  EXPECT_EQ(ended.finish, FinishReason::end_token);
  EXPECT_EQ(ended.tokens.back(), full.tokens[4]);
}

}  // namespace
}  // namespace jielong
