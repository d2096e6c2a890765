#pragma once

#include <cstdint>
#include <span>

#include "tensor/pass.h"

namespace jielong {

/// Calls body(begin, end) for parts of [0, rows): few rows by the calling thread alone, because
/// starting the others would take longer.
template <typename Body>
void for_rows(ThreadPool& pool, std::int64_t rows, const Body& body) {
  constexpr std::int64_t kRowsWorthSharing = 8;
  if (rows < kRowsWorthSharing) {
    body(0, rows);
  } else {
    pool.for_range(rows, 1, body);
  }
}

/// The rows of x (rows, channels) that `indices` name, a new tensor.
Tensor gather_rows(Pass& pass, const Tensor& x, std::span<const std::int64_t> indices);

/// to[indices[i]] += scale · from[i], each a row; an index may come more than once. Every element
/// is summed in the order of i.
template <typename Index>
void scatter_rows(ThreadPool& pool, const Tensor& from, std::span<const Index> indices, float scale,
                  const Tensor& to);

}  // namespace jielong
