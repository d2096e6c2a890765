#pragma once

#include <cstdint>
#include <string>

#include "generate/model_pool.h"
#include "serve/http.h"
#include "serve/limits.h"
#include "serve/metrics.h"

namespace jielong::serve {

/// What handlers need; outlives the server.
struct ServeContext {
  ModelPool& pool;
  Limits limits;
  Metrics& metrics;
  std::string default_model;  ///< "default" or no name at all means this one
  std::string version;
  std::int64_t started = 0;  ///< seconds since 1970
  bool offline = false;      ///< nothing may be fetched

  /// The name to acquire for what a request says.
  std::string model_name(const std::string& requested) const {
    return requested.empty() || requested == "default" ? default_model : requested;
  }
};

// Each adds its routes; `context` must outlive the table.
void add_openai_routes(RouteTable& table, ServeContext& context);
void add_anthropic_routes(RouteTable& table, ServeContext& context);
void add_ollama_routes(RouteTable& table, ServeContext& context);
void add_page_routes(RouteTable& table);

}  // namespace jielong::serve
