#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "generate/chain_group.h"
#include "generate/scheduler/scheduler.h"

namespace jielong {

/// Whatever was thrown, as an Error.
Error error_of(const std::exception_ptr& thrown);

/// Events of one chain, kept until callbacks may be called.
class EventLog {
 public:
  /// Copies all that the event refers to.
  void add(const TokenEvent& event);
  void clear() { count_ = 0; }
  std::size_t size() const { return count_; }
  /// Valid until the next change.
  TokenEvent event(std::size_t index) const;

 private:
  struct Entry {
    TokenEvent event;
    std::string text;
    std::vector<TokenLogprob> top_logprobs;
    DiceTrace trace;
  };
  std::vector<Entry> entries_;  // the memory is used again
  std::size_t count_ = 0;
};

/// A job on its way: in line, then under way with its chains.
struct Request {
  using Clock = std::chrono::steady_clock;

  JobId id = 0;
  Job job;
  Clock::time_point submitted = Clock::now();
  std::optional<Clock::time_point> admitted, first_token;

  std::unique_ptr<ChainGroup> group;  ///< null in line
  std::optional<Error> error;         ///< it cannot go on
  bool cancelled = false;

  /// Whether on_end is due.
  bool ended() const;
  JobResult result() const;
};

/// A chain under way.
struct Running {
  Request* request = nullptr;
  Chain* chain = nullptr;
  EventLog events;
  std::int64_t kept = 0;    ///< tokens of its prompt that the prefix tree has
  std::size_t counted = 0;  ///< of its tokens, in the statistics
  bool moved = true;        ///< the last step evaluated some of its tokens, or it is new
  std::exception_ptr failure;

  bool active() const { return !request->error && !chain->finished() && !chain->suspended(); }
};

}  // namespace jielong
