#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "base/scratch.h"
#include "serve/handlers.h"

namespace jielong::serve {
namespace {

using test::Handlers;

constexpr const char* kMessages = "/v1/messages";

OrderedJson json(const std::string& text) { return parse_ordered_json(text, "test"); }

OrderedJson message_body(const std::string& more = "{}") {
  OrderedJson body = json(
      R"({"model": "default", "max_tokens": 12, "messages": [{"role": "user", "content": "hi"}]})");
  const OrderedJson fields = json(more);
  for (const auto& [key, value] : fields.items()) body[key] = value;
  return body;
}

OrderedJson ollama_body(const std::string& more = "{}") {
  OrderedJson body = json(
      R"({"model": "default:latest", "messages": [{"role": "user", "content": "hi"}],
          "options": {"num_predict": 12, "seed": 4, "temperature": 1}})");
  const OrderedJson fields = json(more);
  for (const auto& [key, value] : fields.items()) body[key] = value;
  return body;
}

std::vector<OrderedJson> records(const std::string& text) {
  std::vector<OrderedJson> found;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) found.push_back(json(line));
  return found;
}

constexpr const char* kTool =
    R"({"max_tokens": 200, "temperature": 0,
        "tools": [{"name": "pick", "input_schema": {"type": "object",
                   "properties": {"n": {"enum": [1, 2]}}, "required": ["n"],
                   "additionalProperties": false}}],
        "tool_choice": {"type": "any", "disable_parallel_tool_use": true}})";

TEST(AnthropicHandlers, StreamsWhatItAnswersAtOnce) {
  Handlers handlers(add_anthropic_routes);
  const OrderedJson whole = handlers.post(kMessages, message_body(R"({"temperature": 0})"));
  EXPECT_EQ(whole["model"], "default");
  EXPECT_EQ(whole["id"], "msg_test");
  std::string text, reason;
  std::int64_t tokens = 0;
  for (const std::string& line :
       handlers.stream(kMessages, message_body(R"({"temperature": 0, "stream": true})"))) {
    const OrderedJson event = json(line);
    if (event["type"] == "content_block_delta") text += event["delta"]["text"].get<std::string>();
    if (event["type"] == "message_delta") {
      reason = event["delta"]["stop_reason"].get<std::string>();
      tokens = event["usage"]["output_tokens"].get<std::int64_t>();
    }
  }
  EXPECT_EQ(text, whole["content"].empty() ? "" : whole["content"][0]["text"]);
  EXPECT_EQ(reason, whole["stop_reason"]);
  EXPECT_EQ(tokens, whole["usage"]["output_tokens"]);
}

TEST(AnthropicHandlers, CallsTheToolItMust) {
  Handlers handlers(add_anthropic_routes);
  const OrderedJson answer = handlers.post(kMessages, message_body(kTool));
  EXPECT_EQ(answer["stop_reason"], "tool_use") << answer.dump();
  const OrderedJson& call = answer["content"].back();
  EXPECT_EQ(call["type"], "tool_use");
  EXPECT_EQ(call["name"], "pick");
  EXPECT_TRUE(call["input"]["n"] == 1 || call["input"]["n"] == 2);
}

TEST(AnthropicHandlers, FollowsASchema) {
  Handlers handlers(add_anthropic_routes);
  const OrderedJson answer =
      handlers.post(kMessages, message_body(R"({"max_tokens": 100, "output_config": {"format": {
          "type": "json_schema", "schema": {"enum": ["red", "green"]}}}})"));
  const auto text = answer["content"][0]["text"].get<std::string>();
  EXPECT_TRUE(text == "\"red\"" || text == "\"green\"") << text;
  handlers.post(kMessages, message_body(R"({"output_config": {"format": {
      "type": "json_schema", "schema": {"type": "nonsense"}}}})"),
                400);
}

TEST(AnthropicHandlers, CountsTheTokensThatAMessageHas) {
  Handlers handlers(add_anthropic_routes);
  OrderedJson body = message_body();
  const OrderedJson usage = handlers.post(kMessages, body)["usage"];
  body.erase("max_tokens");
  const OrderedJson count = handlers.post("/v1/messages/count_tokens", body);
  EXPECT_EQ(count["input_tokens"],
            usage["input_tokens"].get<int>() + usage["cache_read_input_tokens"].get<int>());
}

