#include "model/hyperparameters.h"

#include <fmt/format.h>

#include <cmath>

#include "base/error.h"

namespace jielong {
namespace {

/// Far above any model there is, low enough that products of two never overflow.
constexpr std::int64_t kHuge = std::int64_t{1} << 28;

struct Checker {
  const std::string& where;

  [[noreturn]] void fail(const std::string& what) const {
    throw bad_input(what, where, "the file is damaged or not of this family");
  }
  void count(const char* field, std::int64_t value, std::int64_t least, std::int64_t most) const {
    if (value < least || value > most) {
      fail(fmt::format("{} is {}, but must lie between {} and {}", field, value, least, most));
    }
  }
  void number(const char* field, float value, float least) const {
    if (!std::isfinite(value) || value < least) {
      fail(fmt::format("{} is {}, but must be a number of at least {}", field, value, least));
    }
  }
};

void check_recurrence(const Checker& check, const Hyperparameters::Recurrence& recurrence) {
  if (recurrence.inner == 0) return;
  check.count("the inner length of recurrent layers", recurrence.inner, 1, 1 << 20);
  check.count("the convolution's taps", recurrence.taps, 2, 4);
  check.count("the states of recurrent layers", recurrence.states, 1, 1 << 12);
  check.count("the rank or heads of recurrent layers", recurrence.rank, 1, recurrence.inner);
  check.count("the groups of recurrent layers", recurrence.groups, 1, recurrence.inner);
}

/// Of layers whose channels are in heads.
void check_recurrent_heads(const Checker& check, const Hyperparameters::Recurrence& recurrence) {
  check_recurrence(check, recurrence);
  if (recurrence.inner == 0) return;
  if (recurrence.inner % recurrence.rank != 0 || recurrence.rank % recurrence.groups != 0) {
    check.fail(fmt::format("{} channels, {} heads and {} groups do not divide each other",
                           recurrence.inner, recurrence.rank, recurrence.groups));
  }
}

}  // namespace

void check_hyperparameters(const Hyperparameters& hyper, const std::string& where) {
  const Checker check{where};
  check.count("the number of layers", hyper.layers, 1, 4096);
  check.count("the embedding length", hyper.channels, 1, 1 << 20);
  check.count("the vocabulary size", hyper.vocabulary, 1, kHuge);
  check.count("the context length", hyper.context_length, 1, kHuge);
  check.count("the feed-forward length", hyper.feed_forward, 0, kHuge);
  check.count("the number of heads", hyper.heads, 1, 1 << 16);
  check.count("the number of key/value heads", hyper.kv_heads, 1, hyper.heads);
  if (hyper.heads % hyper.kv_heads != 0) {
    check.fail(fmt::format("{} heads cannot share {} key/value heads evenly", hyper.heads,
                           hyper.kv_heads));
  }
  check.count("the key length", hyper.key_dim, 1, 1 << 16);
  check.count("the value length", hyper.value_dim, 1, 1 << 16);
  check.count("the rotated channels", hyper.rope_channels, 0, hyper.key_dim);
  check.count("the sliding window", hyper.window, 0, kHuge);
  check.count("the number of experts", hyper.experts, 0, 1 << 16);
  if (hyper.experts > 0) {
    check.count("the number of experts used", hyper.experts_used, 1, hyper.experts);
    check.count("the experts' feed-forward length", hyper.expert_feed_forward, 1, kHuge);
  }
  check.count("the shared expert's feed-forward length", hyper.shared_feed_forward, 0, kHuge);
  check_recurrence(check, hyper.mamba);
  check_recurrent_heads(check, hyper.mamba2);
  check_recurrent_heads(check, hyper.delta_net);
  check.number("the norm's epsilon", hyper.norm_eps, 0);
  check.number("the attention scale", hyper.attention_scale, 0);
  check.number("the attention soft-cap", hyper.attention_soft_cap, 0);
  check.number("the logit soft-cap", hyper.logit_soft_cap, 0);
  check.number("the embedding scale", hyper.embedding_scale, 0);
}

}  // namespace jielong
