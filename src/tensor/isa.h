#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace jielong {

/// The instruction sets kernels are compiled for, each including those before it
/// on its platform. x86-64: baseline (SSE2), avx2 (with FMA and F16C), avxvnni
/// (256-bit int8 dot products), avx512 (F, BW, DQ, VL, VBMI, VNNI), avx512bf16, amx (tiles
/// for int8 and bf16). Armv8: neon, dotprod, i8mm.
enum class Isa { baseline, avx2, avxvnni, avx512, avx512bf16, amx, neon, dotprod, i8mm };

std::string_view name(Isa isa);

/// The sets this binary was compiled for, slowest first.
std::span<const Isa> compiled_isas();

/// Whether this processor and operating system can run `isa`.
bool can_run(Isa isa);

/// The set in use: the best that can run, or what JIELONG_ISA names. Decided at the
/// first call. Throws Error when JIELONG_ISA names an unknown set or one that cannot run.
Isa active_isa();

/// Changes the set in use, for tests and benchmarks. Matrices packed before stay valid
/// only for the set they were packed for.
void set_active_isa(Isa isa);

/// Why the active set was chosen: one line for every compiled set.
std::vector<std::string> explain_isa_choice();

}  // namespace jielong
