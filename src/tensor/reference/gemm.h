#pragma once

#include "tensor/gemm.h"

namespace jielong::reference {

/// c (m, n) = or += a (m, k) · b (k, n) in f64, by the definition: the twin that gemm() is
/// tested against.
void gemm(Precision precision, std::int64_t m, std::int64_t n, std::int64_t k, const Factor& a,
          const Factor& b, double* c, std::int64_t stride, bool accumulate);

}  // namespace jielong::reference
