#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <unordered_map>

namespace jielong {

/// Memory that is taken and given back in any order, as gradients are: what comes back serves the
/// next that fits.
class BufferPool {
 public:
  /// `count` floats, aligned to 64 bytes, not initialised.
  float* take(std::int64_t count);
  void give_back(float* buffer);

  /// Most bytes that were out at one time.
  std::size_t peak_bytes() const { return peak_; }
  /// Everything allocated from the system.
  std::size_t reserved_bytes() const { return reserved_; }

 private:
  struct Buffer {
    std::shared_ptr<std::byte[]> memory;
    std::size_t bytes;
  };
  std::unordered_map<const float*, Buffer> out_;
  std::multimap<std::size_t, Buffer> free_;  ///< by bytes
  std::size_t used_ = 0, peak_ = 0, reserved_ = 0;
};

}  // namespace jielong
