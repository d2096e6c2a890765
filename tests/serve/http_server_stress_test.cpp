#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "serve/raw_client.h"
#include "serve/test_server.h"

namespace jielong::test {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST(HttpServer, NoticesAClientThatLeavesWhileNothingIsSaid) {
  TestServer server;
  RawClient waiting(server.port()), streaming(server.port());
  waiting.send(TestServer::request("GET", "/v1/hold"));
  streaming.send(TestServer::request("GET", "/v1/stream"));
  streaming.until("\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return server.held_count() == 2; }));
  EXPECT_FALSE(server.held(0)->dropped());
  waiting.close();
  EXPECT_TRUE(eventually([&] { return server.drops == 1; }));
  streaming.close();
  EXPECT_TRUE(eventually([&] { return server.drops == 2; }));
  EXPECT_TRUE(server.held(0)->dropped());
  EXPECT_FALSE(server.held(0)->write("late"));
  EXPECT_TRUE(eventually([&] { return server.server->idle(); }));
  EXPECT_TRUE(eventually([&] { return server.metrics.connections == 0; }));
  // Whoever asks later is told at once.
  bool told = false;
  server.held(1)->on_drop([&] { told = true; });
  EXPECT_TRUE(told);
}

TEST(HttpServer, NoticesAClientThatLeavesWhileItsRequestWaits) {
  serve::ServerOptions options;
  options.workers = 1;
  TestServer server(options);
  RawClient blocking(server.port());
  blocking.send(TestServer::request("GET", "/v1/wait"));
  ASSERT_TRUE(eventually([&] { return server.gate.waiting() == 1; }));
  {
    RawClient impatient(server.port());
    impatient.send(TestServer::request("GET", "/v1/echo"));
    ASSERT_TRUE(eventually([&] { return server.metrics.waiting_requests == 1; }));
  }
  ASSERT_TRUE(eventually([&] { return server.metrics.active_requests == 1; }));
  server.gate.open();
  EXPECT_THAT(blocking.response(), StartsWith("HTTP/1.1 200"));
  EXPECT_TRUE(eventually([&] { return server.metrics.waiting_requests == 0; }));
  // Nobody worked for the one who left.
  EXPECT_EQ(server.handled, 0);
}

TEST(HttpServer, DropsAReaderThatDoesNotRead) {
  serve::ServerOptions options;
  options.limits.unsent_bytes = 200'000;
  TestServer server(options);
  RawClient client(server.port(), 4096);
  client.send(TestServer::request("GET", "/v1/stream"));
  client.until("\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return server.held() != nullptr; }));
  const std::string bytes(10'000, 'x');
  int written = 0;
  // The system's own buffers take some megabytes.
  while (written < 10'000 && server.held()->write(bytes)) ++written;
  EXPECT_LT(written, 10'000);
  EXPECT_TRUE(server.held()->dropped());
  EXPECT_EQ(server.drops, 1);
  EXPECT_EQ(server.metrics.slow_readers, 1U);
  EXPECT_TRUE(eventually([&] { return server.server->idle(); }));
  EXPECT_TRUE(client.ended());
}

TEST(HttpServer, StaysHealthyAndSaysSoWhenTheLineIsFull) {
  serve::ServerOptions options;
  options.workers = 2;
  options.limits.waiting_requests = 3;
  TestServer server(options);
  std::vector<std::unique_ptr<RawClient>> clients;
  const auto ask = [&] {
    clients.push_back(std::make_unique<RawClient>(server.port()));
    clients.back()->send(TestServer::request("GET", "/v1/wait"));
  };
  for (int i = 0; i < 2; ++i) ask();
  ASSERT_TRUE(eventually([&] { return server.gate.waiting() == 2; }));
  for (int i = 0; i < 3; ++i) ask();
  ASSERT_TRUE(eventually([&] { return server.metrics.waiting_requests == 3; }));
  for (int i = 0; i < 4; ++i) {
    const std::string refused = server.get("/v1/echo");
    EXPECT_THAT(refused, StartsWith("HTTP/1.1 503"));
    EXPECT_THAT(refused, HasSubstr("Retry-After: "));
    EXPECT_THAT(server.get("/health"), StartsWith("HTTP/1.1 200"));
  }
  server.gate.open();
  for (const auto& client : clients) {
    EXPECT_THAT(client->response(), StartsWith("HTTP/1.1 200"));
  }
}

TEST(HttpServer, RefusesConnectionsAboveTheLimit) {
  serve::ServerOptions options;
  options.limits.connections = 2;
  TestServer server(options);
  RawClient one(server.port()), two(server.port());
  for (RawClient* client : {&one, &two}) {
    client->send(TestServer::request("GET", "/health"));
    EXPECT_THAT(client->response(), StartsWith("HTTP/1.1 200"));
  }
  RawClient three(server.port());
  three.send(TestServer::request("GET", "/health"));
  const std::string refused = three.rest();
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(refused, HasSubstr("Retry-After: "));
  one.close();
  ASSERT_TRUE(eventually([&] { return server.metrics.connections == 1; }));
  EXPECT_THAT(server.get("/health"), StartsWith("HTTP/1.1 200"));
}

TEST(HttpServer, CutsClientsThatTakeForeverToAsk) {
  serve::ServerOptions options;
  options.limits.header_seconds = 1;
  options.limits.body_seconds = 1;
  options.limits.idle_seconds = 1;
  TestServer server(options);
  RawClient silent(server.port()), dripping(server.port()), bodiless(server.port()),
      idle(server.port());
  dripping.send("GET /v1/echo HTTP/1.1\r\nHost: localhost\r\n");
  bodiless.send("POST /v1/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc");
  idle.send(TestServer::request("GET", "/health"));
  EXPECT_THAT(idle.response(), StartsWith("HTTP/1.1 200"));
  // A byte now and then does not help.
  std::thread drip([&] {
    for (int i = 0; i < 1000 && dripping.send("a"); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(30));
    }
  });
  EXPECT_TRUE(dripping.ended());
  drip.join();
  EXPECT_TRUE(silent.ended());
  EXPECT_TRUE(bodiless.ended());
  EXPECT_TRUE(idle.ended());
  EXPECT_EQ(server.handled, 0);
  EXPECT_TRUE(eventually([&] { return server.metrics.connections == 0; }));
}

TEST(HttpServer, PingsAStreamThatIsSilent) {
  serve::ServerOptions options;
  options.limits.ping_seconds = 1;
  TestServer server(options);
  RawClient client(server.port());
  client.send(TestServer::request("GET", "/v1/stream"));
  EXPECT_THAT(client.until(": ping\n\n"), HasSubstr(": ping\n\n"));
  EXPECT_THAT(client.until(": ping\n\n"), HasSubstr(": ping\n\n"));
  server.held()->end();
  EXPECT_THAT(client.until("0\r\n\r\n"), HasSubstr("0\r\n\r\n"));
}

TEST(HttpServer, EndsARequestThatTakesTooLong) {
  serve::ServerOptions options;
  options.limits.request_seconds = 1;
  TestServer server(options);
  RawClient waiting(server.port()), streaming(server.port());
  waiting.send(TestServer::request("GET", "/v1/hold"));
  streaming.send(TestServer::request("GET", "/v1/stream"));
  const std::string late = waiting.response();
  EXPECT_THAT(late, StartsWith("HTTP/1.1 504"));
  EXPECT_THAT(late, HasSubstr("longer than 1 seconds"));
  EXPECT_THAT(streaming.rest(), Not(HasSubstr("\r\n0\r\n\r\n")));
  EXPECT_TRUE(eventually([&] { return server.drops == 2; }));
  EXPECT_EQ(server.metrics.expired_requests, 2U);
}

TEST(HttpServer, DrainsAndThenStops) {
  TestServer server;
  RawClient streaming(server.port()), kept(server.port());
  streaming.send(TestServer::request("GET", "/v1/stream"));
  streaming.until("\r\n\r\n");
  kept.send(TestServer::request("GET", "/health"));
  EXPECT_THAT(kept.response(), StartsWith("HTTP/1.1 200"));
  ASSERT_TRUE(eventually([&] { return server.held() != nullptr; }));
  server.server->drain();
  EXPECT_FALSE(server.server->idle());
  EXPECT_FALSE(RawClient(server.port()).connected());
  kept.send(TestServer::request("GET", "/v1/echo"));
  const std::string refused = kept.rest();
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(refused, HasSubstr("Connection: close"));
  // What is under way comes to its end.
  const auto stream = server.held();
  EXPECT_TRUE(stream->write(serve::sse_event({}, "last")));
  stream->end();
  EXPECT_THAT(streaming.until("\r\n0\r\n\r\n"), HasSubstr("data: last\n\n"));
  EXPECT_TRUE(eventually([&] { return server.server->idle(); }));
  EXPECT_EQ(server.drops, 0);
}

TEST(HttpServer, StopsInTheMiddleOfEverything) {
  TestServer server;
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(std::make_unique<RawClient>(server.port()));
    clients.back()->send(TestServer::request("GET", i % 2 == 0 ? "/v1/stream" : "/v1/hold"));
  }
  ASSERT_TRUE(eventually([&] { return server.held_count() == 20; }));
  server.server->stop();
  EXPECT_TRUE(eventually([&] { return server.drops == 20; }));
  EXPECT_TRUE(server.server->idle());
  for (const auto& client : clients) EXPECT_TRUE(client->ended());
  // Replies outlive the server.
  EXPECT_FALSE(server.held(0)->write("late"));
  server.held(1)->send(200, "text/plain", "late");
  server.forget_held();
}

TEST(HttpServer, CarriesManyStreamsAtOnce) {
  constexpr std::size_t kStreams = 300;
  TestServer server;
  std::vector<std::unique_ptr<RawClient>> clients;
  for (std::size_t i = 0; i < kStreams; ++i) {
    clients.push_back(std::make_unique<RawClient>(server.port()));
    clients.back()->send(TestServer::request("GET", "/v1/stream"));
  }
  ASSERT_TRUE(eventually([&] { return server.held_count() == kStreams; }));
  for (int round = 0; round < 10; ++round) {
    for (std::size_t i = 0; i < kStreams; ++i) {
      // Every seventh client leaves half-way.
      if (round == 5 && i % 7 == 0) clients[i]->close();
      server.held(i)->write("data: " + std::to_string(round) + "\n\n");
    }
    EXPECT_THAT(server.get("/health"), StartsWith("HTTP/1.1 200"));
  }
  for (std::size_t i = 0; i < kStreams; ++i) server.held(i)->end();
  for (std::size_t i = 0; i < kStreams; ++i) {
    if (i % 7 == 0) continue;
    const std::string all = clients[i]->until("\r\n0\r\n\r\n");
    int rounds = 0;
    for (std::size_t at = 0; (at = all.find("data: ", at)) != std::string::npos; ++at) ++rounds;
    EXPECT_EQ(rounds, 10);
  }
  EXPECT_TRUE(eventually([&] { return server.server->idle(); }));
}

TEST(HttpServer, LogsOneLineARequestWithoutSecrets) {
  std::mutex mutex;
  std::string log;
  serve::ServerOptions options;
  options.guard.keys = {"secret-key"};
  options.log = [&](const std::string& line) {
    const std::lock_guard lock(mutex);
    log += line + "\n";
  };
  TestServer server(options);
  server.get("/v1/echo?token=secret-query", "x-api-key: secret-key\r\n");
  RawClient client(server.port());
  client.send("nonsense\r\n\r\n");
  client.ended();
  ASSERT_TRUE(eventually([&] {
    const std::lock_guard lock(mutex);
    return !log.empty();
  }));
  const std::lock_guard lock(mutex);
  EXPECT_THAT(log, HasSubstr(" 127.0.0.1 GET \"/v1/echo\" 200 8 bytes "));
  EXPECT_THAT(log, Not(HasSubstr("secret")));
}

}  // namespace
}  // namespace jielong::test
