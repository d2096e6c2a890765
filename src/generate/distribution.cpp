#include "generate/distribution.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <iterator>

#include "base/error.h"
#include "generate/partial_select.h"
#include "generate/softmax.h"

namespace jielong {
namespace {

constexpr std::int64_t kFirstGuess = 256;

bool by_token(const Candidate& a, const Candidate& b) { return a.token < b.token; }

[[noreturn]] void throw_empty() {
  throw bad_input("no token is left to choose from", "sampling",
                  "loosen the logit bias or the constraints");
}

}  // namespace

void Distribution::assign(std::span<const float> logits) {
  logits_.resize(logits.size());
  constexpr float kLargest = std::numeric_limits<float>::max();
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const float x = logits[i];
    const float bounded = x < kLargest ? x : kLargest;
    logits_[i] = x >= -kLargest ? bounded : kExcluded;  // NaN compares false
  }
  dense_ = true;
  by_logit_ = false;
  list_.clear();
  changed();
}

std::int64_t Distribution::survivors() const {
  if (!dense_) return static_cast<std::int64_t>(list_.size());
  return std::count_if(logits_.begin(), logits_.end(), [](float x) { return x != kExcluded; });
}

float Distribution::logit(Token token) const {
  if (dense_) {
    const auto index = static_cast<std::size_t>(token);
    return token >= 0 && index < logits_.size() ? logits_[index] : kExcluded;
  }
  for (const Candidate& candidate : list_) {
    if (candidate.token == token) return candidate.logit;
  }
  return kExcluded;
}

void Distribution::set_logit(Token token, float logit) {
  changed();
  if (dense_) {
    const auto index = static_cast<std::size_t>(token);
    if (token >= 0 && index < logits_.size() && logits_[index] != kExcluded) logits_[index] = logit;
    return;
  }
  const auto found = std::find_if(list_.begin(), list_.end(),
                                  [&](const Candidate& c) { return c.token == token; });
  if (found == list_.end()) return;
  if (logit == kExcluded) {
    list_.erase(found);
    return;
  }
  found->logit = logit;
  by_logit_ = false;
}

void Distribution::divide(float divisor) {
  changed();
  if (dense_) {
    for (float& x : logits_) x /= divisor;
  } else {
    for (Candidate& candidate : list_) candidate.logit /= divisor;
  }
}

float Distribution::max_logit() const {
  float largest = kExcluded;
  if (dense_) {
    largest = largest_of(logits_);
  } else {
    for (const Candidate& candidate : list_) largest = std::max(largest, candidate.logit);
  }
  if (largest == kExcluded) throw_empty();
  return largest;
}

double Distribution::log_sum_exp() const {
  if (log_sum_exp_) return *log_sum_exp_;
  const float largest = max_logit();
  if (dense_) {
    log_sum_exp_ = jielong::log_sum_exp(logits_);
  } else {
    double sum = 0;
    for (const Candidate& candidate : list_) {
      sum += std::exp(static_cast<double>(candidate.logit) - static_cast<double>(largest));
    }
    log_sum_exp_ = static_cast<double>(largest) + std::log(sum);
  }
  return *log_sum_exp_;
}

double Distribution::entropy() const {
  const double normalizer = log_sum_exp();
  double entropy = 0;
  const auto add = [&](double probability, float logit) {
    if (probability > 0) entropy += probability * (normalizer - static_cast<double>(logit));
  };
  if (dense_) {
    scratch_ = logits_;
    softmax(scratch_);
    for (std::size_t i = 0; i < logits_.size(); ++i) {
      add(static_cast<double>(scratch_[i]), logits_[i]);
    }
  } else {
    for (const Candidate& candidate : list_) {
      add(std::exp(static_cast<double>(candidate.logit) - normalizer), candidate.logit);
    }
  }
  return entropy;
}

Distribution::Moments Distribution::moments() const {
  double count = 0, sum = 0, squares = 0;
  const auto each = [&](const auto& body) {
    if (dense_) {
      for (const float x : logits_) {
        if (x != kExcluded) body(static_cast<double>(x));
      }
    } else {
      for (const Candidate& candidate : list_) body(static_cast<double>(candidate.logit));
    }
  };
  each([&](double x) { sum += x, count += 1; });
  if (count == 0) throw_empty();
  const double mean = sum / count;
  each([&](double x) { squares += (x - mean) * (x - mean); });
  return {mean, std::sqrt(squares / count)};
}

void Distribution::become_list() {
  if (!dense_) return;
  list_.clear();
  for (std::size_t i = 0; i < logits_.size(); ++i) {
    if (logits_[i] != kExcluded) list_.push_back({static_cast<Token>(i), logits_[i]});
  }
  dense_ = false;
  by_logit_ = false;
}

