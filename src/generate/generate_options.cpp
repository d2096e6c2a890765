#include "generate/generate_options.h"

namespace jielong {
namespace {

double per_second(std::int64_t count, double seconds) {
  return seconds > 0 ? static_cast<double>(count) / seconds : 0.0;
}

}  // namespace

std::string_view name(FinishReason reason) {
  switch (reason) {
    case FinishReason::none: return "none";
    case FinishReason::end_token: return "end";
    case FinishReason::stop_string: return "stop";
    case FinishReason::length: return "length";
    case FinishReason::context_full: return "context_full";
    case FinishReason::cancelled: return "cancelled";
  }
  return "unknown";
}

double GenerateStats::prompt_tokens_per_second() const {
  return per_second(prompt_tokens - reused_tokens, prefill_seconds);
}

double GenerateStats::tokens_per_second() const {
  return per_second(decoded_tokens, decode_seconds);
}

double GenerateStats::acceptance() const {
  if (drafted_tokens == 0) return 0;
  return static_cast<double>(accepted_tokens) / static_cast<double>(drafted_tokens);
}

}  // namespace jielong
