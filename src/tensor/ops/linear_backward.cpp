#include "tensor/ops/linear_backward.h"

namespace jielong {

void linear_backward(Pass& pass, const Linear& linear, const Tensor& x, const Tensor& dy,
                     const Tape::Sum& dx) {
  const Weight& weight = linear.weight;
  const Tape& tape = *pass.tape();
  if (const auto [gradient, first] = tape.claim(weight); gradient != nullptr) {
    gemm(pass.pool(), pass.precision(), weight.out, weight.in, x.rows, {dy.data, dy.stride, true},
         {x.data, x.stride}, gradient, weight.in, !first);
  }
  if (float* gradient = tape.sum(linear.bias)) {
    pass.pool().for_range(dy.channels, 16, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = 0; i < dy.rows; ++i) {
        vectors().add_scaled(1.0f, dy.row(i) + begin, gradient + begin, end - begin);
      }
    });
  }
  gemm(pass.pool(), pass.precision(), x.rows, weight.in, weight.out, {dy.data, dy.stride},
       {weight.plain(), weight.in}, dx.tensor.data, dx.tensor.stride, !dx.first);
}

}  // namespace jielong
