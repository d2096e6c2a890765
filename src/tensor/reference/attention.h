#pragma once

#include <cstdint>

#include "tensor/attention.h"

namespace jielong::reference {

/// Attention of one query, position `position` of a sequence, as the definition says and in
/// f64: the twin that attend() is tested against.
///
/// Instantiated for float and, for finite differences, double.
///
/// @param q       (heads, key_dim)
/// @param keys    (length, kv_heads, key_dim)
/// @param values  (length, kv_heads, value_dim)
/// @param out     (heads, value_dim)
template <typename Number>
void attend(const KvLayout& layout, const AttentionParams& params, const Number* q,
            std::int64_t position, std::int64_t length, const Number* keys, const Number* values,
            double* out);

}  // namespace jielong::reference
