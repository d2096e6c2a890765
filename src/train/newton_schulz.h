#pragma once

#include <cstdint>
#include <vector>

#include "base/thread_pool.h"
#include "tensor/gemm.h"

namespace jielong {

/// Replaces X (rows, columns) by about U·Vᵀ of its singular value decomposition U·S·Vᵀ: the quintic
/// Newton-Schulz iteration with the coefficients of Muon (Jordan et al. 2024), which takes singular
/// values into about [0.7, 1.2] rather than to 1. `scratch` is grown as needed.
void orthogonalize(ThreadPool& pool, Precision precision, int steps, std::int64_t rows,
                   std::int64_t columns, float* x, std::vector<float>& scratch);

}  // namespace jielong
