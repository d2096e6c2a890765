// What the sampler chain costs a token: microseconds of processor time for common chains
// over vocabularies of 49k, 152k and 262k tokens, medians over many logits like a model's (a few
// candidates stand out of noise).

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <string>
#include <vector>

#include "base/random.h"
#include "generate/sampler_chain.h"

namespace jielong {
namespace {

std::vector<float> random_logits(std::size_t vocabulary, Rng& rng) {
  std::vector<float> logits(vocabulary);
  for (float& x : logits) {
    x = static_cast<float>(2 * (rng.uniform() + rng.uniform() + rng.uniform() - 1.5));
  }
  for (int i = 0; i < 60; ++i) {
    logits[rng() % vocabulary] = 14.0F - 8.0F * static_cast<float>(std::sqrt(rng.uniform()));
  }
  return logits;
}

/// Processor time of this thread, which other programs do not lengthen.
double now() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

double microseconds(const SamplerSettings& settings, std::size_t vocabulary) {
  Rng rng(11);
  std::vector<std::vector<float>> rows(8);
  for (auto& row : rows) row = random_logits(vocabulary, rng);
  SamplerChain chain(settings, Rng(1), [](Token token) { return std::to_string(token); });
  std::vector<Token> prompt(512);
  for (Token& token : prompt) token = static_cast<Token>(rng() % 1000);
  chain.start(prompt);
  std::vector<double> times;
  for (int i = 0; i < 120; ++i) {
    const double start = now();
    chain.sample(rows[static_cast<std::size_t>(i) % rows.size()]);
    times.push_back(now() - start);
  }
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

struct Case {
  const char* name;
  SamplerSettings settings;
};

std::vector<Case> cases() {
  SamplerSettings greedy, plain, default_chain, penalties, top_p, min_p, sigma, typical, mirostat,
      dry;
  greedy.temperature = 0;
  greedy.top_k = 0;
  greedy.top_p = 1;
  greedy.min_p = 0;
  plain = greedy;
  plain.temperature = 0.8;
  penalties.repeat_penalty = 1.1;
  penalties.frequency_penalty = 0.1;
  top_p = plain;
  top_p.top_p = 0.95;
  min_p = plain;
  min_p.min_p = 0.05;
  sigma = plain;
  sigma.top_n_sigma = 1;
  typical = plain;
  typical.typical_p = 0.9;
  mirostat = plain;
  mirostat.mirostat = 2;
  dry.dry_multiplier = 0.8;
  return {{"greedy", greedy},
          {"default (top-k 40 first)", default_chain},
          {"default + penalties", penalties},
          {"default + DRY over 512", dry},
          {"min-p + temperature", min_p},
          {"top-n-sigma + temperature", sigma},
          {"top-p + temperature", top_p},
          {"temperature alone", plain},
          {"typical", typical},
          {"mirostat 2", mirostat}};
}

}  // namespace
}  // namespace jielong

int main() {
  using namespace jielong;
  fmt::print("{:<28} {:>9} {:>9} {:>9}   microseconds a token\n", "chain", 49152, 151936, 262144);
  for (const Case& entry : cases()) {
    fmt::print("{:<28}", entry.name);
    for (const std::size_t vocabulary : {49152U, 151936U, 262144U}) {
      fmt::print(" {:>9.1f}", microseconds(entry.settings, vocabulary));
    }
    fmt::print("\n");
  }
}
