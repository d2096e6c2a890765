#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "generate/chain_batch.h"
#include "generate/scheduler/prefill_share.h"
#include "generate/scheduler/prefix_tree.h"
#include "generate/scheduler/request.h"
#include "generate/scheduler/scheduler.h"

namespace jielong {

/// Continuous batching without the thread: who is evaluated in the next step, who waits, and
/// who gives memory back. One thread at a time; callbacks are called only by step() and
/// cancel(), after all work on the runner.
///
/// Memory: a request begins when the cache has room for its prompt and for the next block of
/// every chain under way; it is not asked to have room for its whole answer, which is usually
/// much shorter than its limit. When the cache is full, cached prefixes go first, those unused
/// for longest ahead, and then the youngest chain gives its blocks away. It comes back before
/// any new request and evaluates its tokens again. The oldest chain never gives way and every
/// single request fits (submit() sees to it), so all of them end.
class Batcher {
 public:
  Batcher(Runner& runner, const Tokenizer* tokenizer, const SchedulerOptions& options);

  /// Throws Error when the job can never run here: see Scheduler::submit().
  void check(const Job& job) const;

  void enqueue(std::unique_ptr<Request> request) { line_.push_back(std::move(request)); }
  /// Ends a request; harmless when there is none of that number.
  void cancel(JobId id);
  void cancel_all();
  /// Nothing in line, nothing under way.
  bool idle() const { return line_.empty() && requests_.empty(); }
  /// Admits requests and evaluates once.
  void step();

  /// Requests that have ended since the last call, whose on_end is due.
  std::vector<std::unique_ptr<Request>> take_ended() { return std::move(ended_); }
  std::int64_t waiting() const { return static_cast<std::int64_t>(line_.size()); }
  /// Fills in all but waiting_jobs.
  SchedulerStats stats() const;
  PrefixTree& prefixes() { return tree_; }

 private:
  /// A chain's part of the next step.
  struct Part {
    Running* running;
    std::int64_t rows;
  };
  /// A chain that throws its dice on one row (or a draft's rows) of the logits.
  struct Draw {
    Running* running;
    std::int64_t row;
  };

  std::int64_t slots() const;
  void admit();
  bool resume_suspended();
  bool begin(std::unique_ptr<Request>& request);
  bool waits_for_prefix(const Request& request) const;
  std::size_t reserve() const;
  bool make_room(std::size_t blocks);
  bool any_active() const;
  /// What the tree has of `tokens`, once there is room for the rest, for `more` blocks and
  /// for those under way; nothing while there is none.
  std::optional<CachedPrefix> prepare(std::span<const Token> tokens, std::size_t more);

  void plan();
  void plan_parts();
  std::size_t blocks_needed() const;
  void preempt(Running& running);

  void evaluate();
  void evaluate_part(std::size_t first, std::size_t count);
  void branch(Running& leader, std::int64_t row);
  void draw_all(const Logits& logits);
  OnToken recorder(Running& running);
  void settle(Running& running);
  void keep_prompt(Running& running);
  void release(Running& running);
  void fail(Request& request, Error error);

  void deliver();
  void collect_ended();
  Running& add_running(Request& request, Chain& chain);

  Runner& runner_;
  const Tokenizer* tokenizer_;
  SchedulerOptions options_;
  PrefixTree tree_;
  std::deque<std::unique_ptr<Request>> line_;
  std::vector<std::unique_ptr<Request>> requests_, ended_;
  std::vector<std::unique_ptr<Running>> running_;  // the oldest first
  SchedulerStats stats_;

  // The step being made; memory that is used again.
  std::vector<Part> parts_;
  std::vector<Draw> draws_;
  std::vector<PrefillDemand> demands_;
  std::vector<std::int64_t> shares_;
  ChainBatch batch_;
  std::vector<Running*> batched_;  // whose chain each one of the batch is
};

}  // namespace jielong
