#include "serve/metrics.h"

#include <fmt/format.h>

#include <algorithm>

namespace jielong::serve {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

void write_head(std::string& out, std::string_view name, std::string_view type,
                std::string_view help) {
  out += fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n", name, help, type);
}

}  // namespace

void Histogram::observe(double seconds) {
  seconds = std::max(seconds, 0.0);
  const auto at = std::lower_bound(kBorders.begin(), kBorders.end(), seconds);
  counts_[static_cast<std::size_t>(at - kBorders.begin())].fetch_add(1, kRelaxed);
  nanoseconds_.fetch_add(static_cast<std::uint64_t>(std::min(seconds, 1e9) * 1e9), kRelaxed);
}

void Histogram::write(std::string& out, std::string_view name, std::string_view help) const {
  write_head(out, name, "histogram", help);
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < kBorders.size(); ++i) {
    sum += counts_[i].load(kRelaxed);
    out += fmt::format("{}_bucket{{le=\"{}\"}} {}\n", name, kBorders[i], sum);
  }
  sum += counts_.back().load(kRelaxed);
  out += fmt::format("{0}_bucket{{le=\"+Inf\"}} {1}\n{0}_sum {2}\n{0}_count {1}\n", name, sum,
                     static_cast<double>(nanoseconds_.load(kRelaxed)) * 1e-9);
}

void Metrics::count_request(std::string_view route, int status) {
  const std::lock_guard lock(mutex_);
  ++requests_[{std::string(route), status}];
}

void write_counter(std::string& out, std::string_view name, std::string_view help,
                   std::uint64_t value) {
  write_head(out, name, "counter", help);
  out += fmt::format("{} {}\n", name, value);
}

void write_gauge(std::string& out, std::string_view name, std::string_view help,
                 std::int64_t value) {
  write_head(out, name, "gauge", help);
  out += fmt::format("{} {}\n", name, value);
}

std::string prometheus_label(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

void Metrics::write(std::string& out) const {
  write_head(out, "jielong_requests_total", "counter", "Requests answered, by route and status.");
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, count] : requests_) {
      out += fmt::format("jielong_requests_total{{route=\"{}\",status=\"{}\"}} {}\n",
                         prometheus_label(key.first), key.second, count);
    }
  }
  request_seconds.write(out, "jielong_request_seconds", "From a request's headers to its end.");
  queue_seconds.write(out, "jielong_queue_seconds", "A prompt's wait for its first step.");
  first_token_seconds.write(out, "jielong_first_token_seconds", "From request to first token.");
  between_tokens_seconds.write(out, "jielong_between_tokens_seconds",
                               "Between two tokens of one answer.");
  write_counter(out, "jielong_prompt_tokens_total", "Tokens of prompts.", prompt_tokens);
  write_counter(out, "jielong_cached_prompt_tokens_total",
                "Tokens of prompts taken from the prefix cache.", cached_tokens);
  write_counter(out, "jielong_answer_tokens_total", "Tokens generated.", answer_tokens);
  write_counter(out, "jielong_dropped_clients_total", "Clients gone before their answer's end.",
                dropped_clients);
  write_counter(out, "jielong_slow_readers_total", "Streams dropped because nobody read them.",
                slow_readers);
  write_counter(out, "jielong_expired_requests_total", "Requests that took too long.",
                expired_requests);
  write_gauge(out, "jielong_connections", "Open connections.", connections);
  write_gauge(out, "jielong_requests_active", "Requests under way.", active_requests);
  write_gauge(out, "jielong_requests_waiting", "Requests that wait for a worker.",
              waiting_requests);
  write_gauge(out, "jielong_request_body_bytes", "Request bodies held.", body_bytes);
}

}  // namespace jielong::serve
