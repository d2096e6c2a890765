#include "tensor/ops/cross_entropy.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "tensor/ops/linear_backward.h"
#include "tensor/tape.h"
#include "tensor/vector_backward.h"

namespace jielong {
namespace {

struct RowResult {
  double loss = 0, z_loss = 0;
  bool counted = false, correct = false;
};

/// Turns a row of scores (n) into dL/dscores and returns its loss. `capped` has room for n values
/// when there is a soft cap.
RowResult score(const PredictionLoss& loss, std::int64_t row, float* scores, float* capped,
                std::int64_t n) {
  const std::int64_t target = loss.targets[static_cast<std::size_t>(row)];
  if (target < 0) {
    std::fill_n(scores, n, 0.0f);
    return {};
  }
  RowResult result;
  result.counted = true;
  result.correct = vectors().argmax(scores, n) == target;
  if (loss.soft_cap > 0) {
    vectors().soft_cap(loss.soft_cap, scores, n);
    std::copy_n(scores, n, capped);
  }
  const float weight =
      loss.weights.empty() ? loss.scale : loss.scale * loss.weights[static_cast<std::size_t>(row)];
  float pull = weight;  // of the probabilities
  if (loss.z_loss > 0) {
    const double mass = vectors().log_sum_exp(scores, n);
    result.z_loss = mass * mass;
    pull += weight * loss.z_loss * 2 * static_cast<float>(mass);
  }
  result.loss = backward_vectors().cross_entropy(scores, target, pull, n);
  scores[target] += pull - weight;
  if (loss.soft_cap > 0)
    backward_vectors().soft_cap(loss.soft_cap, capped, scores, scores, false, n);
  return result;
}

void check(const Tensor& x, const Linear& head, const PredictionLoss& loss) {
  const auto rows = static_cast<std::size_t>(x.rows);
  const auto require = [&](std::size_t size, const char* what) {
    if (size != rows) throw bad_input(fmt::format("{} {} for {} rows", size, what, rows), "loss");
  };
  require(loss.targets.size(), "targets");
  if (!loss.weights.empty()) require(loss.weights.size(), "weights");
  if (!loss.log_probabilities.empty()) require(loss.log_probabilities.size(), "log-probabilities");
  for (const std::int32_t target : loss.targets) {
    if (target >= head.weight.out) {
      throw bad_input(
          fmt::format("target {} is not among the head's {} outputs", target, head.weight.out),
          "loss");
    }
  }
}

}  // namespace

PredictionSums cross_entropy(Pass& pass, const Tensor& x, const Linear& head,
                             const PredictionLoss& loss) {
  check(x, head, loss);
  PredictionSums sums;
  if (x.rows == 0) return sums;
  const std::int64_t outputs = head.weight.out;
  const std::int64_t chunks = std::min(x.rows, x.rows * outputs / loss.scores_at_once + 1);
  Tape* tape = pass.tape();
  const Tape::Sum dx = tape != nullptr ? tape->sum(x) : Tape::Sum{};
  // The scores need no tape: their gradient is found here.
  Pass inner(pass.workspace(), nullptr, nullptr, pass.precision());
  if (tape != nullptr && head.weight.plain() == nullptr) {
    throw Error(ErrorKind::unsupported, "a packed matrix cannot be trained", head.weight.name);
  }
  for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
    const std::int64_t first = x.rows * chunk / chunks;
    const std::int64_t rows = x.rows * (chunk + 1) / chunks - first;
    const ArenaScope scope(pass.arena());
    const Tensor part{x.row(first), rows, x.channels, x.stride};
    const Tensor scores = project(inner, nullptr, part, head);
    const Tensor capped = loss.soft_cap > 0 ? inner.empty(pass.pool().size(), outputs) : Tensor{};
    std::vector<RowResult> results(static_cast<std::size_t>(rows));
    pass.pool().run([&](int thread, int threads) {
      const auto [begin, end] = ThreadPool::slice(rows, 1, thread, threads);
      float* room = capped ? capped.row(thread) : nullptr;
      for (std::int64_t i = begin; i < end; ++i) {
        results[static_cast<std::size_t>(i)] = score(loss, first + i, scores.row(i), room, outputs);
      }
    });
    for (std::int64_t i = 0; i < rows; ++i) {
      const RowResult& result = results[static_cast<std::size_t>(i)];
      sums.loss += result.loss;
      sums.z_loss += result.z_loss;
      sums.counted += result.counted ? 1 : 0;
      sums.correct += result.correct ? 1 : 0;
      if (!loss.log_probabilities.empty()) {
        loss.log_probabilities[static_cast<std::size_t>(first + i)] =
            static_cast<float>(-result.loss);
      }
    }
    if (tape == nullptr) continue;
    const Tensor place{dx.tensor.row(first), rows, x.channels, dx.tensor.stride};
    linear_backward(pass, head, part, scores, {place, dx.first});
  }
  return sums;
}

}  // namespace jielong
