#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "model/runner.h"

namespace jielong {

/// A chain of arbitrary tokens that grows to the lengths that speed is measured at.
class TestChain {
 public:
  explicit TestChain(Runner& runner) : runner_(runner), id_(runner.open()), rng_(7) {}
  TestChain(const TestChain&) = delete;
  TestChain& operator=(const TestChain&) = delete;
  ~TestChain() { runner_.close(id_); }

  /// Throws Error(cancelled) once `cancel` is true.
  void append(std::int64_t count, const std::atomic<bool>* cancel = nullptr) {
    std::vector<Token> tokens(static_cast<std::size_t>(count));
    const auto vocabulary = static_cast<std::uint64_t>(runner_.vocabulary());
    for (Token& token : tokens) token = static_cast<Token>(rng_() % vocabulary);
    constexpr std::size_t kChunk = 512;
    for (std::size_t at = 0; at < tokens.size(); at += kChunk) {
      if (cancel != nullptr && cancel->load(std::memory_order_relaxed)) {
        throw Error(ErrorKind::cancelled, "the measurement was stopped");
      }
      const Slice slice{id_, std::span(tokens).subspan(at, std::min(kChunk, tokens.size() - at)),
                        false};
      runner_.evaluate(std::span(&slice, 1));
    }
  }
  /// The same, but does not evaluate what can be copied: where keys and values lie in blocks, more
  /// of the first one. Where it looks costs a token as much, whatever it sees there.
  void grow(std::int64_t count, const std::atomic<bool>* cancel = nullptr) {
    const std::int64_t block = runner_.block_tokens();
    const bool copies = !runner_.block_format().empty();
    std::vector<std::byte> content;
    while (count > 0) {
      const std::int64_t held = runner_.length(id_), over = held % block;
      if (copies && held > 0 && over == 0 && count >= block) {
        if (content.empty()) {
          const auto first = runner_.block(id_, 0);
          content.assign(first.begin(), first.end());
        }
        runner_.append_block(id_, block, content);
        count -= block;
      } else {
        const std::int64_t part = copies ? std::min(count, block - over) : count;
        append(part, cancel);
        count -= part;
      }
    }
  }
  void cut(std::int64_t length) { runner_.truncate(id_, length); }

 private:
  Runner& runner_;
  SequenceId id_;
  Rng rng_;
};

}  // namespace jielong
