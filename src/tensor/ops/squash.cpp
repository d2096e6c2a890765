#include "tensor/ops/squash.h"

#include "tensor/kernels/tables.h"
#include "tensor/ops/gradient_rows.h"

namespace jielong {
namespace {

/// Rows below this are done by the calling thread: starting the others would take longer.
constexpr std::int64_t kValuesWorthSharing = 4096;

template <typename Body>
void for_rows(ThreadPool& pool, const Tensor& x, const Body& body) {
  if (x.rows * x.channels < kValuesWorthSharing) {
    body(0, x.rows);
  } else {
    pool.for_range(x.rows, 1, body);
  }
}

}  // namespace

Tensor squash(Pass& pass, Squash function, const Tensor& x) {
  const ScanKernels& kernels = *float_kernels().scan;
  const Tensor y = pass.empty(x.rows, x.channels);
  for_rows(pass.pool(), x, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      kernels.squash(function, x.row(i), y.row(i), x.channels);
    }
  });
  if (Tape* tape = pass.tape()) {
    tape->record([&kernels, tape, &pool = pass.pool(), function, x, y] {
      const Tensor d_y = given_gradient(*tape, y);
      if (!d_y) return;
      const Tensor d_x = added_gradient(pool, *tape, x);
      for_rows(pool, x, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
          kernels.squash_backward(function, x.row(i), d_y.row(i), d_x.row(i), x.channels);
        }
      });
    });
  }
  return y;
}

namespace {

/// One number for a whole row: what the row kernels see is the number repeated.
void gate_row(const ScanKernels& kernels, Squash function, const Tensor& open, const Tensor& x,
              std::int64_t i, float* y) {
  if (open.channels == x.channels) {
    kernels.gate(function, open.row(i), x.row(i), y, x.channels);
    return;
  }
  float factor = 0;
  kernels.squash(function, open.row(i), &factor, 1);
  std::fill_n(y, x.channels, 0.0f);
  vectors().add_scaled(factor, x.row(i), y, x.channels);
}

void gate_row_backward(const ScanKernels& kernels, Squash function, const Tensor& open,
                       const Tensor& x, const Tensor& d_y, const Tensor& d_open, const Tensor& d_x,
                       std::int64_t i) {
  if (open.channels == x.channels) {
    kernels.gate_backward(function, open.row(i), x.row(i), d_y.row(i), d_open.row(i), d_x.row(i),
                          x.channels);
    return;
  }
  float factor = 0, dot = 0;
  kernels.squash(function, open.row(i), &factor, 1);
  vectors().add_scaled(factor, d_y.row(i), d_x.row(i), x.channels);
  for (std::int64_t c = 0; c < x.channels; ++c) dot += d_y.row(i)[c] * x.row(i)[c];
  kernels.squash_backward(function, open.row(i), &dot, d_open.row(i), 1);
}

}  // namespace

Tensor gate(Pass& pass, Squash function, const Tensor& open, const Tensor& x) {
  const ScanKernels& kernels = *float_kernels().scan;
  const Tensor y = pass.empty(x.rows, x.channels);
  for_rows(pass.pool(), x, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      gate_row(kernels, function, open, x, i, y.row(i));
    }
  });
  if (Tape* tape = pass.tape()) {
    tape->record([&kernels, tape, &pool = pass.pool(), function, open, x, y] {
      const Tensor d_y = given_gradient(*tape, y);
      if (!d_y) return;
      const Tensor d_open = added_gradient(pool, *tape, open);
      const Tensor d_x = added_gradient(pool, *tape, x);
      for_rows(pool, x, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
          gate_row_backward(kernels, function, open, x, d_y, d_open, d_x, i);
        }
      });
    });
  }
  return y;
}

}  // namespace jielong
