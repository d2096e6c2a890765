// The server with every route over a real, tiny model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/scratch.h"
#include "serve/context.h"
#include "serve/fixtures.h"
#include "serve/http_server.h"
#include "serve/raw_client.h"
#include "serve/status_routes.h"
#include "serve/test_server.h"
#include "serve/tiny_chat_model.h"

namespace jielong::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class WholeServer : public testing::Test {
 protected:
  WholeServer() {
    serve::RouteTable table;
    serve::add_status_routes(table, context_, board_);
    serve::add_openai_routes(table, context_);
    serve::add_anthropic_routes(table, context_);
    serve::add_ollama_routes(table, context_);
    serve::ServerOptions options;
    options.port = 0;
    server_ = std::make_unique<serve::HttpServer>(std::move(table), options, metrics_);
  }

  /// A streamed chat of exactly so many tokens.
  static std::string chat(int tokens, int choices = 1) {
    return TestServer::request(
        "POST", "/v1/chat/completions", "",
        R"({"messages":[{"role":"user","content":"tell"}],"stream":true,"ignore_eos":true,)"
        R"("max_tokens":)" +
            std::to_string(tokens) + ",\"n\":" + std::to_string(choices) + "}");
  }

  std::string get(const std::string& path) {
    RawClient client(server_->port());
    client.send(TestServer::request("GET", path, "Connection: close\r\n"));
    return client.rest();
  }

  SchedulerStats stats() const {
    const auto models = pool_.loaded();
    return models.empty() ? SchedulerStats() : models.front().stats;
  }
  bool at_rest() const {
    return server_->idle() && stats().active_chains == 0 && stats().waiting_jobs == 0;
  }

  Scratch folder_;
  TinyChatModel model_;
  serve::Metrics metrics_;
  ModelPool pool_{tiny_pool(2), ModelStore(offline_store(folder_))};
  serve::ServeContext context_{pool_, {}, metrics_, model_.path(), "test", 0, true};
  serve::StatusBoard board_{pool_};
  std::unique_ptr<serve::HttpServer> server_;
};

TEST_F(WholeServer, AClientThatLeavesFreesItsChains) {
  // Should the machine let the model finish before the server hears of it: once more.
  for (int i = 0; i < 20 && stats().cancelled_jobs == 0; ++i) {
    RawClient client(server_->port());
    client.send(chat(900, 16));
    EXPECT_THAT(client.until("\n\n"), HasSubstr("data: "));
    client.close();
    ASSERT_TRUE(eventually([&] { return at_rest(); }));
  }
  EXPECT_GE(stats().cancelled_jobs, 1U);
  EXPECT_GE(metrics_.dropped_clients, 1U);
}

TEST_F(WholeServer, CarriesManyChatsAndForgetsThoseWhoLeft) {
  constexpr std::size_t kClients = 60;
  std::vector<std::unique_ptr<RawClient>> clients;
  for (std::size_t i = 0; i < kClients; ++i) {
    clients.push_back(std::make_unique<RawClient>(server_->port()));
    clients.back()->send(chat(40));
  }
  for (std::size_t i = 0; i < kClients; i += 3) {
    clients[i]->until("\n\n");
    clients[i]->close();
  }
  EXPECT_THAT(get("/health"), StartsWith("HTTP/1.1 200"));
  for (std::size_t i = 0; i < kClients; ++i) {
    if (i % 3 == 0) continue;
    EXPECT_THAT(clients[i]->until("\r\n0\r\n\r\n"), HasSubstr("data: [DONE]"));
    clients[i]->close();
  }
  EXPECT_TRUE(eventually([&] { return at_rest(); }));
  EXPECT_TRUE(eventually([&] { return metrics_.connections == 0; }));
  const std::string text = get("/metrics");
  EXPECT_THAT(text, HasSubstr("jielong_model_active_chains{model="));
  EXPECT_THAT(text, HasSubstr("jielong_first_token_seconds_count "));
}

TEST_F(WholeServer, FinishesWhatIsUnderWayWhenItDrains) {
  RawClient client(server_->port());
  client.send(chat(100));
  client.until("\n\n");
  server_->drain();
  EXPECT_THAT(client.until("\r\n0\r\n\r\n"), HasSubstr("data: [DONE]"));
  EXPECT_TRUE(eventually([&] { return at_rest(); }));
}

TEST_F(WholeServer, StopsWhileItGenerates) {
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(std::make_unique<RawClient>(server_->port()));
    clients.back()->send(chat(900));
  }
  clients.back()->until("\n\n");
  server_->stop();
  EXPECT_TRUE(eventually([&] { return at_rest(); }));
}

}  // namespace
}  // namespace jielong::test
