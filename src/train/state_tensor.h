#pragma once

#include <string>

#include "tensor/parameters.h"

namespace jielong {

/// One tensor of a checkpoint's state, shaped like its parameter.
struct StateTensor {
  std::string name;  ///< "adamw.<parameter>.exp_avg", "average.<parameter>"
  const Parameter* parameter = nullptr;
  float* values = nullptr;  ///< null on ranks that do not have it
  int owner = 0;            ///< the rank that has it; rank 0 when all do
};

}  // namespace jielong
