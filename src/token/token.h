#pragma once

#include <cstdint>

namespace jielong {

/// The basic unit of everything: an index into a model's vocabulary.
using Token = std::int32_t;

}  // namespace jielong
