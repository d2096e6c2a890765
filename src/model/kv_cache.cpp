#include "model/kv_cache.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace jielong {
namespace {

constexpr std::int64_t blocks_for(std::int64_t positions) {
  return (positions + KvLayout::kPositions - 1) / KvLayout::kPositions;
}

constexpr std::size_t kAlignment = 64;

/// Snapshots that a chain may keep on average: its last ones, and those of beginnings that
/// others share.
constexpr std::size_t kSnapshotsAChain = 4;

}  // namespace

KvCache::KvCache(std::vector<KvLayout> layouts, const std::vector<std::int64_t>& state_floats,
                 std::size_t max_blocks, std::size_t max_chains)
    : layouts_(std::move(layouts)),
      max_blocks_(max_blocks),
      max_chains_(max_chains),
      states_(state_floats, state_floats.empty() ? 0 : kSnapshotsAChain * max_chains) {
  for (const KvLayout& layout : layouts_) {
    offsets_.push_back(block_bytes_);
    block_bytes_ += (layout.page_bytes() + kAlignment - 1) / kAlignment * kAlignment;
  }
}

KvCache::BlockId KvCache::acquire() {
  if (free_.empty()) {
    // Zeroed, because kernels read whole pages and mask what is not there yet.
    blocks_.push_back({std::make_unique<std::byte[]>(block_bytes_), 0});
    free_.push_back(static_cast<BlockId>(blocks_.size()) - 1);
  }
  const BlockId id = free_.back();
  free_.pop_back();
  blocks_[static_cast<std::size_t>(id)].users = 1;
  return id;
}

void KvCache::release(BlockId id) {
  if (--blocks_[static_cast<std::size_t>(id)].users == 0) free_.push_back(id);
}

KvSequence::KvSequence(KvSequence&& other) noexcept
    : cache_(other.cache_),
      blocks_(std::exchange(other.blocks_, {})),
      length_(std::exchange(other.length_, 0)),
      state_(std::move(other.state_)) {}

KvSequence::~KvSequence() {
  for (const auto id : blocks_) cache_->release(id);
}

KvSequence KvSequence::fork(std::int64_t length) const {
  if (length < 0 || length > length_) {
    throw bad_input(fmt::format("cannot share {} of {} positions", length, length_), "chain");
  }
  KvSequence copy(*cache_);
  copy.blocks_.assign(blocks_.begin(), blocks_.begin() + blocks_for(length));
  for (const auto id : copy.blocks_) cache_->share(id);
  copy.length_ = length;
  if (is_recurrent()) copy.state_ = state_.fork(length);
  return copy;
}

void KvSequence::truncate(std::int64_t length) {
  if (length < 0 || length > length_) {
    throw bad_input(fmt::format("cannot keep {} of {} positions", length, length_), "chain");
  }
  const auto keep = static_cast<std::size_t>(blocks_for(length));
  for (std::size_t i = keep; i < blocks_.size(); ++i) cache_->release(blocks_[i]);
  blocks_.resize(keep);
  length_ = length;
  if (is_recurrent()) state_.truncate(length);
}

std::size_t KvSequence::blocks_to_append(std::int64_t count) const {
  if (count <= 0) return 0;
  const bool writes_into_last = length_ % KvLayout::kPositions != 0;
  const bool must_copy = writes_into_last && cache_->is_shared(blocks_.back());
  return static_cast<std::size_t>(blocks_for(length_ + count)) - blocks_.size() +
         (must_copy ? 1 : 0);
}

void KvSequence::append(std::int64_t count) {
  const std::size_t needed = blocks_to_append(count);
  if (needed > cache_->available_blocks()) {
    throw Error(ErrorKind::limit,
                fmt::format("the key/value cache is full: {} of {} blocks are in use",
                            cache_->used_blocks(), cache_->max_blocks()),
                "context", "use a shorter context, fewer chains or a smaller cache type");
  }
  if (count <= 0) return;
  if (length_ % KvLayout::kPositions != 0 && cache_->is_shared(blocks_.back())) {
    const auto copy = cache_->acquire();
    if (cache_->layers() > 0) {
      std::memcpy(cache_->page(copy, 0), cache_->page(blocks_.back(), 0), cache_->block_bytes());
    }
    cache_->release(std::exchange(blocks_.back(), copy));
  }
  length_ += count;
  while (static_cast<std::int64_t>(blocks_.size()) < blocks_for(length_)) {
    blocks_.push_back(cache_->acquire());
  }
}

void KvSequence::append(std::span<const Token> tokens) {
  append(static_cast<std::int64_t>(tokens.size()));
  if (is_recurrent()) state_.append(tokens);
}

std::size_t KvSequence::own_blocks() const {
  return static_cast<std::size_t>(std::count_if(
      blocks_.begin(), blocks_.end(), [&](KvCache::BlockId id) { return !cache_->is_shared(id); }));
}

void KvSequence::add_pages(std::int64_t layer, std::vector<std::byte*>& pages) const {
  for (const auto id : blocks_) pages.push_back(cache_->page(id, layer));
}

std::span<const std::byte> KvSequence::block(std::int64_t index) const {
  if (index < 0 || index >= static_cast<std::int64_t>(blocks_.size())) {
    throw bad_input(fmt::format("there is no block {} of {}", index, blocks_.size()), "chain");
  }
  return {cache_->page(blocks_[static_cast<std::size_t>(index)], 0), cache_->block_bytes()};
}

void KvSequence::append_block(std::int64_t count, std::span<const std::byte> content) {
  if (length_ % KvLayout::kPositions != 0 || count < 1 || count > KvLayout::kPositions ||
      content.size() != cache_->block_bytes()) {
    throw bad_input(fmt::format("{} positions in {} bytes are not a block of this cache", count,
                                content.size()),
                    "chain");
  }
  append(count);
  std::memcpy(cache_->page(blocks_.back(), 0), content.data(), content.size());
}

}  // namespace jielong
