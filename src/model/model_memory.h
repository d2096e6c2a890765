#pragma once

#include <cstdint>

#include "model/model.h"

namespace jielong {

/// Bytes of memory that the weights take once Model::prepare() has laid them out. What stays
/// in the mapped file is not counted, since the system takes it back when it must.
std::uint64_t prepared_bytes(const Model& model);

}  // namespace jielong
