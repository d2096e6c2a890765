#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace jielong::serve {

/// What one request, one connection and all of them together may take. Published in
/// docs/guide/serving.md; a test compares the two.
struct Limits {
  // Connections.
  std::int64_t connections = 2048;        ///< open at once; one more gets 503
  std::int64_t uri_bytes = 8192;          ///< path and query
  std::int64_t header_bytes = 32768;      ///< all header lines together
  std::int64_t body_bytes = 16777216;     ///< of one request
  std::int64_t bodies_bytes = 268435456;  ///< of all requests under way
  std::int64_t header_seconds = 10;       ///< until a request's headers are here
  std::int64_t body_seconds = 60;         ///< until its body is here
  std::int64_t idle_seconds = 60;         ///< a connection may wait for the next request
  std::int64_t unsent_bytes = 4194304;    ///< queued for a slow reader, who is then dropped
  std::int64_t ping_seconds = 5;          ///< of silence before a stream says that it lives

  // Requests.
  std::int64_t waiting_requests = 1024;  ///< for a worker; one more gets 503
  std::int64_t request_seconds = 1800;   ///< wall time, after which the request is cancelled
  std::int64_t json_depth = 64;
  std::int64_t choices = 16;         ///< `n`, `best_of`
  std::int64_t max_tokens = 131072;  ///< of one answer, the context aside
  std::int64_t stop_strings = 16;
  std::int64_t stop_bytes = 1024;  ///< of one stop string
  std::int64_t top_logprobs = 20;
  std::int64_t trace_top = 64;
  std::int64_t logit_biases = 1024;
  std::int64_t messages = 4096;
  std::int64_t prompts = 64;  ///< of one completion request
  std::int64_t tools = 128;
  std::int64_t grammar_bytes = 262144;  ///< of a grammar, schema or expression
  std::int64_t embedding_inputs = 2048;
};

/// One budget as the guide's table shows it.
struct LimitInfo {
  std::string_view name;
  std::int64_t Limits::*value;
};
/// Every member of Limits, in order of declaration.
const std::vector<LimitInfo>& all_limits();

}  // namespace jielong::serve
