#include "generate/beam_search.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "generate/fake_runner.h"
#include "generate/generator.h"

namespace jielong {
namespace {

const std::vector<Token> kPrompt{1, 2, 3};
constexpr Token kEnd = 0;

/// Every finished chain of at most `length` tokens with its log-probability.
void enumerate(const FakeRunner& model, std::vector<Token> chain, std::size_t length,
               double logprob, std::vector<BeamResult>& out, double penalty) {
  const std::size_t said = chain.size() - kPrompt.size();
  if (said > 0 && (chain.back() == kEnd || said == length)) {
    out.push_back({{chain.begin() + static_cast<std::ptrdiff_t>(kPrompt.size()), chain.end()},
                   logprob,
                   logprob / std::pow(static_cast<double>(said), penalty)});
    return;
  }
  const std::vector<float> row = model.logits(chain);
  double sum = 0;
  for (const float x : row) sum += std::exp(static_cast<double>(x));
  for (std::size_t t = 0; t < row.size(); ++t) {
    chain.push_back(static_cast<Token>(t));
    enumerate(model, chain, length, logprob + static_cast<double>(row[t]) - std::log(sum), out,
              penalty);
    chain.pop_back();
  }
}

TEST(BeamSearch, AsWideAsEverythingFindsTheBest) {
  for (const double penalty : {0.5, 1.0, 1.5}) {
    FakeRunner runner(4, 64, 3);
    std::vector<BeamResult> all;
    enumerate(runner, kPrompt, 4, 0, all, penalty);
    std::sort(all.begin(), all.end(),
              [](const BeamResult& a, const BeamResult& b) { return a.score > b.score; });
    BeamOptions options;
    options.beams = 256;
    options.results = 3;
    options.max_tokens = 4;
    options.length_penalty = penalty;
    options.end_tokens = {kEnd};
    const auto found = beam_search(runner, kPrompt, options);
    ASSERT_EQ(found.size(), 3U);
    for (std::size_t i = 0; i < found.size(); ++i) {
      EXPECT_EQ(found[i].tokens, all[i].tokens);
      EXPECT_NEAR(found[i].score, all[i].score, 1e-5);
    }
    EXPECT_EQ(runner.open_chains(), 0U);
  }
}

TEST(BeamSearch, OneBeamIsGreedy) {
  FakeRunner runner(8, 64, 5);
  BeamOptions options;
  options.beams = 1;
  options.max_tokens = 12;
  GenerateOptions greedy;
  greedy.sampling.temperature = 0;
  greedy.max_tokens = 12;
  EXPECT_EQ(beam_search(runner, kPrompt, options)[0].tokens,
            generate(runner, nullptr, kPrompt, greedy).chains[0].tokens);
}

TEST(BeamSearch, MoreBeamsAreNoWorse) {
  FakeRunner runner(12, 64, 8);
  double last = -1e9;
  for (const std::int64_t beams : {1, 4, 32}) {
    BeamOptions options;
    options.beams = beams;
    options.max_tokens = 8;
    const double logprob = beam_search(runner, kPrompt, options)[0].logprob;
    EXPECT_GE(logprob, last);
    last = logprob;
  }
}

TEST(BeamSearch, ChecksItsInput) {
  FakeRunner runner(8, 10);
  BeamOptions options;
  EXPECT_THROW(beam_search(runner, {}, options), Error);
  EXPECT_THROW(beam_search(runner, kPrompt, options), Error);  // 3 + 64 > 10
  options.max_tokens = 4;
  options.results = 9;
  EXPECT_THROW(beam_search(runner, kPrompt, options), Error);
  options.results = 1;
  std::atomic<bool> cancel{true};
  EXPECT_THROW(beam_search(runner, kPrompt, options, &cancel), Error);
  EXPECT_EQ(runner.open_chains(), 0U);
}

}  // namespace
}  // namespace jielong
