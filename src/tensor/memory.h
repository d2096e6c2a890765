#pragma once

#include <cstddef>
#include <memory>

namespace jielong {

/// Cache-line aligned memory for numbers, not initialized. From 2 MiB on it lies on huge pages
/// where the system has them.
std::shared_ptr<std::byte[]> allocate_bytes(std::size_t bytes);

/// The same for weights, which are read from end to end again and again: small matrices lie
/// side by side on shared huge pages, because a page table walk for each 4 KiB costs a fifth
/// of the speed of decoding. A slab is freed with the last matrix on it.
std::shared_ptr<std::byte[]> allocate_weights(std::size_t bytes);

}  // namespace jielong
