#pragma once

#include <algorithm>
#include <vector>

#include "tensor/isa.h"
#include "tensor/vector.h"

namespace jielong {

/// Calls body() with every instruction set this machine can run, then restores the one in use.
template <typename Body>
void with_every_isa(const Body& body) {
  const Isa before = active_isa();
  for (const Isa isa : compiled_isas()) {
    if (!can_run(isa)) continue;
    set_active_isa(isa);
    body(isa);
  }
  set_active_isa(before);
}

/// The same, once for instruction sets that share their float kernels.
template <typename Body>
void with_every_float_isa(const Body& body) {
  std::vector<const VectorKernels*> seen;
  with_every_isa([&](Isa isa) {
    if (std::find(seen.begin(), seen.end(), &vectors()) != seen.end()) return;
    seen.push_back(&vectors());
    body(isa);
  });
}

}  // namespace jielong