void Distribution::keep_largest(std::int64_t k) {
  k = std::max<std::int64_t>(k, 1);
  if (dense_) {
    select_largest(logits_, k, list_);
    dense_ = false;
  } else if (by_logit_) {
    if (k < static_cast<std::int64_t>(list_.size())) list_.resize(static_cast<std::size_t>(k));
  } else {
    shrink_to_largest(list_, k);
  }
  by_logit_ = true;
  changed();
}

void Distribution::keep_above(float threshold, std::int64_t min_keep) {
  const auto passes = [&](float logit) { return logit >= threshold && logit != kExcluded; };
  std::vector<Candidate> kept;
  if (dense_) {
    for (std::size_t i = 0; i < logits_.size(); ++i) {
      if (passes(logits_[i])) kept.push_back({static_cast<Token>(i), logits_[i]});
    }
  } else {
    std::copy_if(list_.begin(), list_.end(), std::back_inserter(kept),
                 [&](const Candidate& c) { return passes(c.logit); });
  }
  if (static_cast<std::int64_t>(kept.size()) < min_keep) {
    keep_largest(min_keep);
    return;
  }
  hold(std::move(kept), by_logit_);
}

void Distribution::keep_mass(double mass, std::int64_t min_keep,
                             std::optional<double> surprise_center) {
  const double normalizer = log_sum_exp();
  // The key by which candidates are taken: the logit itself, or the negated distance of
  // the surprise −ln p from the center.
  const auto key = [&](float logit) -> float {
    if (!surprise_center || logit == kExcluded) return logit;
    return static_cast<float>(
        -std::abs(normalizer - static_cast<double>(logit) - *surprise_center));
  };
  std::vector<float> keys;
  std::span<const float> source = logits_;
  if (dense_ && surprise_center) {
    keys.resize(logits_.size());
    std::transform(logits_.begin(), logits_.end(), keys.begin(), key);
    source = keys;
  } else if (!dense_) {
    sorted();  // so that equal keys are taken in the same order as from a dense one
    keys.reserve(list_.size());
    for (const Candidate& candidate : list_) keys.push_back(key(candidate.logit));
    source = keys;
  }
  const auto candidate_at = [&](Token index) -> Candidate {
    return dense_ ? Candidate{index, logits_[static_cast<std::size_t>(index)]}
                  : list_[static_cast<std::size_t>(index)];
  };
  const auto probability_at = [&](Token index) {
    return std::exp(static_cast<double>(candidate_at(index).logit) - normalizer);
  };

  // Usually a few candidates carry the mass; only when they do not, all are partitioned.
  std::vector<Candidate> best;
  select_largest(source, std::max(kFirstGuess, min_keep), best);
  std::size_t count = 0;
  double sum = 0;
  while (count < best.size() && (sum < mass || static_cast<std::int64_t>(count) < min_keep)) {
    sum += probability_at(best[count++].token);
  }
  if (sum < mass) {
    if (dense_) {
      scratch_ = logits_;
      softmax(scratch_);
    } else {
      scratch_.resize(source.size());
      for (std::size_t i = 0; i < source.size(); ++i) {
        scratch_[i] = static_cast<float>(probability_at(static_cast<Token>(i)));
      }
    }
    select_mass(source, scratch_, mass, best);
    count = best.size();
  }
  std::vector<Candidate> kept;
  kept.reserve(count);
  for (std::size_t i = 0; i < count; ++i) kept.push_back(candidate_at(best[i].token));
  hold(std::move(kept), false);
}

void Distribution::hold(std::vector<Candidate> kept, bool by_logit) {
  // A long list would have to be sorted to be drawn from; dense, it need not.
  constexpr std::size_t kLongest = 1024;
  dense_ = kept.size() > kLongest;
  by_logit_ = by_logit && !dense_;
  changed();
  if (!dense_) {
    list_ = std::move(kept);
    return;
  }
  std::fill(logits_.begin(), logits_.end(), kExcluded);
  for (const Candidate& c : kept) logits_[static_cast<std::size_t>(c.token)] = c.logit;
}

