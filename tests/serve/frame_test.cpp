// The pieces around the server that need no socket.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/busy_error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/scratch.h"
#include "serve/context.h"
#include "serve/errors.h"
#include "serve/framing.h"
#include "serve/guard.h"
#include "serve/keys.h"
#include "serve/limits.h"
#include "serve/metrics.h"
#include "serve/page_files.h"
#include "serve/recording_reply.h"
#include "serve/streams.h"
#include "serve/worker_pool.h"

namespace jielong::test {
namespace {

using serve::Dialect;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST(RouteTable, PrefersExactAndLongerPaths) {
  serve::RouteTable table;
  for (const char* path : {"/*", "/v1/models", "/v1/models/*", "/v1/*"}) {
    table.add({"GET", path, Dialect::plain, false, false, {}});
  }
  table.add({"POST", "/v1/models", Dialect::plain, false, false, {}});
  std::string allowed;
  const auto found = [&](const char* method, const char* path) {
    const serve::Route* route = table.find(method, path, allowed);
    return route == nullptr ? std::string("none") : route->method + route->path;
  };
  EXPECT_EQ(found("GET", "/v1/models"), "GET/v1/models");
  EXPECT_EQ(found("HEAD", "/v1/models"), "GET/v1/models");
  EXPECT_EQ(found("POST", "/v1/models"), "POST/v1/models");
  EXPECT_EQ(found("GET", "/v1/models/a/b"), "GET/v1/models/*");
  EXPECT_EQ(found("GET", "/v1/other"), "GET/v1/*");
  EXPECT_EQ(found("GET", "/"), "GET/*");
  EXPECT_EQ(found("PUT", "/v1/models"), "none");
  EXPECT_EQ(allowed, "GET, HEAD, POST");
  EXPECT_THROW(table.add({"GET", "/v1/*", Dialect::plain, false, false, {}}), Error);
}

TEST(Errors, BecomeStatusAndFormat) {
  const auto status = [](ErrorKind kind) {
    return serve::problem_of(Error(kind, "what", "where", "fix")).status;
  };
  EXPECT_EQ(status(ErrorKind::bad_input), 400);
  EXPECT_EQ(status(ErrorKind::unsupported), 400);
  EXPECT_EQ(status(ErrorKind::limit), 400);
  EXPECT_EQ(status(ErrorKind::not_found), 404);
  EXPECT_EQ(status(ErrorKind::cancelled), 499);
  EXPECT_EQ(status(ErrorKind::io), 500);
  EXPECT_EQ(status(ErrorKind::internal), 500);
  const serve::HttpProblem busy = serve::problem_of(BusyError("the line is full", "", "", 3));
  EXPECT_EQ(busy.status, 429);
  EXPECT_THAT(busy.headers, ElementsAre(std::pair<std::string, std::string>("Retry-After", "3")));
  EXPECT_EQ(serve::problem_of(std::bad_alloc()).status, 503);

  const serve::HttpProblem problem = serve::problem_of(bad_input("is \xff wrong", "n"));
  const auto json = [&](Dialect dialect) {
    return parse_json(serve::problem_json(dialect, problem, "req_1"), "body");
  };
  EXPECT_EQ(json(Dialect::openai),
            parse_json(R"({"error": {"message": "n: is � wrong", "type": "invalid_request_error",
                           "param": "n", "code": null}})",
                       "expected"));
  EXPECT_EQ(json(Dialect::anthropic),
            parse_json(R"({"type": "error", "error": {"type": "invalid_request_error",
                           "message": "n: is � wrong"}, "request_id": "req_1"})",
                       "expected"));
  EXPECT_EQ(json(Dialect::ollama), parse_json(R"({"error": "n: is � wrong"})", "expected"));
}

