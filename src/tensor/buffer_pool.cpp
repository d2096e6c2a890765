#include "tensor/buffer_pool.h"

#include <algorithm>

#include "tensor/memory.h"

namespace jielong {

float* BufferPool::take(std::int64_t count) {
  const std::size_t bytes =
      std::max<std::size_t>(1, static_cast<std::size_t>(count)) * sizeof(float);
  Buffer buffer{nullptr, bytes};
  // A buffer much larger than asked for stays for those who need it.
  const auto fit = free_.lower_bound(bytes);
  if (fit != free_.end() && fit->first <= 2 * bytes) {
    buffer = std::move(fit->second);
    free_.erase(fit);
  } else {
    buffer.memory = allocate_bytes(bytes);
    reserved_ += bytes;
  }
  used_ += buffer.bytes;
  peak_ = std::max(peak_, used_);
  auto* floats = reinterpret_cast<float*>(buffer.memory.get());
  out_.emplace(floats, std::move(buffer));
  return floats;
}

void BufferPool::give_back(float* buffer) {
  const auto found = out_.find(buffer);
  if (found == out_.end()) return;
  used_ -= found->second.bytes;
  const std::size_t bytes = found->second.bytes;
  free_.emplace(bytes, std::move(found->second));
  out_.erase(found);
}

}  // namespace jielong