TEST(AnthropicHandlers, ErrorsHaveTheDialectsForm) {
  Handlers handlers(add_anthropic_routes);
  const OrderedJson error = handlers.post(kMessages, message_body(R"({"top_k": -1})"), 400);
  EXPECT_EQ(error["type"], "error");
  EXPECT_EQ(error["error"]["type"], "invalid_request_error");
  EXPECT_EQ(error["request_id"], "req_test");
  EXPECT_EQ(handlers.call("POST", kMessages, "{")->status, 400);
  EXPECT_EQ(handlers.call("POST", kMessages, std::string(100, '['))->status, 400);
}

TEST(AnthropicHandlers, AClientThatLeavesFreesItsPlace) {
  Handlers handlers(add_anthropic_routes);
  const auto reply = handlers.begin("POST", kMessages,
                                    message_body(R"({"max_tokens": 900, "stream": true})").dump());
  EXPECT_NE(reply->ping.find("event: ping"), std::string::npos);
  reply->drop();
  for (int i = 0; i < 6000 && handlers.context.pool.loaded().at(0).busy; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_FALSE(handlers.context.pool.loaded().at(0).busy);
}

TEST(OllamaHandlers, StreamsWhatItAnswersAtOnce) {
  Handlers handlers(add_ollama_routes);
  const OrderedJson whole = handlers.post("/api/chat", ollama_body(R"({"stream": false})"));
  EXPECT_EQ(whole["model"], "default:latest");
  EXPECT_EQ(whole["done"], true);
  const auto reply = handlers.call("POST", "/api/chat", ollama_body().dump());
  EXPECT_EQ(reply->type, "application/x-ndjson");
  std::string text;
  const std::vector<OrderedJson> parts = records(reply->body);
  for (const OrderedJson& part : parts) text += part["message"]["content"].get<std::string>();
  EXPECT_EQ(text, whole["message"]["content"]);
  EXPECT_EQ(parts.back()["eval_count"], whole["eval_count"]);
  EXPECT_EQ(parts.back()["done_reason"], whole["done_reason"]);
}

TEST(OllamaHandlers, GoesOnFromAContext) {
  Handlers handlers(add_ollama_routes);
  OrderedJson body = json(
      R"({"model": "default", "prompt": "one", "stream": false, "options": {"num_predict": 5}})");
  const OrderedJson first = handlers.post("/api/generate", body);
  const std::size_t size = first["context"].size();
  EXPECT_EQ(size,
            first["prompt_eval_count"].get<std::size_t>() + first["eval_count"].get<std::size_t>());
  body["context"] = first["context"];
  const OrderedJson second = handlers.post("/api/generate", body);
  EXPECT_EQ(second["prompt_eval_count"].get<std::size_t>(),
            size + first["prompt_eval_count"].get<std::size_t>());
  body["context"] = {100000};
  handlers.post("/api/generate", body, 400);
}

TEST(OllamaHandlers, GivesLogprobsForEachToken) {
  Handlers handlers(add_ollama_routes);
  const OrderedJson answer = handlers.post(
      "/api/chat", ollama_body(R"({"stream": false, "logprobs": true, "top_logprobs": 2})"));
  ASSERT_EQ(answer["logprobs"].size(), answer["eval_count"].get<std::size_t>());
  EXPECT_EQ(answer["logprobs"][0]["top_logprobs"].size(), 2u);
}

TEST(OllamaHandlers, FollowsASchema) {
  Handlers handlers(add_ollama_routes);
  const OrderedJson answer = handlers.post(
      "/api/chat", ollama_body(R"({"stream": false, "format": {"enum": ["red", "green"]},
                                   "options": {"num_predict": 100}})"));
  const OrderedJson value = json(answer["message"]["content"].get<std::string>());
  EXPECT_TRUE(value == "red" || value == "green");
}

TEST(OllamaHandlers, LoadsUnloadsAndShows) {
  Handlers handlers(add_ollama_routes);
  EXPECT_EQ(handlers.post("/api/generate", json(R"({"model": "default"})"))["done_reason"], "load");
  const auto expiry = [&] {
    return json(handlers.call("GET", "/api/ps")->body)["models"]
        .at(0)["expires_at"]
        .get<std::string>();
  };
  EXPECT_EQ(expiry(), "9999-12-31T23:59:59Z");
  handlers.post("/api/generate", json(R"({"model": "default", "keep_alive": "10h"})"));
  EXPECT_LT(expiry(), "9999");
  EXPECT_EQ(handlers.post("/api/chat", json(R"({"model": "default", "messages": [],
                                                "keep_alive": "0s"})"))["done_reason"],
            "unload");
  const auto gone = [&] { return json(handlers.call("GET", "/api/ps")->body)["models"].empty(); };
  for (int i = 0; i < 6000 && !gone(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_TRUE(gone());
  const OrderedJson shown = handlers.post("/api/show", json(R"({"model": "default"})"));
  EXPECT_EQ(shown["details"]["family"], "llama");
  EXPECT_EQ(shown["details"]["format"], "safetensors");
  EXPECT_EQ(shown["model_info"]["llama.context_length"], 1024);
  EXPECT_EQ(shown["capabilities"][0], "completion");
  const OrderedJson tags = json(handlers.call("GET", "/api/tags")->body);
  EXPECT_EQ(tags["models"][0]["name"], handlers.context.default_model);
}

TEST(OllamaHandlers, EmbedsAndCutsWhatIsTooLong) {
  Handlers handlers(add_ollama_routes);
  OrderedJson body = json(R"({"model": "default", "input": ["one", "two"]})");
  const OrderedJson answer = handlers.post("/api/embed", body);
  ASSERT_EQ(answer["embeddings"].size(), 2u);
  EXPECT_EQ(answer["embeddings"][0].size(), 32u);
  EXPECT_EQ(answer["prompt_eval_count"], 6);
  body["input"] = std::string(3000, 'a');
  EXPECT_EQ(handlers.post("/api/embed", body)["prompt_eval_count"], 1024);
  body["truncate"] = false;
  handlers.post("/api/embed", body, 400);
  body = json(R"({"model": "default", "prompt": "one"})");
  EXPECT_EQ(handlers.post("/api/embeddings", body)["embedding"].size(), 32u);
}

TEST(OllamaHandlers, CannotFillGapsWithAModelThatWasNotTaughtTo) {
  Handlers handlers(add_ollama_routes);
  const OrderedJson error = handlers.post(
      "/api/generate", json(R"({"model": "default", "prompt": "a", "suffix": "b"})"), 400);
  EXPECT_NE(error["error"].get<std::string>().find("suffix"), std::string::npos);
}

// A request that could name files would tell strangers what is on the disk, and load it.
TEST(RequestedModels, AreNeverPaths) {
  const test::Scratch folder;
  write_file(folder / "other.gguf", "GGUF");
  const std::string path = (folder / "other.gguf").string();
  const std::map<Handlers::AddRoutes, std::vector<std::pair<std::string, std::string>>> routes{
      {add_openai_routes,
       {{"/v1/chat/completions", R"({"messages": [{"role": "user", "content": "hi"}]})"},
        {"/v1/completions", R"({"prompt": "hi"})"},
        {"/v1/embeddings", R"({"input": "hi"})"},
        {"/v1/responses", R"({"input": "hi"})"},
        {"/tokenize", R"({"content": "hi"})"},
        {"/detokenize", R"({"tokens": [1]})"}}},
      {add_anthropic_routes, {{kMessages, message_body().dump()}}},
      {add_ollama_routes, {{"/api/chat", ollama_body().dump()}, {"/api/show", "{}"}}}};
  for (const auto& [add, paths] : routes) {
    Handlers handlers(add);
    for (const auto& [route, text] : paths) {
      for (const std::string& name : {path, std::string("/etc/passwd"), std::string("../x.gguf")}) {
        OrderedJson body = json(text);
        body["model"] = name;
        const auto reply = handlers.call("POST", route, body.dump());
        EXPECT_EQ(reply->status, 404) << route << " " << name << " " << reply->body;
      }
    }
  }
  Handlers handlers;
  EXPECT_EQ(handlers.call("GET", "/v1/models/" + path)->status, 404);
  EXPECT_EQ(handlers.call("GET", "/v1/models//etc/passwd")->status, 404);
}

}  // namespace
}  // namespace jielong::serve
