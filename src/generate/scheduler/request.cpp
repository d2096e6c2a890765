#include "generate/scheduler/request.h"

#include <algorithm>
#include <new>

namespace jielong {
namespace {

double seconds(Request::Clock::time_point from, Request::Clock::time_point to) {
  return std::max(0.0, std::chrono::duration<double>(to - from).count());
}

}  // namespace

Error error_of(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const Error& error) {
    return error;
  } catch (const std::bad_alloc&) {
    return Error(ErrorKind::limit, "the memory of this machine is exhausted", "",
                 "use fewer chains, a shorter context or a smaller model");
  } catch (const std::exception& error) {
    return Error(ErrorKind::internal, error.what());
  } catch (...) {
    return Error(ErrorKind::internal, "something that is no exception was thrown");
  }
}

void EventLog::add(const TokenEvent& event) {
  if (count_ == entries_.size()) entries_.emplace_back();
  Entry& entry = entries_[count_++];
  entry.event = event;
  entry.text.assign(event.text);
  entry.top_logprobs.assign(event.top_logprobs.begin(), event.top_logprobs.end());
  if (event.trace != nullptr) entry.trace = *event.trace;
}

TokenEvent EventLog::event(std::size_t index) const {
  const Entry& entry = entries_[index];
  TokenEvent event = entry.event;
  event.text = entry.text;
  event.top_logprobs = entry.top_logprobs;
  event.trace = entry.event.trace != nullptr ? &entry.trace : nullptr;
  return event;
}

bool Request::ended() const { return error.has_value() || (group ? group->finished() : cancelled); }

JobResult Request::result() const {
  JobResult result;
  result.error = error;
  result.chains.resize(static_cast<std::size_t>(job.n));
  GenerateStats& stats = result.stats;
  const Clock::time_point now = Clock::now();
  stats.queue_seconds = seconds(submitted, admitted.value_or(now));
  if (!group) {
    stats.prompt_tokens = static_cast<std::int64_t>(job.prompt.size());
    for (ChainResult& chain : result.chains) chain.finish = FinishReason::cancelled;
    return result;
  }
  for (std::size_t i = 0; i < result.chains.size(); ++i) result.chains[i] = group->result(i);
  group->add_counts(stats);
  stats.prefill_seconds = seconds(*admitted, first_token.value_or(now));
  if (first_token) {
    stats.first_token_seconds = seconds(submitted, *first_token);
    stats.decode_seconds = seconds(*first_token, now);
    // Each chain's first token came with the prompt.
    const auto begun = std::count_if(result.chains.begin(), result.chains.end(),
                                     [](const ChainResult& c) { return !c.tokens.empty(); });
    stats.decoded_tokens = stats.generated_tokens - begun;
  }
  return result;
}

}  // namespace jielong
