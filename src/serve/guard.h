#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "serve/errors.h"
#include "serve/http.h"

namespace jielong::serve {

struct GuardOptions {
  std::vector<std::string> keys;  ///< none: everybody may ask
  /// The server listens to loopback only.
  bool loopback = true;
  /// Names a Host header may hold besides those of loopback; "*": any. Addresses may be named
  /// too unless `loopback`: a rebound DNS name is always a name.
  std::vector<std::string> hosts;
  /// Origins such as "https://chat.example.org" whose pages may ask; "*": any.
  std::vector<std::string> origins;
};

/// What stands before every handler: no request reaches one that this does not let through.
/// Checked in this order: Host (against DNS rebinding), Origin (against other sites' pages),
/// key, path, method.
class Guard {
 public:
  /// Throws Error(bad_input) for a key, host or origin that cannot be one.
  explicit Guard(GuardOptions options);

  struct Verdict {
    const Route* route = nullptr;        ///< to take, unless `problem`
    std::optional<HttpProblem> problem;  ///< to answer with
    bool preflight = false;              ///< answer 204 with `headers`
    Dialect dialect = Dialect::plain;    ///< of the answer
    HttpHeaders headers;                 ///< to add to whatever is answered (CORS)
  };
  Verdict check(const HttpRequest& request, const RouteTable& table) const;

 private:
  bool host_allowed(std::string_view header) const;
  bool origin_allowed(const HttpRequest& request) const;
  bool key_allowed(const HttpRequest& request) const;

  GuardOptions options_;
  std::vector<std::string> key_hashes_;
  bool any_host_ = false, any_origin_ = false;
};

/// The dialect whose clients would ask for a path that nobody knows.
Dialect dialect_of_path(std::string_view path);

}  // namespace jielong::serve