/// What a client makes of a stream of events (WHATWG HTML, 9.2.6).
std::vector<std::pair<std::string, std::string>> parse_events(std::string_view stream) {
  std::vector<std::pair<std::string, std::string>> events;
  std::string name, data;
  bool any = false;
  while (!stream.empty()) {
    const std::size_t end = stream.find_first_of("\r\n");
    const std::string_view line = stream.substr(0, end);
    if (end == std::string_view::npos) break;
    stream.remove_prefix(end + (stream.substr(end).starts_with("\r\n") ? 2 : 1));
    if (line.empty()) {
      if (any) events.emplace_back(name, data);
      name.clear();
      data.clear();
      any = false;
    } else if (line.starts_with("data: ")) {
      data += (any ? "\n" : "") + std::string(line.substr(6));
      any = true;
    } else if (line.starts_with("event: ")) {
      name = line.substr(7);
    }
  }
  return events;
}

TEST(Streams, EventsComeOutAsTheyWentIn) {
  using Event = std::pair<std::string, std::string>;
  for (const std::string data : {"", "a", "a\nb", "\n", "\n\n", "data: x", ": ping", " a", "a\n"}) {
    EXPECT_THAT(parse_events(serve::sse_event("", data)), ElementsAre(Event("", data)));
    EXPECT_THAT(parse_events(serve::sse_event("name", data)), ElementsAre(Event("name", data)));
  }
  // Other line breaks arrive as the one there is.
  EXPECT_THAT(parse_events(serve::sse_event("", "a\r\nb\rc")), ElementsAre(Event("", "a\nb\nc")));

  auto lines = std::make_shared<RecordingReply>();
  serve::NdjsonStream ndjson(lines);
  ndjson.begin();
  EXPECT_TRUE(ndjson.record("{}"));
  EXPECT_EQ(lines->type, "application/x-ndjson");
  EXPECT_EQ(lines->body, "{}\n");
}

TEST(Limits, ArePublishedAsTheyAre) {
  const std::string guide = read_file(std::string(JIELONG_TEST_DATA) + "/../docs/guide/serving.md");
  const serve::Limits limits;
  for (const serve::LimitInfo& limit : serve::all_limits()) {
    std::string value = std::to_string(limits.*limit.value);
    for (int at = static_cast<int>(value.size()) - 3; at > 0; at -= 3) {
      value.insert(static_cast<std::size_t>(at), ",");
    }
    EXPECT_THAT(guide, HasSubstr("| `" + std::string(limit.name) + "` | " + value + " |"));
  }
  EXPECT_EQ(serve::all_limits().size() * sizeof(std::int64_t), sizeof(serve::Limits));
}

