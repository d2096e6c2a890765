#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "model/recurrent_state.h"
#include "tensor/attention.h"

namespace jielong {

/// Keys and values of all chains, in pages of KvLayout::kPositions positions. A block is
/// one page of every layer, side by side; chains share the blocks of a common beginning,
/// and a shared block is copied before a chain writes into it. Beside the pages, the states of
/// recurrent layers; a model without attention has empty blocks, which only count positions.
class KvCache {
 public:
  /// @param layouts       one for each layer that attends
  /// @param state_floats  one for each recurrent layer, in the order of their state_layer
  /// @param max_blocks    the most blocks there may be
  /// @param max_chains    how many chains these are meant for
  KvCache(std::vector<KvLayout> layouts, const std::vector<std::int64_t>& state_floats,
          std::size_t max_blocks, std::size_t max_chains);
  KvCache(const KvCache&) = delete;
  KvCache& operator=(const KvCache&) = delete;

  const KvLayout& layout(std::int64_t layer) const {
    return layouts_[static_cast<std::size_t>(layer)];
  }
  std::int64_t layers() const { return static_cast<std::int64_t>(layouts_.size()); }
  std::size_t block_bytes() const { return block_bytes_; }
  std::size_t used_blocks() const { return blocks_.size() - free_.size(); }
  std::size_t max_blocks() const { return max_blocks_; }
  /// How many more blocks can be had.
  std::size_t available_blocks() const { return max_blocks_ - used_blocks(); }

  const StateStore& states() const { return states_; }
  /// The most that blocks, states and their snapshots take.
  std::size_t max_bytes() const {
    return block_bytes_ * max_blocks_ + states_.bytes() * (max_chains_ + states_.max_snapshots());
  }

 private:
  friend class KvSequence;
  using BlockId = std::int32_t;
  struct Block {
    std::unique_ptr<std::byte[]> memory;
    std::int32_t users = 0;
  };

  BlockId acquire();
  void share(BlockId id) { ++blocks_[static_cast<std::size_t>(id)].users; }
  void release(BlockId id);
  bool is_shared(BlockId id) const { return blocks_[static_cast<std::size_t>(id)].users > 1; }
  std::byte* page(BlockId id, std::int64_t layer) const {
    return blocks_[static_cast<std::size_t>(id)].memory.get() +
           offsets_[static_cast<std::size_t>(layer)];
  }

  std::vector<KvLayout> layouts_;
  std::vector<std::size_t> offsets_;  ///< of each layer's page in a block
  std::size_t block_bytes_ = 0, max_blocks_, max_chains_;
  StateStore states_;
  std::vector<Block> blocks_;
  std::vector<BlockId> free_;
};

/// The cached positions of one chain. Releases its blocks on destruction.
class KvSequence {
 public:
  explicit KvSequence(KvCache& cache) : cache_(&cache), state_(cache.states_) {}
  KvSequence(KvSequence&& other) noexcept;
  KvSequence& operator=(KvSequence&&) = delete;
  ~KvSequence();

  std::int64_t length() const { return length_; }

  /// A chain that begins as the first `length` positions of this one.
  KvSequence fork(std::int64_t length) const;
  /// Forgets all but the first `length` positions.
  void truncate(std::int64_t length);

  /// Blocks that appending `count` positions would take from the cache.
  std::size_t blocks_to_append(std::int64_t count) const;
  /// Blocks that no other chain shares.
  std::size_t own_blocks() const;
  /// Makes room for `count` more positions, in memory that no other chain shares, and
  /// counts them as held. Throws Error(limit), nothing changed, when the cache is full.
  void append(std::int64_t count);
  /// The same for tokens that the next pass evaluates, whom recurrent layers may need again.
  void append(std::span<const Token> tokens);

  /// What recurrent layers remember.
  RecurrentState& recurrent() { return state_; }
  bool is_recurrent() const { return !cache_->states().empty(); }
  /// Where recurrent layer `layer` keeps its state, in a pass.
  float* state(std::int64_t layer) { return state_.layer(layer); }

  /// Where the key and value of a position of `layer` lie: its page, see attention.h.
  std::byte* page(std::int64_t layer, std::int64_t position) {
    return cache_->page(blocks_[static_cast<std::size_t>(position / KvLayout::kPositions)], layer);
  }
  /// Adds all pages of a layer to `pages`.
  void add_pages(std::int64_t layer, std::vector<std::byte*>& pages) const;

  /// Every layer's page of one block, as it lies in memory.
  std::span<const std::byte> block(std::int64_t index) const;
  /// Appends `count` positions that begin a block and whose keys and values are `content`.
  /// Throws Error(bad_input) when they do not begin or fit one, Error(limit) as append().
  void append_block(std::int64_t count, std::span<const std::byte> content);

  const KvLayout& layout(std::int64_t layer) const { return cache_->layout(layer); }

 private:
  KvCache* cache_;
  std::vector<KvCache::BlockId> blocks_;
  std::int64_t length_ = 0;
  RecurrentState state_;
};

}  // namespace jielong
