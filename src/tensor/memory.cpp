#include "tensor/memory.h"

#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace jielong {
namespace {

constexpr std::size_t kLine = 64;
constexpr std::size_t kHugePage = std::size_t{2} << 20;

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define JIELONG_ADDRESS_SANITIZER 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define JIELONG_ADDRESS_SANITIZER 1
#endif

#if defined(JIELONG_ADDRESS_SANITIZER)
// Each matrix has its own borders to be watched.
constexpr std::size_t kSlab = 0;
#else
constexpr std::size_t kSlab = std::size_t{32} << 20;
#endif

}  // namespace

std::shared_ptr<std::byte[]> allocate_bytes(std::size_t bytes) {
  const std::size_t alignment = bytes >= kHugePage ? kHugePage : kLine;
  auto* memory = static_cast<std::byte*>(::operator new[](bytes, std::align_val_t(alignment)));
#if defined(__linux__)
  if (alignment == kHugePage) ::madvise(memory, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
#endif
  return {memory,
          [alignment](std::byte* p) { ::operator delete[](p, std::align_val_t(alignment)); }};
}

std::shared_ptr<std::byte[]> allocate_weights(std::size_t bytes) {
  // A model is loaded by one thread, so its matrices meet on the same slabs.
  thread_local std::weak_ptr<std::byte[]> shared;
  thread_local std::size_t used = 0;
  if (bytes > kSlab / 2) return allocate_bytes(bytes);
  const std::size_t whole_lines = (bytes + kLine - 1) / kLine * kLine;
  std::shared_ptr<std::byte[]> slab = shared.lock();
  if (!slab || used + whole_lines > kSlab) {
    slab = allocate_bytes(kSlab);
    shared = slab;
    used = 0;
  }
  std::byte* const place = slab.get() + used;
  used += whole_lines;
  return {slab, place};
}

}  // namespace jielong
