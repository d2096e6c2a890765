#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace jielong {

/// Bump allocation for the activations of a pass. Memory is kept between passes, so that
/// a decoding step allocates nothing; what was allocated after a mark is given back at once.
class Arena {
 public:
  struct Mark {
    std::size_t block = 0, used = 0;
  };

  /// `count` floats, aligned to 64 bytes, not initialised.
  float* floats(std::int64_t count);

  Mark mark() const { return {block_, used_}; }
  void release(Mark mark) {
    block_ = mark.block;
    used_ = mark.used;
  }

  /// Most bytes that were in use at one time.
  std::size_t peak_bytes() const { return peak_ * sizeof(float); }
  /// Everything allocated from the system so far.
  std::size_t reserved_bytes() const;

 private:
  struct Block {
    std::shared_ptr<std::byte[]> memory;
    std::size_t floats;
    std::size_t before;  ///< floats of the blocks before it
  };
  std::vector<Block> blocks_;
  std::size_t block_ = 0, used_ = 0;
  std::size_t peak_ = 0;  ///< floats
};

/// Gives back at the end of a scope what was allocated in it.
class ArenaScope {
 public:
  explicit ArenaScope(Arena& arena) : arena_(arena), mark_(arena.mark()) {}
  ArenaScope(const ArenaScope&) = delete;
  ArenaScope& operator=(const ArenaScope&) = delete;
  ~ArenaScope() { arena_.release(mark_); }

 private:
  Arena& arena_;
  Arena::Mark mark_;
};

}  // namespace jielong
