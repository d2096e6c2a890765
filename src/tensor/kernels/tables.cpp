#include "tensor/kernels/tables.h"

#include "tensor/isa.h"

namespace jielong {
namespace {

#define JIELONG_TABLE(isa)                                                                       \
  FloatKernels {                                                                                 \
    &isa::vector_kernels, &isa::attention_kernels, &isa::backward_kernels, &isa::update_kernels, \
        &isa::sequence_attention_kernels, &isa::scan_kernels                                     \
  }

/// Sets that differ only in integer instructions share their float kernels.
const FloatKernels& table(Isa isa) {
#if defined(__x86_64__)
  static constexpr FloatKernels kBaseline = JIELONG_TABLE(baseline);
  static constexpr FloatKernels kAvx2 = JIELONG_TABLE(avx2);
  static constexpr FloatKernels kAvx512 = JIELONG_TABLE(avx512);
  switch (isa) {
    case Isa::avx2:
    case Isa::avxvnni: return kAvx2;
    case Isa::avx512:
    case Isa::avx512bf16:
    case Isa::amx: return kAvx512;
    default: return kBaseline;
  }
#elif defined(__aarch64__)
  static constexpr FloatKernels kNeon = JIELONG_TABLE(neon);
  (void)isa;
  return kNeon;
#else
  static constexpr FloatKernels kBaseline = JIELONG_TABLE(baseline);
  (void)isa;
  return kBaseline;
#endif
}

#undef JIELONG_TABLE

}  // namespace

const FloatKernels& float_kernels() { return table(active_isa()); }

}  // namespace jielong
