#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/scratch.h"
#include "serve/context.h"
#include "serve/fixtures.h"
#include "serve/model_names.h"

namespace jielong::serve {
namespace {

namespace fs = std::filesystem;

/// The routes over a store of one file that looks like a model from outside.
class OllamaRoutes : public testing::Test {
 protected:
  OllamaRoutes() { add_ollama_routes(table_, context_); }

  /// The answer of a route, errors included, as the server would give it.
  std::shared_ptr<test::RecordingReply> ask(const std::string& method, const std::string& path,
                                            const std::string& body = "") {
    const Route& route = test::route_of(table_, method, path);
    EXPECT_EQ(route.dialect, Dialect::ollama);
    EXPECT_FALSE(route.open);
    return test::call_route(table_, method, path, body);
  }

  static StoreSettings settings(const test::Scratch& folder) {
    const StoreSettings settings = test::offline_store(folder);
    fs::create_directories(settings.models);
    write_file(settings.models / "toy.gguf", "GGUF, but not really");
    write_file(folder / "outside.gguf", "somebody else's");
    return settings;
  }

  test::Scratch folder_;
  ModelPool pool_{{}, ModelStore(settings(folder_))};
  Metrics metrics_;
  ServeContext context_{pool_, {}, metrics_, "smollm2", "1.2.3", 0, true};
  RouteTable table_;
};

std::string named(const std::string& name) { return Json{{"model", name}}.dump(); }

TEST_F(OllamaRoutes, TellsItsVersion) {
  EXPECT_EQ(ask("GET", "/api/version")->body, R"({"version":"1.2.3"})");
}

TEST_F(OllamaRoutes, ListsWhatIsThereAlsoWhatCannotBeRead) {
  const auto reply = ask("GET", "/api/tags");
  EXPECT_EQ(reply->status, 200);
  const Json models = Json::parse(reply->body)["models"];
  ASSERT_EQ(models.size(), 1u);
  EXPECT_EQ(models[0]["size"], 20);
  EXPECT_EQ(models[0]["details"]["family"], "");
  EXPECT_EQ(ask("GET", "/api/ps")->body, R"({"models":[]})");
}

TEST_F(OllamaRoutes, PullOfWhatIsHereSucceeds) {
  const std::string name = Json::parse(ask("GET", "/api/tags")->body)["models"][0]["name"];
  EXPECT_EQ(name, "toy");
  const auto reply = ask("POST", "/api/pull", named(name));
  EXPECT_TRUE(reply->streaming);
  EXPECT_TRUE(reply->ended());
  EXPECT_EQ(reply->writes.front(), "{\"status\":\"pulling manifest\"}\n");
  EXPECT_EQ(reply->writes.back(), "{\"status\":\"success\"}\n");
  EXPECT_EQ(ask("POST", "/api/pull", Json{{"name", name}, {"stream", false}}.dump())->body,
            R"({"status":"success"})");
}

TEST_F(OllamaRoutes, PullOfWhatCannotBeFetchedSaysSoInTheStream) {
  const auto reply = ask("POST", "/api/pull", named("hf:user/repo"));
  EXPECT_EQ(reply->status, 200);
  EXPECT_NE(Json::parse(reply->writes.back())["error"].get<std::string>().find("offline"),
            std::string::npos);
  EXPECT_TRUE(reply->ended());
  EXPECT_EQ(ask("POST", "/api/pull", R"({"model": "hf:user/repo", "insecure": true})")->status,
            400);
}

// CVE-2024-37032: a digest that is a path. Here no name of a request may lead to a file.
TEST_F(OllamaRoutes, NamesCannotLeaveTheStore) {
  const std::string outside = (folder_.path() / "outside.gguf").string();
  for (const std::string& name :
       {outside, std::string("/etc/passwd"), std::string("../outside.gguf"),
        std::string("models/../../outside.gguf"), std::string("hf:../.."),
        std::string("hf:user/../../x"), std::string("hf:user/repo:../../outside.gguf"),
        std::string("hf:user/repo@../../x"), std::string("pypi:../x"), std::string("pypi:x==../y"),
        std::string("ollama:../../x"), std::string("ollama:x:../../y"),
        std::string("sha256:../../../../etc/passwd"), std::string("toy:../../outside.gguf"),
        std::string("evil.example/library/x:latest"), std::string(".."), std::string("."),
        std::string("a\0b", 3), std::string(5000, 'x')}) {
    for (const auto& [method, path] : {std::pair{"POST", "/api/pull"},
                                       {"POST", "/api/show"},
                                       {"DELETE", "/api/delete"},
                                       {"POST", "/api/chat"},
                                       {"POST", "/api/generate"},
                                       {"POST", "/api/embed"}}) {
      Json body{{"model", name}};
      if (std::string(path) == "/api/embed") body["input"] = "x";
      if (std::string(path) == "/api/pull") body["stream"] = false;
      const auto reply = ask(method, path, body.dump());
      EXPECT_TRUE(reply->status == 400 || reply->status == 404 || reply->status == 500)
          << path << " " << name << " " << reply->status << " " << reply->body;
      EXPECT_NE(reply->body.find("\"error\""), std::string::npos);
      EXPECT_EQ(reply->body.find("root:"), std::string::npos);
    }
  }
  EXPECT_TRUE(fs::exists(folder_.path() / "outside.gguf"));
  EXPECT_TRUE(fs::exists(folder_.path() / "models/toy.gguf"));
}

TEST_F(OllamaRoutes, DeletesOnlyOurs) {
  EXPECT_EQ(ask("DELETE", "/api/delete", named("hf:user/repo"))->status, 404);
  EXPECT_EQ(ask("DELETE", "/api/delete", named("smollm2"))->status, 400);  // the server's own
  EXPECT_EQ(ask("DELETE", "/api/delete", named("toy"))->status, 200);
  EXPECT_FALSE(fs::exists(folder_.path() / "models/toy.gguf"));
}

TEST_F(OllamaRoutes, AbsentModelsAreNotFound) {
  for (const char* path : {"/api/show", "/api/chat", "/api/generate"}) {
    const auto reply = ask("POST", path, named("hf:user/repo"));
    EXPECT_EQ(reply->status, 404) << path;
    EXPECT_TRUE(Json::parse(reply->body)["error"].is_string());
  }
}

TEST_F(OllamaRoutes, WhatBelongsToOllamasRegistryIsRefused) {
  for (const char* path : {"/api/create", "/api/copy", "/api/push", "/api/blobs/sha256:../x"}) {
    EXPECT_EQ(ask("POST", path, "{}")->status, 400) << path;
  }
}

TEST_F(OllamaRoutes, NamesMayBeWrittenAsOllamaDoes) {
  EXPECT_EQ(requested_model(context_, ""), "smollm2");
  EXPECT_EQ(requested_model(context_, "default"), "smollm2");
  EXPECT_EQ(requested_model(context_, "smollm2:latest"), "smollm2");
  EXPECT_EQ(requested_model(context_, "hf.co/user/repo:Q4_K_M"), "hf:user/repo:Q4_K_M");
}

}  // namespace
}  // namespace jielong::serve
