#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>

#include "base/error.h"
#include "base/thread_pool.h"
#include "generate/scheduler/batcher.h"
#include "generate/scheduler/turn.h"

namespace jielong {
namespace {

/// Vocabularies below this are sampled faster by one thread than it takes to wake others.
constexpr std::int64_t kWorthSharing = 4096;

std::int64_t size_of(std::span<const Token> tokens) {
  return static_cast<std::int64_t>(tokens.size());
}

}  // namespace

void Batcher::step() {
  {
    std::unique_lock<Turn> turn;
    if (options_.turn) turn = std::unique_lock(*options_.turn);
    const auto begin = std::chrono::steady_clock::now();
    admit();
    plan();
    if (batch_.size() > 0) {
      evaluate();
      ++stats_.steps;
    }
    stats_.step_seconds +=
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }
  deliver();
  collect_ended();
}

/// Decides how many rows each chain gets: one or a draft where it decodes, its share of what
/// is left of the step's rows where it has a prompt.
void Batcher::plan_parts() {
  parts_.clear();
  demands_.clear();
  std::int64_t decoding = 0;
  for (const auto& running : running_) {
    if (!running->active()) continue;
    const Chain& chain = *running->chain;
    const GenerateOptions& options = chain.options();
    const std::int64_t pending = size_of(chain.pending());
    std::int64_t rows = 0;
    if (pending > 1) {
      demands_.push_back({pending, std::max<std::int64_t>(options.prefill_chunk, 1)});
    } else {
      const std::int64_t room = runner_.context_length() - size_of(chain.evaluated());
      const bool may_draft = options.drafter && !chain.result().tokens.empty();
      rows = std::max<std::int64_t>(std::min(1 + (may_draft ? options.max_draft : 0), room), 1);
      decoding += rows;
    }
    parts_.push_back({running.get(), rows});
  }
  const std::int64_t least = std::max<std::int64_t>(options_.prefill_rows / 4, 1);
  share_prefill(demands_, std::max(options_.prefill_rows - decoding, least), shares_);
  auto share = shares_.begin();
  for (Part& part : parts_) {
    if (part.rows == 0) part.rows = *share++;
  }
  std::erase_if(parts_, [](const Part& part) { return part.rows == 0; });
}

std::size_t Batcher::blocks_needed() const {
  std::size_t blocks = 0;
  for (const Part& part : parts_) {
    blocks += runner_.blocks_to_append(part.running->chain->sequence(), part.rows);
  }
  return blocks;
}

/// Makes the batch of this step, for which there is room in the cache.
void Batcher::plan() {
  for (;;) {
    plan_parts();
    if (make_room(blocks_needed())) break;
    const auto is_active = [](const auto& running) { return running->active(); };
    const auto youngest = std::find_if(running_.rbegin(), running_.rend(), is_active);
    if (std::count_if(running_.begin(), running_.end(), is_active) > 1) {
      preempt(**youngest);
      continue;
    }
    // A block that only the tree shares with it would have to be copied.
    tree_.clear();
    if (make_room(blocks_needed())) break;
    fail(*(*youngest)->request,
         Error(ErrorKind::limit, "the key/value cache has no room for this chain", "context",
               "give the cache more memory or ask for a shorter answer"));
  }
  batch_.clear();
  batched_.clear();
  for (const auto& running : running_) running->moved = false;
  for (const Part& part : parts_) {
    part.running->moved = true;
    try {
      batch_.add(*part.running->chain, part.rows);
      batched_.push_back(part.running);
    } catch (...) {
      fail(*part.running->request, error_of(std::current_exception()));
    }
  }
}

void Batcher::preempt(Running& running) {
  const CachedPrefix given = running.chain->suspend();
  runner_.close(*given.sequence);
}

void Batcher::evaluate() {
  std::exception_ptr failure;
  try {
    evaluate_part(0, batch_.size());
    return;
  } catch (...) {
    failure = std::current_exception();
  }
  if (batch_.size() == 1) return fail(*batched_.front()->request, error_of(failure));
  // Somebody's fault: each by itself.
  for (std::size_t i = 0; i < batch_.size(); ++i) {
    if (batched_[i]->request->error) continue;
    try {
      evaluate_part(i, 1);
    } catch (...) {
      fail(*batched_[i]->request, error_of(std::current_exception()));
    }
  }
}

/// Throws only what the runner throws, before anything has changed.
void Batcher::evaluate_part(std::size_t first, std::size_t count) {
  const Logits logits = batch_.evaluate(runner_, first, count);
  draws_.clear();
  for (std::size_t i = first; i < first + count; ++i) {
    Running& running = *batched_[i];
    if (!running.chain->awaits_dice()) {
      keep_prompt(running);
      continue;
    }
    const std::int64_t row = batch_.row(i, first);
    draws_.push_back({&running, row});
    if (running.request->group->waits_for(*running.chain)) branch(running, row);
  }
  draw_all(logits);
  for (const Draw& draw : draws_) settle(*draw.running);
}

/// Begins the other chains of a request.
void Batcher::branch(Running& leader, std::int64_t row) {
  Request& request = *leader.request;
  try {
    request.group->branch();
    for (std::size_t i = 1; i < request.group->size(); ++i) {
      Running& other = add_running(request, *request.group->chain(i));
      other.kept = size_of(other.chain->evaluated());
      draws_.push_back({&other, row});
    }
  } catch (...) {
    fail(request, error_of(std::current_exception()));
  }
}

OnToken Batcher::recorder(Running& running) {
  if (!running.request->job.on_token) return {};
  return [log = &running.events](const TokenEvent& event) {
    log->add(event);
    return true;
  };
}

/// The dice of all chains whose logits are there. Samplers read every logit, which for large
/// vocabularies and many chains is a good part of a step.
void Batcher::draw_all(const Logits& logits) {
  const auto draw_one = [&](const Draw& draw) {
    try {
      draw.running->chain->draw(logits, draw.row, recorder(*draw.running));
    } catch (...) {
      draw.running->failure = std::current_exception();
    }
  };
  ThreadPool* pool = options_.pool;
  if (pool == nullptr || pool->size() == 1 || draws_.size() < 2 ||
      logits.vocabulary < kWorthSharing) {
    for (const Draw& draw : draws_) draw_one(draw);
    return;
  }
  std::atomic<std::size_t> next{0};
  pool->run([&](int, int) {
    for (std::size_t i = next++; i < draws_.size(); i = next++) draw_one(draws_[i]);
  });
}

void Batcher::settle(Running& running) {
  Request& request = *running.request;
  try {
    if (running.failure) std::rethrow_exception(running.failure);
    if (request.error) return;
    running.chain->settle();
  } catch (...) {
    return fail(request, error_of(std::current_exception()));
  }
  if (!request.first_token) request.first_token = Request::Clock::now();
  const std::size_t tokens = running.chain->result().tokens.size();
  stats_.generated_tokens += tokens - running.counted;
  running.counted = tokens;
  keep_prompt(running);
  if (running.chain->finished()) release(running);
}

/// Shows the tree what has been evaluated of a prompt, so that others need not wait for its
/// end.
void Batcher::keep_prompt(Running& running) {
  const Chain& chain = *running.chain;
  if (chain.result().tokens.size() > 1 || chain.finished()) return;
  std::int64_t full = size_of(chain.evaluated());
  full -= full % runner_.block_tokens();
  if (full <= running.kept) return;
  running.kept = full;
  try {
    tree_.insert(chain.evaluated().first(static_cast<std::size_t>(full)), chain.sequence());
  } catch (...) {
    // Without memory for it, nothing is kept.
  }
}

}  // namespace jielong
