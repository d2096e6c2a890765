#pragma once

#include <cmath>
#include <cstdint>
#include <map>
#include <set>
#include <stdexcept>
#include <vector>

#include "base/random.h"
#include "model/runner.h"

namespace jielong {

/// A model that costs nothing: the logits after a chain are random numbers seeded by its
/// last `order` tokens. It is strict about how it is used, and counts what it evaluates.
class FakeRunner : public Runner {
 public:
  explicit FakeRunner(std::int64_t vocabulary = 16, std::int64_t context = 256,
                      std::uint64_t seed = 1, double sharpness = 2, std::size_t order = 3)
      : vocabulary_(vocabulary),
        context_(context),
        seed_(seed),
        sharpness_(sharpness),
        order_(order) {}

  std::int64_t vocabulary() const override { return vocabulary_; }
  std::int64_t context_length() const override { return context_; }
  SequenceId open() override {
    chains_[next_] = {};
    return next_++;
  }
  SequenceId fork(SequenceId sequence, std::int64_t length) override {
    const auto& tokens = chains_.at(sequence);
    if (length > static_cast<std::int64_t>(tokens.size())) throw std::logic_error("fork too long");
    chains_[next_] = std::vector<Token>(tokens.begin(), tokens.begin() + length);
    return next_++;
  }
  void truncate(SequenceId sequence, std::int64_t length) override {
    auto& tokens = chains_.at(sequence);
    if (length > static_cast<std::int64_t>(tokens.size())) throw std::logic_error("truncate grows");
    tokens.resize(static_cast<std::size_t>(length));
  }
  void close(SequenceId sequence) override {
    if (chains_.erase(sequence) == 0) throw std::logic_error("closed twice");
  }
  std::int64_t length(SequenceId sequence) const override {
    return static_cast<std::int64_t>(chains_.at(sequence).size());
  }

  Logits evaluate(std::span<const Slice> slices) override {
    rows_.clear();
    std::set<SequenceId> seen;
    for (const Slice& slice : slices) {
      if (!seen.insert(slice.sequence).second) throw std::logic_error("sequence twice in a batch");
      if (slice.tokens.empty()) throw std::logic_error("empty slice");
      auto& chain = chains_.at(slice.sequence);
      if (static_cast<std::int64_t>(chain.size() + slice.tokens.size()) > context_) {
        throw std::logic_error("context overrun");
      }
      for (std::size_t i = 0; i < slice.tokens.size(); ++i) {
        chain.push_back(slice.tokens[i]);
        if (slice.all_logits || i + 1 == slice.tokens.size()) {
          const std::vector<float> row = logits(chain);
          rows_.insert(rows_.end(), row.begin(), row.end());
        }
      }
      evaluated += static_cast<std::int64_t>(slice.tokens.size());
    }
    ++evaluations;
    return {rows_.data(), static_cast<std::int64_t>(rows_.size()) / vocabulary_, vocabulary_};
  }

  /// What the model says after `chain`.
  virtual std::vector<float> logits(std::span<const Token> chain) const {
    std::uint64_t hash = seed_;
    const auto last = chain.last(std::min(order_, chain.size()));
    for (const Token token : last) {
      hash = (hash ^ static_cast<std::uint64_t>(token + 1)) * 0x9e3779b97f4a7c15ULL;
      hash ^= hash >> 29;
    }
    Rng rng(hash);
    std::vector<float> row(static_cast<std::size_t>(vocabulary_));
    for (float& x : row) x = static_cast<float>((rng.uniform() * 2 - 1) * sharpness_);
    return row;
  }

  std::size_t open_chains() const { return chains_.size(); }
  const std::vector<Token>& tokens(SequenceId sequence) const { return chains_.at(sequence); }

  std::int64_t evaluations = 0;
  std::int64_t evaluated = 0;

 protected:
  std::vector<Token>& chain(SequenceId sequence) { return chains_.at(sequence); }

 private:
  std::int64_t vocabulary_, context_;
  std::uint64_t seed_;
  double sharpness_;
  std::size_t order_;
  SequenceId next_ = 0;
  std::map<SequenceId, std::vector<Token>> chains_;
  std::vector<float> rows_;
};

}  // namespace jielong
