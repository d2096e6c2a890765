#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "tensor/isa.h"
#include "tensor/peaks.h"

#if defined(__x86_64__) && defined(__linux__)
#define JIELONG_X86_PROBES 1
#else
#define JIELONG_X86_PROBES 0
#endif

namespace jielong::bench {

using jielong::best_seconds;
using jielong::measure_peaks;
using jielong::Peaks;

}  // namespace jielong::bench
