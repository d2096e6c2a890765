#include "tensor/isa.h"

#include <fmt/format.h>

#include <array>
#include <atomic>
#include <cstdlib>

#include "base/error.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

namespace jielong {
namespace {

constexpr std::array<std::string_view, 9> kNames = {
    "baseline", "avx2", "avxvnni", "avx512", "avx512bf16", "amx", "neon", "dotprod", "i8mm"};

#if defined(__x86_64__)
constexpr std::array kCompiled = {Isa::baseline, Isa::avx2,       Isa::avxvnni,
                                  Isa::avx512,   Isa::avx512bf16, Isa::amx};

/// Feature bits of CPUID leaf 7 that the compiler's builtin does not name everywhere.
struct Leaf7 {
  unsigned edx0 = 0;  ///< sub-leaf 0, EDX: AMX
  unsigned eax1 = 0;  ///< sub-leaf 1, EAX: AVX-VNNI, AVX512-BF16
};

Leaf7 read_leaf7() {
  Leaf7 leaf;
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return leaf;
  leaf.edx0 = edx;
  const unsigned sub_leaves = eax;
  if (sub_leaves >= 1 && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0) leaf.eax1 = eax;
  return leaf;
}

/// Clang 14 does not know F16C by name.
bool has_f16c() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & (1u << 29)) != 0;
}

bool has_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
}

bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vnni");
}

/// AMX tile data is off for a process until it asks the kernel for it.
bool request_amx() {
  constexpr long kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr unsigned long kTileData = 18;      // XFEATURE_XTILEDATA
  return ::syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

bool probe(Isa isa) {
  const Leaf7 leaf = read_leaf7();
  constexpr unsigned kAvxVnni = 1u << 4, kBf16 = 1u << 5;
  constexpr unsigned kAmx = (1u << 22) | (1u << 24) | (1u << 25);  // bf16, tile, int8
  switch (isa) {
    case Isa::baseline: return true;
    case Isa::avx2: return has_avx2();
    case Isa::avxvnni: return has_avx2() && (leaf.eax1 & kAvxVnni) != 0;
    case Isa::avx512: return has_avx512();
    case Isa::avx512bf16: return has_avx512() && (leaf.eax1 & kBf16) != 0;
    case Isa::amx:
      return has_avx512() && (leaf.eax1 & kBf16) != 0 && (leaf.edx0 & kAmx) == kAmx &&
             request_amx();
    default: return false;
  }
}
#elif defined(__aarch64__)
constexpr std::array kCompiled = {Isa::neon, Isa::dotprod, Isa::i8mm};

bool probe(Isa isa) {
  constexpr unsigned long kDotProd = 1ul << 20, kHalf = (1ul << 9) | (1ul << 10);  // HWCAP
  constexpr unsigned long kI8mm = 1ul << 13, kBf16 = 1ul << 14;                    // HWCAP2
  const unsigned long first = ::getauxval(AT_HWCAP), second = ::getauxval(AT_HWCAP2);
  const bool dotprod = (first & kDotProd) != 0 && (first & kHalf) == kHalf;
  switch (isa) {
    case Isa::neon: return true;
    case Isa::dotprod: return dotprod;
    case Isa::i8mm: return dotprod && (second & kI8mm) != 0 && (second & kBf16) != 0;
    default: return false;
  }
}
#else
constexpr std::array kCompiled = {Isa::baseline};
bool probe(Isa isa) { return isa == Isa::baseline; }
#endif

Isa best() {
  Isa found = kCompiled.front();
  for (const Isa isa : kCompiled) {
    if (can_run(isa)) found = isa;
  }
  return found;
}

/// JIELONG_ISA, or an empty text.
std::string_view requested() {
  const char* value = std::getenv("JIELONG_ISA");
  return value != nullptr ? value : "";
}

Isa choose() {
  const std::string_view wanted = requested();
  if (wanted.empty()) return best();
  std::string runnable;
  for (const Isa isa : kCompiled) {
    if (!can_run(isa)) continue;
    if (wanted == name(isa)) return isa;
    runnable += fmt::format("{}{}", runnable.empty() ? "" : ", ", name(isa));
  }
  throw bad_input(fmt::format("\"{}\" is not an instruction set this machine can run", wanted),
                  "JIELONG_ISA", fmt::format("use one of {} or unset it", runnable));
}

std::atomic<int>& active_slot() {
  static std::atomic<int> slot{static_cast<int>(choose())};
  return slot;
}

}  // namespace

std::string_view name(Isa isa) { return kNames[static_cast<std::size_t>(isa)]; }

std::span<const Isa> compiled_isas() { return kCompiled; }

bool can_run(Isa isa) {
  static const std::array<bool, kNames.size()> results = [] {
    std::array<bool, kNames.size()> probed{};
    for (const Isa each : kCompiled) probed[static_cast<std::size_t>(each)] = probe(each);
    return probed;
  }();
  return results[static_cast<std::size_t>(isa)];
}

Isa active_isa() { return static_cast<Isa>(active_slot().load(std::memory_order_relaxed)); }

void set_active_isa(Isa isa) {
  if (!can_run(isa)) {
    throw bad_input(fmt::format("this machine cannot run {}", name(isa)), "instruction set");
  }
  active_slot().store(static_cast<int>(isa));
}

std::vector<std::string> explain_isa_choice() {
  std::vector<std::string> lines;
  const Isa active = active_isa();
  for (const Isa isa : kCompiled) {
    const bool runnable = can_run(isa);
    const char* verdict = isa == active ? "in use" : runnable ? "could run" : "not on this machine";
    lines.push_back(fmt::format("{}: {}", name(isa), verdict));
  }
  lines.push_back(requested().empty()
                      ? "chosen because it is the fastest that this processor and kernel can run"
                      : fmt::format("chosen because JIELONG_ISA={}", requested()));
  return lines;
}

}  // namespace jielong
