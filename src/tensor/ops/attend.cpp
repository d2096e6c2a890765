#include "tensor/ops/attend.h"

#include <memory>
#include <utility>

#include "tensor/sequence_attention.h"
#include "tensor/tape.h"

namespace jielong {
namespace {

struct Recorded {
  KvLayout shape;
  AttentionParams params;
  std::vector<std::int64_t> borders;
  Tensor q, k, v, out, log_sums;

  SequenceAttention attention() const { return {shape, params, borders, q, k, v}; }
};

void backward(Pass& pass, Tape& tape, const Recorded& step) {
  const Tensor d_out = tape.gradient(step.out);
  if (!d_out) return;
  const ArenaScope scope(pass.arena());
  const auto sum = [&](const Tensor& value) {
    const Tape::Sum into = tape.sum(value);
    return GradientSum{into.tensor, !into.first};
  };
  const GradientSum dq = sum(step.q), dk = sum(step.k), dv = sum(step.v);
  attend_sequences_backward(pass.pool(), step.attention(), step.out, step.log_sums, d_out,
                            pass.empty(step.log_sums.rows, step.log_sums.channels), dq, dk, dv);
}

}  // namespace

Tensor attend(Pass& pass, const KvLayout& shape, const AttentionParams& params,
              std::vector<std::int64_t> borders, const Tensor& q, const Tensor& k,
              const Tensor& v) {
  const Tensor out = pass.empty(q.rows, params.heads * shape.value_dim);
  Tape* tape = pass.tape();
  if (tape == nullptr) {
    attend_sequences(pass.pool(), {shape, params, borders, q, k, v}, out, {});
    return out;
  }
  const Tensor log_sums = pass.empty(q.rows, params.heads);
  auto step = std::make_shared<Recorded>(
      Recorded{shape, params, std::move(borders), q, k, v, out, log_sums});
  attend_sequences(pass.pool(), step->attention(), out, log_sums);
  tape->record([&pass, tape, step] { backward(pass, *tape, *step); });
  return out;
}

}  // namespace jielong
