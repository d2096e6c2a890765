#include "serve/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/json.h"
#include "serve/raw_client.h"
#include "serve/test_server.h"

namespace jielong::test {
namespace {

using testing::AnyOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

std::string body_of(const std::string& response) {
  const std::size_t end = response.find("\r\n\r\n");
  return end == std::string::npos ? std::string() : response.substr(end + 4);
}

TEST(HttpServer, AnswersSeveralRequestsOfOneConnection) {
  TestServer server;
  RawClient client(server.port());
  client.send(TestServer::request("POST", "/v1/echo?a=%20b", "", "body"));
  const std::string first = client.response();
  EXPECT_THAT(first, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(first, HasSubstr("X-Request-Id: req_"));
  EXPECT_THAT(first, HasSubstr("X-Content-Type-Options: nosniff"));
  EXPECT_EQ(body_of(first), "POST /v1/echo?a=%20b body");
  client.send(TestServer::request("POST", "/v1/echo", "Transfer-Encoding: chunked\r\n") +
              "3\r\nabc\r\n2;extension=1\r\nde\r\n0\r\n\r\n");
  EXPECT_EQ(body_of(client.response()), "POST /v1/echo? abcde");
  // Both at once, and in pieces.
  const std::string two =
      TestServer::request("GET", "/health") + TestServer::request("GET", "/v1/item/a%2Fb");
  client.send(two.substr(0, 70));
  client.send(two.substr(70));
  EXPECT_EQ(body_of(client.response()), "ok");
  EXPECT_EQ(body_of(client.response()), "/v1/item/a/b");
}

TEST(HttpServer, KnowsHeadOptionsAndWrongMethods) {
  TestServer server;
  RawClient client(server.port());
  client.send(TestServer::request("HEAD", "/v1/echo"));
  const std::string head = client.response(false);
  EXPECT_THAT(head, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(head, HasSubstr("Content-Length: 8"));
  client.send(TestServer::request("OPTIONS", "/v1/echo"));
  const std::string options = client.response(false);
  EXPECT_THAT(options, StartsWith("HTTP/1.1 204"));
  EXPECT_THAT(options, HasSubstr("Allow: GET, HEAD, POST, OPTIONS"));
  EXPECT_THAT(options, Not(HasSubstr("Access-Control")));
  client.send(TestServer::request("DELETE", "/v1/echo"));
  const std::string wrong = client.response();
  EXPECT_THAT(wrong, StartsWith("HTTP/1.1 405"));
  EXPECT_THAT(wrong, HasSubstr("Allow: GET, HEAD, POST, OPTIONS"));
  EXPECT_THAT(body_of(wrong), HasSubstr("\"code\":\"method_not_allowed\""));
}

TEST(HttpServer, AnswersErrorsInTheDialectOfTheRoute) {
  TestServer server;
  const auto json = [&](const std::string& path) {
    return parse_json(body_of(server.get(path)), path);
  };
  Json error = json("/v1/throw")["error"];
  EXPECT_EQ(error["message"], "field: is wrong");
  EXPECT_EQ(error["type"], "invalid_request_error");
  EXPECT_EQ(error["param"], "field");
  EXPECT_THAT(server.get("/v1/throw"), StartsWith("HTTP/1.1 400"));

  error = json("/v1/messages/throw");
  EXPECT_EQ(error["type"], "error");
  EXPECT_EQ(error["error"]["type"], "api_error");
  EXPECT_THAT(error["error"]["message"].get<std::string>(), Not(HasSubstr("secret")));
  EXPECT_THAT(error["request_id"].get<std::string>(), StartsWith("req_"));

  EXPECT_EQ(json("/api/throw")["error"], "is not there");
  EXPECT_THAT(server.get("/api/throw"), StartsWith("HTTP/1.1 404"));
  EXPECT_EQ(json("/v1/nowhere")["error"]["code"], "unknown_path");
  EXPECT_EQ(json("/v1/messages/nowhere")["error"]["type"], "not_found_error");
  EXPECT_TRUE(json("/api/nowhere")["error"].is_string());
  EXPECT_THAT(server.get("/v1/forget"), StartsWith("HTTP/1.1 500"));
}

TEST(HttpServer, AStreamThatIsForgottenBreaksOff) {
  TestServer server;
  const std::string broken = server.get("/v1/break");
  EXPECT_THAT(broken, StartsWith("HTTP/1.1 200"));
  // No last chunk: the client can tell that something is missing.
  EXPECT_THAT(broken, Not(HasSubstr("\r\n0\r\n\r\n")));
}

TEST(HttpServer, StreamsWhateverIsWrittenUntilTheEnd) {
  TestServer server;
  RawClient client(server.port());
  client.send(TestServer::request("GET", "/v1/stream"));
  EXPECT_THAT(client.until("\r\n\r\n"), HasSubstr("text/event-stream"));
  ASSERT_TRUE(eventually([&] { return server.held() != nullptr; }));
  const auto stream = server.held();
  EXPECT_TRUE(stream->write(serve::sse_event({}, "one")));
  EXPECT_THAT(client.until("\n\n"), HasSubstr("data: one\n\n"));
  EXPECT_TRUE(stream->write(serve::sse_event("kind", "two\nlines")));
  EXPECT_THAT(client.until("lines\n\n"), HasSubstr("event: kind\ndata: two\ndata: lines\n\n"));
  EXPECT_TRUE(stream->write(serve::sse_event({}, std::string(100'000, 'x'))));
  stream->end();
  EXPECT_FALSE(stream->write("late"));
  std::string all = client.until("\r\n0\r\n\r\n");
  EXPECT_GE(std::count(all.begin(), all.end(), 'x'), 100'000);
  // The connection goes on.
  client.send(TestServer::request("GET", "/health"));
  EXPECT_EQ(body_of(client.response()), "ok");
  EXPECT_EQ(server.drops, 0);
}

TEST(HttpServer, RefusesWhatIsNotHttp) {
  TestServer server;
  const std::string long_header = "A: " + std::string(40'000, 'a') + "\r\n";
  const std::string long_path = "/v1/echo?" + std::string(20'000, 'a');
  const std::vector<std::string> requests{
      "nonsense\r\n\r\n",
      "\x16\x03\x01\x02\r\n\r\n",  // TLS
      "GET /v1/echo HTTP/9.9\r\nHost: localhost\r\n\r\n",
      "GET /v1/echo HTTP/2.0\r\nHost: localhost\r\n\r\n",
      "GET /v1/echo HTTP/1.1\r\n\r\n",  // no Host
      "GET /v1/echo HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
      "GET /v1/echo HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n",
      "GET /v1/echo HTTP/1.1\r\nHost: localhost\r\nA b: c\r\n\r\n",
      "GET /v1/echo HTTP/1.1\r\nHost: localhost\r\nA: b\x01\r\n\r\n",
      "GET /v1/ec ho HTTP/1.1\r\nHost: localhost\r\n\r\n",
      "G\xc3\x84T /v1/echo HTTP/1.1\r\nHost: localhost\r\n\r\n",
      "GET http://localhost/v1/echo HTTP/1.1\r\nHost: localhost\r\n\r\n",
      "GET * HTTP/1.1\r\nHost: localhost\r\n\r\n",
      TestServer::request("GET", "/v1/echo", long_header),
      TestServer::request("GET", long_path),
      TestServer::request("GET", "/v1/../v1/echo"),
      TestServer::request("GET", "/v1/%2e%2e/v1/echo"),
      TestServer::request("GET", "/v1/item/..%2f..%2fecho"),
      TestServer::request("GET", "/v1/echo%00"),
      TestServer::request("GET", "/v1/echo%zz"),
      TestServer::request("GET", "/v1/item/%c3%28"),
      TestServer::request("GET", "/v1\\echo"),
  };
  for (const std::string& request : requests) {
    RawClient client(server.port());
    client.send(request);
    client.shut_sending();
    const std::string response = client.rest();
    EXPECT_THAT(response, AnyOf(IsEmpty(), StartsWith("HTTP/1.1 4"), StartsWith("HTTP/1.1 505"),
                                StartsWith("HTTP/1.0 4")))
        << request.substr(0, 200);
  }
  EXPECT_EQ(server.handled, 0);
}

TEST(HttpServer, RefusesBodiesThatCouldBeReadInTwoWays) {
  TestServer server;
  // What follows would be a second request to whoever believes the wrong one.
  const std::string hidden = TestServer::request("GET", "/v1/echo");
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  const std::vector<std::string> headers{
      "Content-Length: 5\r\n" + chunked,
      chunked + "Content-Length: 5\r\n",
      "Content-Length: 5\r\nContent-Length: 6\r\n",
      "Content-Length: 5\r\nContent-Length: 5\r\n",
      "Content-Length: 5, 5\r\n",
      "Content-Length: -5\r\n",
      "Content-Length: +5\r\n",
      "Content-Length: 0x5\r\n",
      "Content-Length: 5 5\r\n",
      "Content-Length:\r\n",
      "Content-Length : 5\r\n",
      "Content-Length\t: 5\r\n",
      "Content-Length: 99999999999999999999999999\r\n",
      "Transfer-Encoding: identity\r\n",
      "Transfer-Encoding: gzip, chunked\r\n",
      "Transfer-Encoding: chunked, chunked\r\n",
      "Transfer-Encoding: xchunked\r\n",
      "Transfer-Encoding : chunked\r\n",
      chunked + chunked,
      "Content-Encoding: gzip\r\nContent-Length: 5\r\n",
  };
  for (const std::string& header : headers) {
    RawClient client(server.port());
    client.send(TestServer::request("POST", "/v1/echo", header) + "0\r\n\r\n" + hidden);
    const std::string response = client.rest();
    EXPECT_THAT(response, AnyOf(IsEmpty(), StartsWith("HTTP/1.1 4"), StartsWith("HTTP/1.1 501")))
        << header;
    // The library says its own refusals' head twice; what matters is that nothing else follows.
    EXPECT_THAT(response, Not(HasSubstr(" 200 "))) << header;
  }
  // The same with chunks that are none.
  for (const char* body : {"-1\r\nabc\r\n0\r\n\r\n", "ffffffffffffffffff\r\nabc", "3\r\nabcde\r\n",
                           "\r\n0\r\n\r\n", "0x3\r\nabc\r\n0\r\n\r\n"}) {
    RawClient client(server.port());
    client.send(TestServer::request("POST", "/v1/echo", chunked) + body + hidden);
    EXPECT_THAT(client.rest(), AnyOf(IsEmpty(), StartsWith("HTTP/1.1 4"))) << body;
  }
  EXPECT_EQ(server.handled, 0);
}

TEST(HttpServer, RefusesBodiesAboveTheLimit) {
  serve::ServerOptions options;
  options.limits.body_bytes = 1000;
  TestServer server(options);
  RawClient client(server.port());
  client.send(TestServer::request("POST", "/v1/echo", "", std::string(1000, 'a')));
  EXPECT_THAT(client.response(), StartsWith("HTTP/1.1 200"));
  // Somewhat too long: the client is heard out, and the connection stays.
  client.send(TestServer::request("POST", "/v1/echo", "", std::string(1001, 'a')));
  EXPECT_THAT(client.response(), StartsWith("HTTP/1.1 413"));
  std::string chunks;
  for (int i = 0; i < 3; ++i) chunks += "1f4\r\n" + std::string(500, 'a') + "\r\n";
  client.send(TestServer::request("POST", "/v1/echo", "Transfer-Encoding: chunked\r\n") + chunks +
              "0\r\n\r\n");
  EXPECT_THAT(client.response(), StartsWith("HTTP/1.1 413"));
  // Far too long: not.
  client.send("POST /v1/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n");
  EXPECT_THAT(client.rest(), StartsWith("HTTP/1.1 413"));
  RawClient expecting(server.port());
  expecting.send(
      "POST /v1/echo HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
      "Content-Length: 2000\r\n\r\n");
  EXPECT_THAT(expecting.rest(), StartsWith("HTTP/1.1 413"));
  RawClient endless(server.port());
  endless.send(TestServer::request("POST", "/v1/echo", "Transfer-Encoding: chunked\r\n"));
  for (int i = 0; i < 10'000 && endless.send("64\r\n" + std::string(100, 'a') + "\r\n"); ++i) {
  }
  EXPECT_TRUE(endless.ended());
  EXPECT_EQ(server.handled, 1);
  EXPECT_TRUE(eventually([&] { return server.metrics.body_bytes == 0; }));
}

TEST(HttpServer, RefusesMoreBodiesThanItMayHold) {
  serve::ServerOptions options;
  options.limits.bodies_bytes = 1000;
  options.workers = 1;
  TestServer server(options);
  RawClient blocking(server.port()), first(server.port()), second(server.port());
  blocking.send(TestServer::request("GET", "/v1/wait"));
  ASSERT_TRUE(eventually([&] { return server.gate.waiting() == 1; }));
  first.send(TestServer::request("POST", "/v1/echo", "", std::string(900, 'a')));
  ASSERT_TRUE(eventually([&] { return server.metrics.body_bytes == 900; }));
  second.send(TestServer::request("POST", "/v1/echo", "", std::string(200, 'a')));
  const std::string refused = second.response();
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(refused, HasSubstr("Retry-After: "));
  server.gate.open();
  EXPECT_THAT(first.response(), StartsWith("HTTP/1.1 200"));
  ASSERT_TRUE(eventually([&] { return server.metrics.body_bytes == 0; }));
  second.send(TestServer::request("POST", "/v1/echo", "", std::string(1000, 'a')));
  EXPECT_THAT(second.response(), StartsWith("HTTP/1.1 200"));
}

TEST(HttpServer, ChecksHostAndOrigin) {
  serve::ServerOptions options;
  options.guard.origins = {"https://chat.example.org"};
  TestServer server(options);
  const auto ask = [&](const std::string& host, const std::string& more = {}) {
    RawClient client(server.port());
    client.send("GET /v1/echo HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n" + more +
                "\r\n");
    return client.rest();
  };
  for (const char* host : {"localhost", "LOCALHOST:8080", "127.0.0.1:1", "[::1]:99", "127.1.2.3",
                           "jielong.localhost"}) {
    EXPECT_THAT(ask(host), StartsWith("HTTP/1.1 200")) << host;
  }
  for (const char* host : {"evil.example", "127.0.0.1.evil.example", "localhost.evil.example",
                           "192.168.1.2", "localhost@evil.example", "evil.example#localhost",
                           "127.0.0.1:80:80", "0x7f.1", "localhost:0", "[::2]", "[::1", ""}) {
    EXPECT_THAT(ask(host), StartsWith("HTTP/1.1 403")) << host;
  }
  EXPECT_THAT(ask("localhost:8080", "Origin: http://localhost:8080\r\n"),
              StartsWith("HTTP/1.1 200"));
  const std::string allowed = ask("localhost:8080", "Origin: https://chat.example.org\r\n");
  EXPECT_THAT(allowed, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(allowed, HasSubstr("Access-Control-Allow-Origin: https://chat.example.org\r\n"));
  for (const char* origin : {"http://evil.example", "null", "http://localhost:3000",
                             "https://chat.example.org.evil.example", "file://", "x"}) {
    const std::string refused = ask("localhost:8080", std::string("Origin: ") + origin + "\r\n");
    EXPECT_THAT(refused, StartsWith("HTTP/1.1 403")) << origin;
    EXPECT_THAT(refused, Not(HasSubstr("Access-Control")));
  }
  EXPECT_THAT(ask("localhost", "Sec-Fetch-Site: cross-site\r\n"), StartsWith("HTTP/1.1 403"));
  RawClient client(server.port());
  client.send(TestServer::request("OPTIONS", "/v1/echo",
                                  "Origin: https://chat.example.org\r\n"
                                  "Access-Control-Request-Method: POST\r\n"));
  EXPECT_THAT(client.response(false), HasSubstr("Access-Control-Allow-Methods: GET, HEAD, POST"));
}

TEST(HttpServer, AsksForAKeyBeforeItSaysAnything) {
  serve::ServerOptions options;
  options.guard.keys = {"first-key", "second-key"};
  TestServer server(options);
  for (const char* path : {"/v1/echo", "/v1/nowhere", "/v1/item/x", "/nowhere"}) {
    const std::string refused = server.get(path);
    EXPECT_THAT(refused, StartsWith("HTTP/1.1 401")) << path;
    EXPECT_THAT(refused, HasSubstr("WWW-Authenticate: Bearer"));
  }
  EXPECT_THAT(server.get("/health"), StartsWith("HTTP/1.1 200"));
  for (const char* header : {"Authorization: Bearer first-key", "authorization: bearer second-key",
                             "x-api-key: second-key"}) {
    EXPECT_THAT(server.get("/v1/echo", std::string(header) + "\r\n"), StartsWith("HTTP/1.1 200"));
  }
  for (const char* header : {"Authorization: Bearer first-ke", "Authorization: Bearer first-keyy",
                             "Authorization: Basic first-key", "x-api-key: ", "x-api-key: first",
                             "Authorization: Bearer", "Cookie: key=first-key"}) {
    EXPECT_THAT(server.get("/v1/echo", std::string(header) + "\r\n"), StartsWith("HTTP/1.1 401"))
        << header;
  }
  EXPECT_THAT(server.get("/v1/echo?api_key=first-key"), StartsWith("HTTP/1.1 401"));
  // The body is heard out, so that a client that sends before it reads gets its answer.
  RawClient client(server.port());
  client.send(TestServer::request("POST", "/v1/echo", "", std::string(200'000, 'a')));
  EXPECT_THAT(client.response(), StartsWith("HTTP/1.1 401"));
  EXPECT_EQ(server.handled, 3);
}

TEST(HttpServer, RefusesToListenForOthersWithoutAKey) {
  serve::ServerOptions options;
  options.host = "0.0.0.0";
  try {
    TestServer server(options);
    FAIL() << "it listens";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::bad_input);
    EXPECT_THAT(error.fix(), HasSubstr("--api-key"));
  }
  options.guard.keys = {"key"};
  TestServer server(options);
  EXPECT_THAT(server.server->url(), StartsWith("http://localhost:"));
  const std::string key = "x-api-key: key\r\n";
  EXPECT_THAT(server.get("/v1/echo", key), StartsWith("HTTP/1.1 200"));
  RawClient client(server.port());
  client.send("GET /v1/echo HTTP/1.1\r\nHost: 192.168.1.2:80\r\n" + key + "\r\n");
  EXPECT_THAT(client.response(), StartsWith("HTTP/1.1 200"));
  client.send("GET /v1/echo HTTP/1.1\r\nHost: rebound.example\r\n" + key + "\r\n");
  EXPECT_THAT(client.response(), StartsWith("HTTP/1.1 403"));
}

TEST(HttpServer, SaysWhyItCannotListen) {
  TestServer first;
  serve::Metrics metrics;
  serve::ServerOptions options;
  options.port = first.port();
  try {
    const serve::HttpServer second({}, options, metrics);
    FAIL() << "both listen";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("another program"));
    EXPECT_THAT(error.fix(), HasSubstr("--port"));
  }
  for (const char* host : {"", "no such host", "192.0.2.1"}) {
    options.host = host;
    options.guard.keys = {"key"};
    EXPECT_THROW(serve::HttpServer({}, options, metrics), Error) << host;
  }
}

}  // namespace
}  // namespace jielong::test
