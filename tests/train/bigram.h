#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/random.h"
#include "tensor/tape.h"
#include "train/objective.h"

namespace jielong::test {

/// A model that costs nothing and is its own objective: log p(next | token) is a row of a table and
/// a bias, with the gradient written out.
class Bigram : public Objective {
 public:
  explicit Bigram(Parameters& parameters, std::int64_t vocabulary = 12)
      : weight_(parameters.add("bigram.weight", Parameter::Role::matrix, vocabulary, vocabulary)),
        bias_(parameters.add("bigram.bias", Parameter::Role::vector, 1, vocabulary)) {
    Rng rng(11);
    for (std::int64_t i = 0; i < weight_.count(); ++i) {
      weight_.values[i] = static_cast<float>(rng.uniform() - 0.5);
    }
  }

  double counted(const TrainingBatch& batch) const override {
    return static_cast<double>(batch.counted_targets());
  }
  std::vector<std::string> sum_names() const override { return {"certainty"}; }

  ObjectiveResult run(Pass& pass, const TrainingBatch& batch, double scale) override {
    ObjectiveResult result;
    result.sums = {0};
    const std::int64_t n = weight_.columns;
    const Tensor row = pass.empty(1, n);
    for (std::size_t i = 0; i < batch.targets.size(); ++i) {
      const Token target = batch.targets[i];
      if (target == TrainingBatch::kNoTarget) continue;
      const std::int64_t from = batch.rows.tokens[i] * n;
      for (std::int64_t j = 0; j < n; ++j) {
        row.data[j] = weight_.values[from + j] + bias_.values[j];
      }
      if (broken_activation) row.data[0] = std::numeric_limits<float>::quiet_NaN();
      pass.visit("bigram.out", row);
      double sum = 0;
      for (std::int64_t j = 0; j < n; ++j) sum += std::exp(static_cast<double>(row.data[j]));
      const auto chance = [&](std::int64_t j) {
        return std::exp(static_cast<double>(row.data[j])) / sum;
      };
      result.loss -= std::log(chance(target));
      result.counted += 1;
      result.correct += chance(target) > 0.5 ? 1 : 0;
      result.sums[0] += chance(target);
      if (pass.tape() == nullptr) continue;
      for (std::int64_t j = 0; j < n; ++j) {
        const auto slope = static_cast<float>(scale * (chance(j) - (j == target ? 1 : 0)));
        if (weight_.gradient != nullptr) weight_.gradient[from + j] += slope;
        if (bias_.gradient != nullptr) bias_.gradient[j] += slope;
      }
      if (broken_gradient) weight_.gradient[0] = std::numeric_limits<float>::infinity();
    }
    return result;
  }

  Parameter& weight() { return weight_; }
  Parameter& bias() { return bias_; }

  bool broken_activation = false, broken_gradient = false;

 private:
  Parameter &weight_, &bias_;
};

/// Sequences in which a token is mostly followed by the next larger one.
class CountingSource : public BatchSource {
 public:
  explicit CountingSource(std::uint64_t seed, std::int64_t vocabulary = 12)
      : rng_(seed), vocabulary_(vocabulary) {}

  TrainingBatch next(std::int64_t sequences, std::int64_t length) override {
    TrainingBatch batch;
    for (std::int64_t i = 0; i < sequences; ++i, ++drawn_) {
      batch.rows.sequences.push_back({batch.rows.rows(), length, 0, nullptr});
      auto token = static_cast<Token>(drawn_ % vocabulary_);
      for (std::int64_t j = 0; j < length; ++j) {
        batch.rows.output_rows.push_back(batch.rows.rows());
        batch.rows.tokens.push_back(token);
        batch.rows.positions.push_back(j);
        const bool jump = rng_.uniform() < 0.2;
        token = static_cast<Token>(jump ? rng_() % static_cast<std::uint64_t>(vocabulary_)
                                        : (token + 1) % vocabulary_);
        batch.targets.push_back(token);
      }
    }
    return batch;
  }
  Json position() const override { return {{"drawn", drawn_}, {"dice", rng_.state()}}; }
  void restore(const Json& position) override {
    drawn_ = position.at("drawn").get<std::int64_t>();
    rng_.set_state(position.at("dice").get<std::array<std::uint64_t, 4>>());
  }
  double epochs() const override { return static_cast<double>(drawn_) / 1000; }

 private:
  Rng rng_;
  std::int64_t vocabulary_, drawn_ = 0;
};

}  // namespace jielong::test
