#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "token/token.h"

namespace jielong {

/// A token that may come next, and its logit.
struct Candidate {
  Token token = 0;
  float logit = 0;
};

/// A token that may come next, and its probability.
struct TokenProbability {
  Token token = 0;
  double probability = 0;
};

/// The candidates for the next token on their way through the sampler chain.
///
/// It begins dense (one logit for each token of the vocabulary, −∞ for the excluded ones)
/// and turns into a list of survivors once a sampler leaves few of them. Samplers ask for cuts, not
/// for sorted arrays: a cut on a dense distribution selects partially, so that a vocabulary of 262k
/// tokens is never sorted and, where top-k comes first, never exponentiated. Probabilities are
/// always those of a softmax over the survivors.
class Distribution {
 public:
  static constexpr float kExcluded = -std::numeric_limits<float>::infinity();

  /// Starts anew from a model's logits, (vocabulary). NaN counts as excluded.
  void assign(std::span<const float> logits);

  bool dense() const { return dense_; }
  /// How many candidates are not excluded.
  std::int64_t survivors() const;
  std::int64_t vocabulary() const { return static_cast<std::int64_t>(logits_.size()); }

  /// The logit of `token`, kExcluded when it does not survive.
  float logit(Token token) const;
  /// Sets the logit of a surviving token; kExcluded removes it. Others stay as they are.
  void set_logit(Token token, float logit);
  /// Divides every logit by `divisor` > 0.
  void divide(float divisor);

  /// The largest logit. Throws Error when nothing survives.
  float max_logit() const;
  /// log Σ exp(logit) over the survivors, so that log p = logit − log_sum_exp().
  double log_sum_exp() const;
  /// −Σ p ln p over the survivors, in nats.
  double entropy() const;
  /// Mean and population standard deviation of the survivors' logits.
  struct Moments {
    double mean, deviation;
  };
  Moments moments() const;

  /// Keeps the tokens whose bit t % 64 of word t / 64 is set; behind the last word, none.
  void keep_allowed(std::span<const std::uint64_t> mask);
  /// Keeps the k largest logits, of equal ones those with the smaller token.
  void keep_largest(std::int64_t k);
  /// Keeps the logits that are at least `threshold`, but never fewer than `min_keep`.
  void keep_above(float threshold, std::int64_t min_keep);
  /// Goes through the candidates by falling logit (or, with `surprise_center`, by rising
  /// |−ln p − center|) and keeps them up to the first at which the sum of probabilities
  /// reaches `mass`, but never fewer than `min_keep`.
  void keep_mass(double mass, std::int64_t min_keep,
                 std::optional<double> surprise_center = std::nullopt);

  /// The survivors by falling logit (equal ones by token). Turns a dense distribution into
  /// a list; prefer top() to look at a few.
  const std::vector<Candidate>& sorted();
  /// The n most probable survivors, by falling probability. Changes nothing.
  std::vector<TokenProbability> top(std::int64_t n) const;

  /// The probability of one token, 0 when it does not survive.
  double probability(Token token) const;
  /// Every survivor with its probability, by rising token.
  std::vector<TokenProbability> probabilities() const;
  /// The token at `point` ∈ [0, 1) of the cumulative distribution in token order.
  /// Throws Error when nothing survives.
  TokenProbability draw(double point) const;

 private:
  void become_list();
  void hold(std::vector<Candidate> kept, bool by_logit);
  void changed() { log_sum_exp_.reset(); }

  std::vector<float> logits_;    // (vocabulary), valid while dense_
  std::vector<Candidate> list_;  // valid while !dense_
  bool dense_ = true;
  bool by_logit_ = false;  // list_ is in sorted() order
  mutable std::optional<double> log_sum_exp_;
  mutable std::vector<float> scratch_;
};

}  // namespace jielong
