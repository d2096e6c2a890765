#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "base/scratch.h"
#include "generate/model_pool.h"
#include "serve/errors.h"
#include "serve/http.h"
#include "serve/recording_reply.h"

namespace jielong::test {

/// A store below `folder` that fetches nothing and reads nobody else's.
inline StoreSettings offline_store(const Scratch& folder) {
  StoreSettings settings;
  settings.models = folder / "models";
  settings.hugging_face = folder / "hub";
  settings.ollama = folder / "ollama";
  settings.offline = true;
  return settings;
}

inline ModelPoolOptions tiny_pool(int threads) {
  ModelPoolOptions options;
  options.threads = threads;
  options.memory_bytes = std::uint64_t{1} << 30;
  return options;
}

/// The route for a request; throws std::runtime_error where there is none.
inline const serve::Route& route_of(const serve::RouteTable& table, std::string_view method,
                                    const std::string& path) {
  std::string allowed;
  const serve::Route* route = table.find(method, path, allowed);
  if (route == nullptr) throw std::runtime_error("no route " + path);
  return *route;
}

/// Calls the route's handler; errors are answered as the server would.
inline std::shared_ptr<RecordingReply> call_route(const serve::RouteTable& table,
                                                  std::string_view method, std::string path,
                                                  std::string body) {
  const auto reply = std::make_shared<RecordingReply>();
  const serve::Route& route = route_of(table, method, path);
  serve::HttpRequest request;
  request.method = method;
  request.path = std::move(path);
  request.body = std::move(body);
  request.id = "req_test";
  try {
    route.handler(request, reply);
  } catch (const std::exception& error) {
    serve::send_problem(*reply, route.dialect, serve::problem_of(error), request.id);
  }
  return reply;
}

}  // namespace jielong::test
