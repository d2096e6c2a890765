#include "generate/scheduler/batcher.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

#include "base/error.h"
#include "token/common_length.h"

namespace jielong {
namespace {

std::size_t blocks_for(const Runner& runner, std::int64_t tokens) {
  const std::int64_t block = runner.block_tokens();
  return static_cast<std::size_t>((tokens + block - 1) / block);
}

/// What of a prompt may come from the prefix tree: the last token's logits are wanted, so it
/// is always evaluated.
std::span<const Token> reusable(std::span<const Token> tokens) {
  return tokens.first(tokens.size() - 1);
}

}  // namespace

Batcher::Batcher(Runner& runner, const Tokenizer* tokenizer, const SchedulerOptions& options)
    : runner_(runner),
      tokenizer_(tokenizer),
      options_(options),
      tree_(runner, options.prefix_tokens) {
  if (options.max_active < 1) throw bad_input("must be at least 1", "chains at once");
  if (options.prefill_rows < 1) throw bad_input("must be at least 1", "prompt tokens at once");
  if (options.prefix_tokens < 0) throw bad_input("must not be negative", "cached tokens");
}

void Batcher::check(const Job& job) const {
  if (!runner_.generates()) {
    throw Error(ErrorKind::unsupported, "this model is an encoder and cannot continue a text",
                "model", "use it for embeddings");
  }
  if (job.n < 1) throw bad_input("the number of chains must be at least 1", "n");
  if (job.n > options_.max_active) {
    throw Error(
        ErrorKind::limit,
        fmt::format("{} chains were asked for, {} can run at once", job.n, options_.max_active),
        "n", "ask for fewer");
  }
  jielong::check(job.options.sampling);
  check_prompt(runner_, job.prompt, job.options);
  const std::int64_t context = runner_.context_length();
  const auto prompt = std::min(static_cast<std::int64_t>(job.prompt.size()), context);
  const std::int64_t longest =
      prompt + std::clamp<std::int64_t>(job.options.max_tokens, 0, context - prompt);
  if (blocks_for(runner_, longest) > runner_.max_blocks()) {
    throw Error(ErrorKind::limit,
                fmt::format("{} tokens need more memory than the key/value cache has", longest),
                "max_tokens", "ask for a shorter answer, or give the cache more memory");
  }
}

std::int64_t Batcher::slots() const {
  std::int64_t used = 0;
  for (const auto& running : running_) {
    const Request& request = *running->request;
    used += request.group->waits_for(*running->chain) ? request.job.n : 1;
  }
  return used;
}

void Batcher::admit() {
  // Chains that gave way are older than whoever waits in line.
  if (!resume_suspended()) return;
  std::int64_t used = slots();
  for (auto next = line_.begin(); next != line_.end();) {
    const std::int64_t n = (*next)->job.n;
    if (used + n > options_.max_active) return;
    if (waits_for_prefix(**next)) {
      ++next;  // others may pass
      continue;
    }
    if (!begin(*next)) return;
    used += n;
    next = line_.erase(next);
  }
}

/// Whether a chain under way is just evaluating tokens that this request begins with too.
bool Batcher::waits_for_prefix(const Request& request) const {
  if (tree_.max_tokens() == 0) return false;
  const auto block = static_cast<std::size_t>(runner_.block_tokens());
  const std::span<const Token> prompt = reusable(request.job.prompt);
  std::optional<std::size_t> here;
  for (const auto& running : running_) {
    const Chain& chain = *running->chain;
    // Nor for one that has to wait itself.
    if (!running->active() || !running->moved || !chain.result().tokens.empty()) continue;
    const std::span<const Token> evaluated = chain.evaluated();
    std::size_t same = common_length(evaluated, prompt);
    if (same < evaluated.size()) continue;  // what they have in common is evaluated
    same += common_length(chain.pending(), prompt.subspan(same));
    same -= same % block;
    if (same <= evaluated.size()) continue;
    if (!here) here = static_cast<std::size_t>(tree_.match(prompt));
    if (same >= *here + block) return true;
  }
  return false;
}

/// Blocks that the chains under way will need soon.
std::size_t Batcher::reserve() const {
  std::size_t blocks = 0;
  for (const auto& running : running_) {
    if (!running->active()) continue;
    const Chain& chain = *running->chain;
    const Request& request = *running->request;
    blocks += runner_.blocks_to_append(chain.sequence(),
                                       static_cast<std::int64_t>(chain.pending().size()));
    blocks += request.group->waits_for(chain) ? request.group->size() : 1;
  }
  return blocks;
}

/// Evicts cached prefixes until so many blocks are free.
bool Batcher::make_room(std::size_t blocks) {
  while (runner_.max_blocks() - runner_.used_blocks() < blocks) {
    if (!tree_.evict_one()) return false;
  }
  return true;
}

std::optional<CachedPrefix> Batcher::prepare(std::span<const Token> tokens, std::size_t more) {
  // Held from here on, so that making room does not evict it.
  CachedPrefix prefix = tree_.find(reusable(tokens));
  const auto rest = static_cast<std::int64_t>(tokens.size() - prefix.tokens.size());
  const std::size_t blocks = prefix.sequence ? runner_.blocks_to_append(*prefix.sequence, rest)
                                             : blocks_for(runner_, rest);
  if (make_room(blocks + more + reserve()) || !any_active()) return prefix;
  if (prefix.sequence) runner_.close(*prefix.sequence);
  return std::nullopt;
}

bool Batcher::any_active() const {
  return std::any_of(running_.begin(), running_.end(), [](const auto& r) { return r->active(); });
}

/// Returns false when there is no room for all of them.
bool Batcher::resume_suspended() {
  for (const auto& running : running_) {
    Chain& chain = *running->chain;
    if (chain.finished() || !chain.suspended()) continue;
    auto prefix = prepare(chain.pending(), 1);
    if (!prefix) return false;
    chain.resume(std::move(*prefix));
    running->kept = 0;
  }
  return true;
}

/// Takes a request out of the line when there is room for it.
bool Batcher::begin(std::unique_ptr<Request>& next) {
  Request& request = *next;
  const Job& job = request.job;
  try {
    const std::span<const Token> prompt(job.prompt);
    const auto most = static_cast<std::size_t>(runner_.context_length());
    auto prefix =
        prepare(prompt.first(std::min(prompt.size(), most)), static_cast<std::size_t>(job.n));
    if (!prefix) return false;
    request.group = std::make_unique<ChainGroup>(runner_, tokenizer_, prompt, job.options, job.n,
                                                 std::move(*prefix));
    stats_.prompt_tokens += static_cast<std::uint64_t>(prompt.size());
    Chain& leader = request.group->leader();
    stats_.reused_tokens += static_cast<std::uint64_t>(leader.reused_tokens());
    add_running(request, leader);
  } catch (...) {
    request.error = error_of(std::current_exception());
  }
  request.admitted = Request::Clock::now();
  requests_.push_back(std::move(next));
  return true;
}

Running& Batcher::add_running(Request& request, Chain& chain) {
  auto running = std::make_unique<Running>();
  running->request = &request;
  running->chain = &chain;
  const auto place =
      std::upper_bound(running_.begin(), running_.end(), running, [](const auto& a, const auto& b) {
        return std::pair(a->request->id, a->chain->index()) <
               std::pair(b->request->id, b->chain->index());
      });
  return **running_.insert(place, std::move(running));
}

void Batcher::fail(Request& request, Error error) {
  if (!request.error) request.error = std::move(error);
}

/// Gives a chain's keys and values to the prefix tree.
void Batcher::release(Running& running) {
  const CachedPrefix cache = running.chain->release();
  if (!cache.sequence) return;
  if (!running.request->error) {
    try {
      tree_.insert(cache.tokens, *cache.sequence);
    } catch (...) {
      // Without memory for it, nothing is kept.
    }
  }
  runner_.close(*cache.sequence);
}

void Batcher::cancel(JobId id) {
  const auto is_it = [&](const auto& request) { return request->id == id; };
  const auto waiting = std::find_if(line_.begin(), line_.end(), is_it);
  if (waiting != line_.end()) {
    (*waiting)->cancelled = true;
    requests_.push_back(std::move(*waiting));
    line_.erase(waiting);
  } else {
    const auto found = std::find_if(requests_.begin(), requests_.end(), is_it);
    if (found == requests_.end()) return;
    (*found)->cancelled = true;
    for (const auto& running : running_) {
      if (running->request != found->get()) continue;
      try {
        running->chain->cancel(recorder(*running));
      } catch (...) {
        fail(**found, error_of(std::current_exception()));
      }
    }
  }
  deliver();
  collect_ended();
}

void Batcher::cancel_all() {
  while (!line_.empty()) cancel(line_.back()->id);
  while (!requests_.empty()) cancel(requests_.back()->id);
}

/// Calls on_token for what the step has brought.
void Batcher::deliver() {
  for (const auto& running : running_) {
    Request& request = *running->request;
    for (std::size_t i = 0; i < running->events.size() && !request.error; ++i) {
      try {
        request.job.on_token(running->events.event(i));
      } catch (...) {
        fail(request, error_of(std::current_exception()));
      }
    }
    running->events.clear();
  }
}

void Batcher::collect_ended() {
  for (auto& running : running_) {
    if (running->chain->finished() || running->request->error) {
      release(*running);
      running = nullptr;
    }
  }
  std::erase(running_, nullptr);
  for (auto& request : requests_) {
    if (!request->ended()) continue;
    ++stats_.jobs;
    if (request->error) {
      ++stats_.failed_jobs;
    } else if (request->cancelled) {
      ++stats_.cancelled_jobs;
    }
    ended_.push_back(std::move(request));
  }
  std::erase(requests_, nullptr);
}

SchedulerStats Batcher::stats() const {
  SchedulerStats stats = stats_;
  stats.active_chains = slots();
  stats.cached_prefix_tokens = tree_.tokens();
  stats.used_blocks = runner_.used_blocks();
  stats.max_blocks = runner_.max_blocks();
  return stats;
}

}  // namespace jielong