TEST(Metrics, AreWrittenForPrometheus) {
  serve::Metrics metrics;
  metrics.count_request("/v1/models", 200);
  metrics.count_request("/v1/models", 200);
  metrics.count_request("/v1/\"\n\\", 404);
  metrics.first_token_seconds.observe(0.003);
  metrics.first_token_seconds.observe(1000);
  std::string text;
  metrics.write(text);
  EXPECT_THAT(text, HasSubstr("jielong_requests_total{route=\"/v1/models\",status=\"200\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("route=\"/v1/\\\"\\n\\\\\",status=\"404\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("jielong_first_token_seconds_bucket{le=\"0.0025\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("jielong_first_token_seconds_bucket{le=\"0.005\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("jielong_first_token_seconds_bucket{le=\"+Inf\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("jielong_first_token_seconds_count 2\n"));
  // Every series is declared once, before its values.
  std::vector<std::string> declared;
  for (std::size_t at = 0; (at = text.find("# TYPE ", at)) != std::string::npos;) {
    at += 7;
    declared.push_back(text.substr(at, text.find(' ', at) - at));
  }
  std::sort(declared.begin(), declared.end());
  EXPECT_EQ(std::unique(declared.begin(), declared.end()), declared.end());
}

TEST(Metrics, TimeAnAnswer) {
  serve::Metrics metrics;
  int events = 0, ends = 0;
  ChatListener listener =
      serve::measured(metrics, {[&](const ChatEvent&) { ++events; },
                                [&](const ChatUsage&, const std::optional<Error>&) { ++ends; }});
  const TokenEvent token{};
  for (int i = 0; i < 3; ++i) {
    ChatEvent event;
    event.token = &token;
    event.choice = i % 2;
    listener.event(event);
  }
  listener.event({});
  ChatUsage usage;
  usage.prompt_tokens = 7;
  usage.cached_tokens = 5;
  listener.done(usage, std::nullopt);
  EXPECT_EQ(events, 4);
  EXPECT_EQ(ends, 1);
  EXPECT_EQ(metrics.answer_tokens, 3U);
  EXPECT_EQ(metrics.prompt_tokens, 7U);
  EXPECT_EQ(metrics.cached_tokens, 5U);
  std::string text;
  metrics.write(text);
  EXPECT_THAT(text, HasSubstr("jielong_first_token_seconds_count 1\n"));
  EXPECT_THAT(text, HasSubstr("jielong_between_tokens_seconds_count 1\n"));
}

TEST(Keys, AreReadFromLines) {
  EXPECT_THAT(serve::parse_keys("one\r\n\n# not this\n  two words \n"),
              ElementsAre("one", "two words"));
  Scratch scratch;
  write_file(scratch / "keys", "# none\n");
  EXPECT_THROW(serve::read_keys(scratch / "keys"), Error);
  try {
    serve::read_keys("sk-a-key-by-mistake");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), Not(HasSubstr("sk-a-key")));
    EXPECT_THAT(error.fix(), HasSubstr("JIELONG_API_KEY"));
  }
  EXPECT_THROW(serve::Guard({{"a\nb"}, true, {}, {}}), Error);
  EXPECT_THROW(serve::Guard({{""}, true, {}, {}}), Error);
  EXPECT_THROW(serve::Guard({{}, true, {"http://a"}, {}}), Error);
  EXPECT_THROW(serve::Guard({{}, true, {}, {"example.org"}}), Error);
}

TEST(WorkerPool, RunsWhatFitsInItsLine) {
  std::atomic<int> ran{0};
  serve::WorkerPool pool(2, 1000);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(pool.try_run([&] { ++ran; }));
  while (ran < 100) std::this_thread::yield();
  pool.stop();
  EXPECT_FALSE(pool.try_run([&] { ++ran; }));
  serve::WorkerPool closed(1, 0);
  EXPECT_FALSE(closed.try_run([] {}));
}

TEST(Page, IsServedWithAStrictPolicy) {
  serve::RouteTable table;
  serve::add_page_routes(table);
  ASSERT_FALSE(table.routes().empty());
  bool index = false;
  for (const serve::Route& route : table.routes()) {
    EXPECT_TRUE(route.open && route.immediate && route.method == "GET") << route.path;
    index = index || route.path == "/";
    const auto ask = [&](serve::HttpHeaders headers) {
      serve::HttpRequest request;
      request.headers = std::move(headers);
      auto reply = std::make_shared<RecordingReply>();
      route.handler(request, reply);
      return reply;
    };
    const auto plain = ask({});
    EXPECT_EQ(plain->status, 200) << route.path;
    EXPECT_NE(plain->type, "application/octet-stream") << route.path;
    EXPECT_THAT(plain->headers["Content-Security-Policy"], StartsWith("default-src 'none'; "));
    EXPECT_THAT(plain->headers["Content-Security-Policy"], Not(HasSubstr("unsafe")));
    EXPECT_EQ(plain->headers["Referrer-Policy"], "no-referrer");
    EXPECT_EQ(plain->headers.count("Content-Encoding"), 0U);
    if (plain->headers.count("ETag") == 0) continue;
    EXPECT_EQ(ask({{"if-none-match", plain->headers["ETag"]}})->status, 304);
    const auto gzip = ask({{"accept-encoding", "gzip, br"}});
    EXPECT_EQ(gzip->headers["Content-Encoding"], "gzip");
    EXPECT_THAT(gzip->body, StartsWith("\x1f\x8b"));
    EXPECT_EQ(gzip->headers["ETag"], plain->headers["ETag"]);
  }
  EXPECT_TRUE(index);
}

}  // namespace
}  // namespace jielong::test
