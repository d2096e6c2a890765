#include <memory>
#include <utility>

#include "serve/metrics.h"

namespace jielong::serve {

ChatListener measured(Metrics& metrics, ChatListener listener) {
  using Clock = std::chrono::steady_clock;
  struct Times {
    Clock::time_point begun = Clock::now();
    std::vector<Clock::time_point> last;  ///< token of each choice
    bool first = true;
  };
  const auto seconds = [](Clock::duration time) {
    return std::chrono::duration<double>(time).count();
  };
  // Both callbacks come from the scheduler's thread: the times need no lock.
  auto times = std::make_shared<Times>();
  ChatListener outer;
  outer.event = [&metrics, times, seconds,
                 inner = std::move(listener.event)](const ChatEvent& event) {
    if (event.token != nullptr) {
      const auto now = Clock::now();
      const auto choice = static_cast<std::size_t>(event.choice);
      if (times->first) metrics.first_token_seconds.observe(seconds(now - times->begun));
      times->first = false;
      if (choice >= times->last.size()) times->last.resize(choice + 1);
      if (times->last[choice] != Clock::time_point()) {
        metrics.between_tokens_seconds.observe(seconds(now - times->last[choice]));
      }
      times->last[choice] = now;
      metrics.answer_tokens.fetch_add(1, std::memory_order_relaxed);
    }
    if (inner) inner(event);
  };
  outer.done = [&metrics, inner = std::move(listener.done)](const ChatUsage& usage,
                                                            const std::optional<Error>& error) {
    metrics.queue_seconds.observe(usage.queue_seconds);
    metrics.prompt_tokens.fetch_add(static_cast<std::uint64_t>(usage.prompt_tokens));
    metrics.cached_tokens.fetch_add(static_cast<std::uint64_t>(usage.cached_tokens));
    if (inner) inner(usage, error);
  };
  return outer;
}

}  // namespace jielong::serve
