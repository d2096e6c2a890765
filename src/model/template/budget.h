#pragma once

#include <cstddef>
#include <cstdint>

namespace jielong::jinja {

/// What one template may use up. A template comes from whoever made the model file, so
/// every one of these ends in Error(limit) and none in a hang or a full memory.
struct Limits {
  std::size_t source_bytes = 1 << 20;
  std::size_t output_bytes = 16 << 20;  ///< text written, macros and captures included
  std::size_t work_bytes = 256 << 20;   ///< strings and lists made on the way, in sum
  std::uint64_t steps = 5'000'000;      ///< nodes evaluated and items touched
  std::size_t depth = 500;              ///< nested evaluation, macro calls included
};

/// Counts what a rendering uses against its Limits.
class Budget {
 public:
  explicit Budget(const Limits& limits) : limits_(limits) {}

  void step(std::uint64_t count = 1) {
    steps_ += count;
    if (steps_ > limits_.steps) refuse_steps();
  }
  void allocate(std::size_t bytes) {
    work_ += bytes;
    if (work_ > limits_.work_bytes) refuse_work();
    step(bytes / 256);
  }
  void write(std::size_t bytes) {
    output_ += bytes;
    if (output_ > limits_.output_bytes) refuse_output();
  }
  void enter() {
    if (++depth_ > limits_.depth) refuse_depth();
  }
  void leave() { --depth_; }

 private:
  [[noreturn]] void refuse_steps() const;
  [[noreturn]] void refuse_work() const;
  [[noreturn]] void refuse_output() const;
  [[noreturn]] void refuse_depth() const;

  Limits limits_;
  std::uint64_t steps_ = 0;
  std::size_t work_ = 0, output_ = 0, depth_ = 0;
};

/// Holds one level of a Budget's depth for its lifetime.
class DepthGuard {
 public:
  explicit DepthGuard(Budget& budget) : budget_(budget) { budget_.enter(); }
  DepthGuard(const DepthGuard&) = delete;
  DepthGuard& operator=(const DepthGuard&) = delete;
  ~DepthGuard() { budget_.leave(); }

 private:
  Budget& budget_;
};

}  // namespace jielong::jinja
