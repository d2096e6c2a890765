#include "tensor/ops/scores.h"

#include <algorithm>

#include "tensor/tape.h"
#include "tensor/vector.h"
#include "tensor/vector_backward.h"

namespace jielong {
namespace {

/// x itself, or a copy when a tape records.
Tensor own(Pass& pass, const Tensor& x) {
  if (pass.tape() == nullptr) return x;
  const Tensor y = pass.empty(x.rows, x.channels);
  for (std::int64_t i = 0; i < x.rows; ++i) std::copy_n(x.row(i), x.channels, y.row(i));
  return y;
}

/// Records kernel(y, dy, dx, add) for each row of y = f(x).
template <typename Kernel>
void record_rows(Pass& pass, const Tensor& x, const Tensor& y, const Kernel& kernel) {
  Tape* tape = pass.tape();
  if (tape == nullptr) return;
  tape->record([&pass, tape, x, y, kernel] {
    const Tensor dy = tape->gradient(y);
    if (!dy) return;
    const Tape::Sum dx = tape->sum(x);
    pass.pool().for_range(y.rows, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        kernel(y.row(i), dy.row(i), dx.tensor.row(i), !dx.first);
      }
    });
  });
}

}  // namespace

Tensor soft_cap(Pass& pass, float cap, const Tensor& x) {
  const Tensor y = own(pass, x);
  // Logits of a single row are worth sharing: by columns.
  pass.pool().run([&](int thread, int threads) {
    const auto [begin, end] = ThreadPool::slice(y.channels, 16, thread, threads);
    for (std::int64_t i = 0; i < y.rows; ++i) {
      vectors().soft_cap(cap, y.row(i) + begin, end - begin);
    }
  });
  record_rows(pass, x, y,
              [cap, n = y.channels](const float* value, const float* dy, float* dx, bool add) {
                backward_vectors().soft_cap(cap, value, dy, dx, add, n);
              });
  return y;
}

Tensor softmax(Pass& pass, const Tensor& x) {
  const Tensor y = own(pass, x);
  for (std::int64_t i = 0; i < y.rows; ++i) vectors().softmax(y.row(i), y.channels);
  record_rows(pass, x, y,
              [n = y.channels](const float* value, const float* dy, float* dx, bool add) {
                backward_vectors().softmax(value, dy, dx, add, n);
              });
  return y;
}

}  // namespace jielong
