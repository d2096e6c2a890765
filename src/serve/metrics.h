#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "generate/chat_request.h"

namespace jielong::serve {

/// A histogram with fixed borders in seconds, cumulative when written (Prometheus).
class Histogram {
 public:
  static constexpr std::array<double, 16> kBorders{
      0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300};
  void observe(double seconds);
  /// Appends the series of `name` in Prometheus' text format, with HELP and TYPE.
  void write(std::string& out, std::string_view name, std::string_view help) const;

 private:
  std::array<std::atomic<std::uint64_t>, kBorders.size() + 1> counts_{};
  std::atomic<std::uint64_t> nanoseconds_{0};
};

/// What the server counts while it runs. Every member may be called from any thread.
class Metrics {
 public:
  Histogram request_seconds, queue_seconds, first_token_seconds, between_tokens_seconds;
  std::atomic<std::uint64_t> prompt_tokens{0}, cached_tokens{0}, answer_tokens{0};
  std::atomic<std::uint64_t> dropped_clients{0}, slow_readers{0}, expired_requests{0};
  // As it is now.
  std::atomic<std::int64_t> connections{0};
  std::atomic<std::int64_t> active_requests{0};   ///< begun and not yet answered to the end
  std::atomic<std::int64_t> waiting_requests{0};  ///< of those: waiting for a worker
  std::atomic<std::int64_t> body_bytes{0};        ///< request bodies held
  std::atomic<bool> draining{false};

  /// `route` as it stands in the route table, so that there are only so many.
  void count_request(std::string_view route, int status);
  void write(std::string& out) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, int>, std::uint64_t> requests_;
};

// Pieces of Prometheus' text format.
void write_counter(std::string& out, std::string_view name, std::string_view help,
                   std::uint64_t value);
void write_gauge(std::string& out, std::string_view name, std::string_view help,
                 std::int64_t value);
/// `text` as it stands between the quotes of a label.
std::string prometheus_label(std::string_view text);

/// The listener, with times and tokens counted before it is called:
///   start_chat(context.pool, request, measured(context.metrics, {on_event, on_done}));
ChatListener measured(Metrics& metrics, ChatListener listener);

}  // namespace jielong::serve
