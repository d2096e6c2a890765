#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/error.h"
#include "generate/generate_options.h"
#include "model/runner.h"
#include "token/tokenizer.h"

namespace jielong {

class ThreadPool;
class Turn;

struct SchedulerOptions {
  /// The most chains that are continued in one step; the rest waits in line.
  std::int64_t max_active = 64;
  /// The most requests that wait; one more is refused with BusyError.
  std::int64_t max_waiting = 1024;
  /// The most rows of one step, over all chains: a token of each chain that decodes, then
  /// prompt tokens, for which at least a quarter is left. This bounds how long a running
  /// chain waits for its next token.
  std::int64_t prefill_rows = 256;
  /// Tokens of prompts and finished chains kept for requests that begin alike; 0: none.
  std::int64_t prefix_tokens = 65536;
  /// Helps with sampling; the runner's own pool, or null. Must outlive the scheduler.
  ThreadPool* pool = nullptr;
  /// Held whenever the pool is used, by all schedulers that share it; null: none do.
  std::shared_ptr<Turn> turn;
};

/// What became of a job.
struct JobResult {
  std::vector<ChainResult> chains;  ///< one for each of `n`
  GenerateStats stats;
  std::optional<Error> error;  ///< set when the job could not go on
};

/// A request for `n` continuations of one prompt.
struct Job {
  std::vector<Token> prompt;
  GenerateOptions options;
  std::int64_t n = 1;
  /// Called on the scheduler's thread, which they hold up: they must be quick and not block.
  std::function<void(const TokenEvent&)> on_token;
  /// Called exactly once for each submitted job, also after cancel() and errors.
  std::function<void(const JobResult&)> on_end;
};

using JobId = std::uint64_t;

struct SchedulerStats {
  std::int64_t active_chains = 0, waiting_jobs = 0;
  std::uint64_t jobs = 0, cancelled_jobs = 0, failed_jobs = 0;  ///< ended so far
  std::uint64_t prompt_tokens = 0, reused_tokens = 0, generated_tokens = 0;
  std::uint64_t steps = 0;
  std::int64_t cached_prefix_tokens = 0;
  std::size_t used_blocks = 0, max_blocks = 0;  ///< of the key/value cache
  double step_seconds = 0;                      ///< spent in steps
};

/// Continues the chains of many requests at once, on a thread of its own: each step decodes
/// every running chain and gives what room is left to prompts (continuous batching, Yu et al.
/// 2022; chunked prefill, Agrawal et al. 2023). A chain's bytes depend on its request alone.
/// Every member may be called from any thread.
class Scheduler {
 public:
  /// Runner and tokenizer must outlive it; nobody else may use the runner meanwhile, except
  /// inside between_steps().
  Scheduler(Runner& runner, const Tokenizer* tokenizer, const SchedulerOptions& options = {});
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;
  /// Cancels what is left.
  ~Scheduler();

  /// Throws BusyError (base/busy_error.h) when the line is full, Error(bad_input | limit) when the
  /// prompt does not fit; on_end is then never called.
  JobId submit(Job job);
  /// Ends a job before the next step; harmless when it has ended.
  void cancel(JobId job);
  /// Runs `work` on the scheduler's thread between two steps and waits for it; what it throws
  /// is thrown here. Not from a callback: Error(internal).
  void between_steps(const std::function<void()>& work);

  /// Writes the kept prefixes to a file, whole or not at all, the most recently used ones up
  /// to `max_bytes`. Holds up the chains meanwhile. Throws Error(unsupported | io).
  void save_prefixes(const std::filesystem::path& path,
                     std::uint64_t max_bytes = std::uint64_t{1} << 30);
  /// Adds the prefixes of a file, as many as there is room for; returns their tokens. Throws
  /// Error(not_found | bad_input) when the file is missing, damaged or of another model,
  /// cache type or instruction set; nothing has changed then.
  std::int64_t load_prefixes(const std::filesystem::path& path);
  /// Forgets the kept prefixes.
  void drop_prefixes();

  bool idle() const;
  SchedulerStats stats() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace jielong
