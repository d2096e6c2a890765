#include "serve/limits.h"

namespace jielong::serve {

const std::vector<LimitInfo>& all_limits() {
  static const std::vector<LimitInfo> limits{
      {"connections", &Limits::connections},
      {"uri_bytes", &Limits::uri_bytes},
      {"header_bytes", &Limits::header_bytes},
      {"body_bytes", &Limits::body_bytes},
      {"bodies_bytes", &Limits::bodies_bytes},
      {"header_seconds", &Limits::header_seconds},
      {"body_seconds", &Limits::body_seconds},
      {"idle_seconds", &Limits::idle_seconds},
      {"unsent_bytes", &Limits::unsent_bytes},
      {"ping_seconds", &Limits::ping_seconds},
      {"waiting_requests", &Limits::waiting_requests},
      {"request_seconds", &Limits::request_seconds},
      {"json_depth", &Limits::json_depth},
      {"choices", &Limits::choices},
      {"max_tokens", &Limits::max_tokens},
      {"stop_strings", &Limits::stop_strings},
      {"stop_bytes", &Limits::stop_bytes},
      {"top_logprobs", &Limits::top_logprobs},
      {"trace_top", &Limits::trace_top},
      {"logit_biases", &Limits::logit_biases},
      {"messages", &Limits::messages},
      {"prompts", &Limits::prompts},
      {"tools", &Limits::tools},
      {"grammar_bytes", &Limits::grammar_bytes},
      {"embedding_inputs", &Limits::embedding_inputs},
  };
  return limits;
}

}  // namespace jielong::serve
