#include <algorithm>

#include "generate/drafter.h"

namespace jielong {
namespace {

double probability_in(const std::vector<TokenProbability>& by_token, Token token) {
  const auto found = std::lower_bound(
      by_token.begin(), by_token.end(), token,
      [](const TokenProbability& entry, Token wanted) { return entry.token < wanted; });
  return found != by_token.end() && found->token == token ? found->probability : 0.0;
}

}  // namespace

Verdict judge(const Distribution& target, const std::vector<TokenProbability>& proposal,
              Token guess, Rng& rng) {
  const double wanted = target.probability(guess);
  const double proposed = probability_in(proposal, guess);
  if (rng.uniform() * proposed < wanted) return {{guess, wanted}, true};

  std::vector<TokenProbability> rest = target.probabilities();
  double total = 0;
  auto guessed = proposal.begin();
  for (TokenProbability& entry : rest) {
    while (guessed != proposal.end() && guessed->token < entry.token) ++guessed;
    const bool same = guessed != proposal.end() && guessed->token == entry.token;
    entry.probability = std::max(0.0, entry.probability - (same ? guessed->probability : 0.0));
    total += entry.probability;
  }
  const double point = rng.uniform();
  // Equal distributions leave nothing but rounding: then any draw from the target is right.
  if (total <= 0) return {target.draw(point), false};
  double sum = 0;
  Token chosen = guess;
  for (const TokenProbability& entry : rest) {
    if (entry.probability <= 0) continue;
    chosen = entry.token;
    sum += entry.probability;
    if (point * total < sum) break;
  }
  return {{chosen, target.probability(chosen)}, false};
}

}  // namespace jielong