void Distribution::keep_allowed(std::span<const std::uint64_t> mask) {
  const auto allowed = [&](std::size_t token) {
    return token / 64 < mask.size() && ((mask[token / 64] >> (token % 64)) & 1) != 0;
  };
  if (!dense_) {
    std::erase_if(list_,
                  [&](const Candidate& c) { return !allowed(static_cast<std::size_t>(c.token)); });
    changed();
    return;
  }
  std::size_t count = 0;
  for (const std::uint64_t word : mask) count += static_cast<std::size_t>(std::popcount(word));
  constexpr std::size_t kFew = 1024;
  if (count > kFew) {
    for (std::size_t word = 0; word * 64 < logits_.size(); ++word) {
      const std::size_t left = std::min<std::size_t>(logits_.size() - word * 64, 64);
      std::uint64_t barred = word < mask.size() ? ~mask[word] : ~std::uint64_t{0};
      if (left < 64) barred &= (std::uint64_t{1} << left) - 1;
      for (; barred != 0; barred &= barred - 1) {
        logits_[word * 64 + static_cast<std::size_t>(std::countr_zero(barred))] = kExcluded;
      }
    }
    changed();
    return;
  }
  std::vector<Candidate> kept;
  kept.reserve(count);
  for (std::size_t word = 0; word < mask.size(); ++word) {
    for (std::uint64_t bits = mask[word]; bits != 0; bits &= bits - 1) {
      const std::size_t token = word * 64 + static_cast<std::size_t>(std::countr_zero(bits));
      if (token >= logits_.size() || logits_[token] == kExcluded) continue;
      kept.push_back({static_cast<Token>(token), logits_[token]});
    }
  }
  hold(std::move(kept), false);
}

const std::vector<Candidate>& Distribution::sorted() {
  become_list();
  if (!by_logit_) std::sort(list_.begin(), list_.end(), comes_before);
  by_logit_ = true;
  return list_;
}

std::vector<TokenProbability> Distribution::top(std::int64_t n) const {
  std::vector<Candidate> best;
  if (dense_) {
    select_largest(logits_, n, best);
  } else {
    best = list_;
    shrink_to_largest(best, n);
  }
  std::vector<TokenProbability> result;
  result.reserve(best.size());
  if (best.empty()) return result;
  const double normalizer = log_sum_exp();
  for (const Candidate& c : best) {
    result.push_back({c.token, std::exp(static_cast<double>(c.logit) - normalizer)});
  }
  return result;
}

double Distribution::probability(Token token) const {
  const float x = logit(token);
  return x == kExcluded ? 0.0 : std::exp(static_cast<double>(x) - log_sum_exp());
}

std::vector<TokenProbability> Distribution::probabilities() const {
  const double normalizer = log_sum_exp();
  std::vector<TokenProbability> result;
  if (dense_) {
    for (std::size_t i = 0; i < logits_.size(); ++i) {
      if (logits_[i] == kExcluded) continue;
      result.push_back(
          {static_cast<Token>(i), std::exp(static_cast<double>(logits_[i]) - normalizer)});
    }
    return result;
  }
  std::vector<Candidate> list = list_;
  std::sort(list.begin(), list.end(), by_token);
  result.reserve(list.size());
  for (const Candidate& c : list) {
    result.push_back({c.token, std::exp(static_cast<double>(c.logit) - normalizer)});
  }
  return result;
}

TokenProbability Distribution::draw(double point) const {
  if (!dense_) {
    if (list_.empty()) throw_empty();
    if (list_.size() == 1) return {list_.front().token, 1.0};
    const std::vector<TokenProbability> all = probabilities();
    double total = 0, sum = 0;
    for (const TokenProbability& c : all) total += c.probability;
    for (const TokenProbability& c : all) {
      sum += c.probability;
      if (point * total < sum) return c;
    }
    return all.back();
  }
  const float largest = max_logit();
  // Sums of blocks first, then a walk through the one block in which the point lies.
  constexpr std::size_t kBlock = 256;
  scratch_ = logits_;
  softmax(scratch_);
  std::vector<double> sums;
  sums.reserve(scratch_.size() / kBlock + 1);
  double total = 0;
  for (std::size_t at = 0; at < scratch_.size(); at += kBlock) {
    const std::size_t end = std::min(at + kBlock, scratch_.size());
    double lanes[8] = {};
    for (std::size_t i = at; i < end; ++i) lanes[i % 8] += static_cast<double>(scratch_[i]);
    sums.push_back(((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) +
                   ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7])));
    total += sums.back();
  }
  const double target = point * total;
  double sum = 0;
  std::size_t block = 0;
  while (block + 1 < sums.size() && sum + sums[block] <= target) sum += sums[block++];
  Token last = -1;
  for (std::size_t i = block * kBlock; i < scratch_.size(); ++i) {
    if (scratch_[i] <= 0) continue;
    last = static_cast<Token>(i);
    sum += static_cast<double>(scratch_[i]);
    if (target < sum) break;
  }
  if (last < 0) {  // rounding put the point behind the last candidate
    last = static_cast<Token>(std::find(logits_.begin(), logits_.end(), largest) - logits_.begin());
  }
  return {last, static_cast<double>(scratch_[static_cast<std::size_t>(last)]) / total};
}

}  // namespace jielong
