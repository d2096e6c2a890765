#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "base/json.h"
#include "base/scratch.h"
#include "serve/context.h"
#include "serve/fixtures.h"
#include "serve/guard.h"
#include "serve/http_server.h"
#include "serve/raw_client.h"
#include "serve/runs.h"
#include "serve/status_routes.h"

namespace jielong::test {
namespace {

using serve::Dialect;
using testing::HasSubstr;
using testing::StartsWith;

/// Every route of the program, over a store without models.
class RouteTableTest : public testing::Test {
 protected:
  RouteTableTest() {
    serve::add_status_routes(table_, context_, board_);
    serve::add_openai_routes(table_, context_);
    serve::add_anthropic_routes(table_, context_);
    serve::add_ollama_routes(table_, context_);
    serve::add_run_routes(table_, folder_ / "runs");
    serve::add_page_routes(table_);
  }

  Scratch folder_;
  ModelPool pool_{ModelPoolOptions{}, ModelStore(offline_store(folder_))};
  serve::Metrics metrics_;
  serve::ServeContext context_{pool_, serve::Limits(), metrics_, "smollm2", "0", 0, true};
  serve::StatusBoard board_{pool_};
  serve::RouteTable table_;
};

std::string sample_path(const serve::Route& route) {
  std::string path = route.path;
  if (path.ends_with('*')) path.back() = 'x';
  return path;
}

TEST_F(RouteTableTest, EveryRouteButTheOpenOnesAsksForAKey) {
  std::set<std::string> open;
  for (const serve::Route& route : table_.routes()) {
    if (route.open) open.insert(route.path);
  }
  // What may be open: adding to this list is a decision.
  for (const std::string& path : open) {
    EXPECT_TRUE(path == "/health" || path == "/" || path.starts_with("/assets/") ||
                path.find('/', 1) == std::string::npos)
        << path;
    EXPECT_FALSE(path.starts_with("/v1") || path.starts_with("/api")) << path;
  }
  EXPECT_EQ(open.count("/metrics"), 0U);

  serve::ServerOptions options;
  options.port = 0;
  options.guard.keys = {"key"};
  const serve::RouteTable& routes = table_;
  serve::HttpServer server(table_, options, metrics_);
  std::size_t closed = 0;
  for (const serve::Route& route : routes.routes()) {
    const std::string body = route.method == "GET" || route.method == "HEAD" ? "" : "{}";
    RawClient client(server.port());
    client.send(route.method + " " + sample_path(route) +
                " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: " +
                std::to_string(body.size()) + "\r\n\r\n" + body);
    const std::string response = client.rest();
    if (route.open) {
      EXPECT_THAT(response, StartsWith("HTTP/1.1 200")) << route.path;
      continue;
    }
    ++closed;
    ASSERT_THAT(response, StartsWith("HTTP/1.1 401")) << route.method << " " << route.path;
    if (route.method == "HEAD") continue;
    const Json json = parse_json(response.substr(response.find("\r\n\r\n") + 4), route.path);
    switch (route.dialect) {
      case Dialect::plain:
      case Dialect::openai: EXPECT_EQ(json["error"]["code"], "invalid_api_key"); break;
      case Dialect::anthropic: EXPECT_EQ(json["error"]["type"], "authentication_error"); break;
      case Dialect::ollama: EXPECT_TRUE(json["error"].is_string()); break;
    }
  }
  EXPECT_GT(closed, 15U);
}

TEST_F(RouteTableTest, HasTheDialectOfEachPath) {
  for (const serve::Route& route : table_.routes()) {
    const Dialect expected = serve::dialect_of_path(route.path);
    if (expected == Dialect::plain) continue;
    EXPECT_EQ(route.dialect, expected) << route.path;
  }
}

TEST_F(RouteTableTest, HealthAndMetricsTell) {
  serve::ServerOptions options;
  options.port = 0;
  serve::HttpServer server(table_, options, metrics_);
  RawClient client(server.port());
  client.send("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const std::string health = client.response();
  const Json json = parse_json(health.substr(health.find("\r\n\r\n") + 4), "/health");
  EXPECT_EQ(json["status"], "ok");
  EXPECT_EQ(json["models_loaded"], 0);
  // It is open to everybody, so it names no model.
  EXPECT_THAT(health, testing::Not(HasSubstr("smollm2")));
  client.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const std::string metrics = client.response();
  EXPECT_THAT(metrics, HasSubstr("text/plain; version=0.0.4"));
  EXPECT_THAT(metrics, HasSubstr("jielong_requests_total{route=\"/health\",status=\"200\"} 1\n"));
  EXPECT_THAT(metrics, HasSubstr("process_open_fds "));
  EXPECT_THAT(metrics, HasSubstr("\njielong_requests_active 1\n"));
}

}  // namespace
}  // namespace jielong::test
