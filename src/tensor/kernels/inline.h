#pragma once

/// For functions in headers that several instruction sets compile. Always inlined and
/// local to the file, so that no copy compiled for a newer processor can be picked by the
/// linker for an older one. For the same reason kernels call no inline function of the
/// standard library or of headers outside this folder.
#define JIELONG_KERNEL static inline __attribute__((always_inline))

/// The same for member functions.
#define JIELONG_KERNEL_MEMBER inline __attribute__((always_inline))
