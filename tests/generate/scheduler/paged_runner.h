#pragma once

#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/error.h"
#include "generate/fake_runner.h"

namespace jielong {

/// A FakeRunner whose chains take memory in blocks of 16 tokens, shared and copied on write
/// as the real cache does. The content of a block is its tokens.
class PagedRunner : public FakeRunner {
 public:
  static constexpr std::int64_t kBlock = 16;

  explicit PagedRunner(std::size_t max_blocks = 1000, std::int64_t context = 2048,
                       std::int64_t vocabulary = 16)
      : FakeRunner(vocabulary, context), max_blocks_(max_blocks) {}

  SequenceId open() override {
    const SequenceId id = FakeRunner::open();
    blocks_[id] = {};
    return id;
  }
  SequenceId fork(SequenceId sequence, std::int64_t length) override {
    const SequenceId id = FakeRunner::fork(sequence, length);
    const Blocks& from = blocks_.at(sequence);
    blocks_[id] = Blocks(from.begin(), from.begin() + blocks_for(length));
    return id;
  }
  void truncate(SequenceId sequence, std::int64_t length) override {
    FakeRunner::truncate(sequence, length);
    blocks_.at(sequence).resize(static_cast<std::size_t>(blocks_for(length)));
  }
  void close(SequenceId sequence) override {
    FakeRunner::close(sequence);
    blocks_.erase(sequence);
  }

  Logits evaluate(std::span<const Slice> slices) override {
    std::size_t needed = 0;
    for (const Slice& slice : slices) needed += blocks_to_append(slice.sequence, count(slice));
    if (needed > max_blocks_ - used_blocks()) throw std::logic_error("cache overrun");
    if (before_evaluate) before_evaluate(slices);
    for (const Slice& slice : slices) append(slice.sequence, count(slice));
    return FakeRunner::evaluate(slices);
  }

  std::int64_t block_tokens() const override { return kBlock; }
  std::size_t used_blocks() const override { return *alive_; }
  std::size_t max_blocks() const override { return max_blocks_; }
  std::size_t blocks_to_append(SequenceId sequence, std::int64_t tokens) const override {
    const Blocks& blocks = blocks_.at(sequence);
    const bool copy = length(sequence) % kBlock != 0 && blocks.back().use_count() > 1;
    return static_cast<std::size_t>(blocks_for(length(sequence) + tokens)) - blocks.size() +
           (copy ? 1 : 0);
  }
  std::size_t own_blocks(SequenceId sequence) const override {
    std::size_t own = 0;
    for (const auto& block : blocks_.at(sequence)) own += block.use_count() == 1;
    return own;
  }
  std::string block_format() override { return format; }
  std::span<const std::byte> block(SequenceId sequence, std::int64_t index) const override {
    const std::vector<Token>& held = tokens(sequence);
    const auto from = static_cast<std::size_t>(index * kBlock);
    const std::size_t here = std::min<std::size_t>(held.size() - from, kBlock);
    content_.assign(kBlock * sizeof(Token), std::byte{});
    std::memcpy(content_.data(), held.data() + from, here * sizeof(Token));
    return content_;
  }
  void append_block(SequenceId sequence, std::int64_t tokens,
                    std::span<const std::byte> content) override {
    if (length(sequence) % kBlock != 0) throw std::logic_error("not at a block's beginning");
    append(sequence, tokens);
    std::vector<Token> held(static_cast<std::size_t>(tokens));
    std::memcpy(held.data(), content.data(), held.size() * sizeof(Token));
    chain(sequence).insert(chain(sequence).end(), held.begin(), held.end());
  }

  std::string format = "paged";
  /// May look, wait and throw.
  std::function<void(std::span<const Slice>)> before_evaluate;

 private:
  using Blocks = std::vector<std::shared_ptr<void>>;

  static std::int64_t blocks_for(std::int64_t tokens) { return (tokens + kBlock - 1) / kBlock; }
  static std::int64_t count(const Slice& slice) {
    return static_cast<std::int64_t>(slice.tokens.size());
  }
  std::shared_ptr<void> new_block() {
    ++*alive_;
    return {nullptr, [alive = alive_](void*) { --*alive; }};
  }
  void append(SequenceId sequence, std::int64_t tokens) {
    Blocks& blocks = blocks_.at(sequence);
    const std::int64_t after = length(sequence) + tokens;
    if (length(sequence) % kBlock != 0 && blocks.back().use_count() > 1) {
      blocks.back() = new_block();
    }
    while (static_cast<std::int64_t>(blocks.size()) < blocks_for(after)) {
      blocks.push_back(new_block());
    }
    if (used_blocks() > max_blocks_) throw Error(ErrorKind::limit, "cache full");
  }

  std::size_t max_blocks_;
  std::shared_ptr<std::size_t> alive_ = std::make_shared<std::size_t>(0);
  std::map<SequenceId, Blocks> blocks_;
  mutable std::vector<std::byte> content_;
};

}  // namespace jielong
