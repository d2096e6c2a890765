#include "serve/http.h"

#include <algorithm>

#include "base/error.h"

namespace jielong::serve {

std::string_view HttpRequest::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return {};
}

namespace {

bool is_prefix(const Route& route) { return route.path.ends_with('*'); }

bool matches(const Route& route, std::string_view path) {
  if (!is_prefix(route)) return route.path == path;
  return path.starts_with(std::string_view(route.path).substr(0, route.path.size() - 1));
}

/// Exact paths first, then the longest prefix.
bool goes_before(const Route& a, const Route* b) {
  if (b == nullptr) return true;
  if (is_prefix(a) != is_prefix(*b)) return !is_prefix(a);
  return a.path.size() > b->path.size();
}

}  // namespace

void RouteTable::add(Route route) {
  for (const Route& other : routes_) {
    if (other.method == route.method && other.path == route.path) {
      throw Error(ErrorKind::internal, "the route is taken", route.method + " " + route.path);
    }
  }
  routes_.push_back(std::move(route));
}

const Route* RouteTable::find(std::string_view method, std::string_view path,
                              std::string& allowed) const {
  const Route *found = nullptr, *get = nullptr;
  std::vector<std::string_view> methods;
  for (const Route& route : routes_) {
    if (!matches(route, path)) continue;
    methods.push_back(route.method);
    if (route.method == method && goes_before(route, found)) found = &route;
    if (route.method == "GET" && goes_before(route, get)) get = &route;
  }
  if (found == nullptr && method == "HEAD") found = get;
  if (get != nullptr) methods.push_back("HEAD");
  std::sort(methods.begin(), methods.end());
  methods.erase(std::unique(methods.begin(), methods.end()), methods.end());
  allowed.clear();
  for (const std::string_view one : methods) {
    if (!allowed.empty()) allowed += ", ";
    allowed += one;
  }
  return found;
}

}  // namespace jielong::serve
