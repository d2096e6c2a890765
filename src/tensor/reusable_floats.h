#pragma once

#include <cstddef>
#include <memory>
#include <new>

namespace jielong {

/// Memory aligned to cache lines that is reused from call to call and grows when needed; contents
/// are not kept.
class ReusableFloats {
 public:
  float* floats(std::size_t count) {
    if (count > size_) {
      memory_.reset(static_cast<float*>(
          ::operator new (count * sizeof(float), std::align_val_t{kAlignment})));
      size_ = count;
    }
    return memory_.get();
  }

 private:
  static constexpr std::size_t kAlignment = 64;
  struct Free {
    void operator()(float* p) const { ::operator delete (p, std::align_val_t{kAlignment}); }
  };
  std::unique_ptr<float, Free> memory_;
  std::size_t size_ = 0;
};

}  // namespace jielong
