#pragma once

#include <cstdint>
#include <span>

#include "tensor/pass.h"
#include "tensor/weight.h"

namespace jielong {

/// Rows of a table (entries, channels) by index, each multiplied by `scale`: token,
/// position and segment embeddings. Throws Error for an index outside the table.
Tensor embed(Pass& pass, const Weight& table, std::span<const std::int32_t> indices,
             float scale = 1);

}  // namespace jielong
