// What breaks clients of other servers, one test each.
#include <gtest/gtest.h>

#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "base/base64.h"
#include "serve/handlers.h"
#include "serve/openai_chat.h"
#include "serve/openai_messages.h"
#include "serve/test_server.h"

namespace jielong::serve {
namespace {

using test::Handlers;

const std::string kChat = "/v1/chat/completions";

OrderedJson question() {
  return parse_ordered_json(
      R"({"messages":[{"role":"user","content":"hi"}],"max_tokens":12,"seed":1})", "test");
}

/// A call of each of two tools, as a parser tells of them.
std::vector<ChatEvent> two_calls() {
  using Kind = AnswerPiece::Kind;
  ChatEvent first, second, last;
  first.pieces = {{Kind::tool_call, "one", 0}, {Kind::tool_arguments, "{\"a\"", 0}};
  second.pieces = {{Kind::tool_arguments, ":1}", 0},
                   {Kind::tool_end, "", 0},
                   {Kind::tool_call, "two", 1},
                   {Kind::tool_arguments, "{}", 1}};
  last.pieces = {{Kind::tool_end, "", 1}};
  last.end = AnswerEnd::tool_calls;
  return {first, second, last};
}

/// The chunks that a stream of these events has.
std::vector<OrderedJson> chunks_of(const std::vector<ChatEvent>& events) {
  OpenAiChat request;
  request.stream = true;
  const auto writer = openai_chat_writer(request, {});
  std::string text = writer->begin(1);
  for (const ChatEvent& event : events) text += writer->push(event);
  text += writer->end({});
  std::vector<OrderedJson> chunks;
  for (const std::string& line : Handlers::data_lines(text)) {
    if (line != "[DONE]") chunks.push_back(parse_ordered_json(line, "chunk"));
  }
  return chunks;
}

std::vector<OrderedJson> stream(Handlers& handlers, OrderedJson body) {
  body["stream"] = true;
  std::vector<OrderedJson> chunks;
  for (const std::string& line : handlers.stream(kChat, body)) {
    if (line != "[DONE]") chunks.push_back(parse_ordered_json(line, "chunk"));
  }
  return chunks;
}

OrderedJson with_tool(const char* choice) {
  OrderedJson body = question();
  body["tools"] = parse_ordered_json(
      R"([{"type":"function","function":{"name":"ask","parameters":{"type":"object",
          "properties":{"x":{"enum":["yes","no"]}},"required":["x"]}}}])",
      "test");
  body["tool_choice"] = choice;
  body["parallel_tool_calls"] = false;
  body["max_tokens"] = 200;
  return body;
}

TEST(Pitfalls, StreamedToolCallsHaveTheirIndex) {
  std::vector<std::int64_t> indices;
  std::string arguments[2], names[2];
  for (const OrderedJson& chunk : chunks_of(two_calls())) {
    const OrderedJson& delta = chunk["choices"][0]["delta"];
    if (!delta.contains("tool_calls")) continue;
    for (const OrderedJson& call : delta["tool_calls"]) {
      ASSERT_TRUE(call.contains("index"));
      const auto index = call["index"].get<std::size_t>();
      ASSERT_LT(index, 2U);
      if (call.contains("id")) names[index] = call["function"]["name"].get<std::string>();
      arguments[index] += call["function"]["arguments"].get<std::string>();
    }
  }
  EXPECT_EQ(names[0], "one");
  EXPECT_EQ(names[1], "two");
  EXPECT_EQ(arguments[0], "{\"a\":1}");
  EXPECT_EQ(arguments[1], "{}");
}

TEST(Pitfalls, FinishReasonIsToolCalls) {
  Handlers handlers;
  const OrderedJson answer = handlers.post(kChat, with_tool("required"));
  EXPECT_EQ(answer["choices"][0]["finish_reason"], "tool_calls");
  const auto chunks = stream(handlers, with_tool("required"));
  EXPECT_EQ(chunks.back()["choices"][0]["finish_reason"], "tool_calls");
}

TEST(Pitfalls, ArgumentsAreText) {
  Handlers handlers;
  const OrderedJson answer = handlers.post(kChat, with_tool("required"));
  const OrderedJson& message = answer["choices"][0]["message"];
  EXPECT_TRUE(message["content"].is_null());
  ASSERT_EQ(message["tool_calls"].size(), 1U);
  const OrderedJson& function = message["tool_calls"][0]["function"];
  EXPECT_EQ(function["name"], "ask");
  ASSERT_TRUE(function["arguments"].is_string());
  const OrderedJson arguments =
      parse_ordered_json(function["arguments"].get<std::string>(), "arguments");
  EXPECT_TRUE(arguments["x"] == "yes" || arguments["x"] == "no");
}

TEST(Pitfalls, IdsStayTheSameOverAllChunks) {
  Handlers handlers;
  std::set<std::string> ids, call_ids;
  for (const OrderedJson& chunk : stream(handlers, with_tool("required"))) {
    ids.insert(chunk["id"].get<std::string>());
    const OrderedJson& delta = chunk["choices"][0]["delta"];
    if (!delta.contains("tool_calls")) continue;
    for (const OrderedJson& call : delta["tool_calls"]) {
      if (call.contains("id")) call_ids.insert(call["id"].get<std::string>());
    }
  }
  EXPECT_EQ(ids.size(), 1U);
  EXPECT_EQ(call_ids.size(), 1U);
  for (const OrderedJson& chunk : stream(handlers, question())) {
    EXPECT_EQ(ids.count(chunk["id"].get<std::string>()), 0U);
  }
}

TEST(Pitfalls, OnlyTheUsageChunkHasNoChoices) {
  Handlers handlers;
  for (const OrderedJson& chunk : stream(handlers, question())) {
    EXPECT_EQ(chunk["choices"].size(), 1U);
    EXPECT_FALSE(chunk.contains("usage"));
  }
  OrderedJson body = question();
  body["stream_options"]["include_usage"] = true;
  const auto chunks = stream(handlers, body);
  for (std::size_t i = 0; i + 1 < chunks.size(); ++i) {
    EXPECT_EQ(chunks[i]["choices"].size(), 1U);
    EXPECT_TRUE(chunks[i]["usage"].is_null());
  }
  EXPECT_TRUE(chunks.back()["choices"].empty());
  EXPECT_GT(chunks.back()["usage"]["completion_tokens"], 0);
  EXPECT_EQ(handlers
                .stream(kChat,
                        [&] {
                          body["stream"] = true;
                          return body;
                        }())
                .back(),
            "[DONE]");
}

TEST(Pitfalls, ReasoningHasBothNames) {
  ChatEvent thought;
  thought.pieces = {{AnswerPiece::Kind::reasoning, "hm", 0}};
  const auto chunks = chunks_of({thought});
  const OrderedJson& delta = chunks.at(1)["choices"][0]["delta"];
  EXPECT_EQ(delta["reasoning_content"], "hm");
  EXPECT_EQ(delta["reasoning"], "hm");
  // And comes back under either.
  for (const char* name : {"reasoning_content", "reasoning"}) {
    OrderedJson message{{"role", "assistant"}, {"content", "x"}};
    message[name] = "hm";
    const OrderedJson read =
        read_openai_messages(OrderedJson::array({message}), "messages", Limits());
    EXPECT_EQ(read[0]["reasoning_content"], "hm") << name;
  }
}

TEST(Pitfalls, MaxCompletionTokensCounts) {
  Handlers handlers;
  for (const char* name : {"max_tokens", "max_completion_tokens"}) {
    OrderedJson body = question();
    body.erase("max_tokens");
    body["ignore_eos"] = true;
    body[name] = 3;
    const OrderedJson answer = handlers.post(kChat, body);
    EXPECT_EQ(answer["usage"]["completion_tokens"], 3) << name;
    EXPECT_EQ(answer["choices"][0]["finish_reason"], "length") << name;
  }
}

TEST(Pitfalls, EmbeddingsComeInBase64) {
  Handlers handlers;
  OrderedJson body{{"input", "hello"}};
  const OrderedJson numbers = handlers.post("/v1/embeddings", body)["data"][0]["embedding"];
  body["encoding_format"] = "base64";
  const OrderedJson answer = handlers.post("/v1/embeddings", body);
  const std::string bytes =
      decode_base64(answer["data"][0]["embedding"].get<std::string>(), "embedding");
  ASSERT_EQ(bytes.size(), numbers.size() * 4);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    float x = 0;
    std::memcpy(&x, bytes.data() + 4 * i, 4);
    EXPECT_EQ(x, numbers[i].get<float>()) << i;
  }
}

TEST(Pitfalls, ASchemaThatCannotBeCompiledIsRefused) {
  Handlers handlers;
  for (const char* schema :
       {R"({"type":"nonsense"})", R"({"$ref":"#/$defs/missing"})", R"({"type":"string",
          "pattern":"("})"}) {
    OrderedJson body = question();
    body["response_format"] = {
        {"type", "json_schema"},
        {"json_schema", {{"name", "x"}, {"schema", parse_ordered_json(schema, "test")}}}};
    const OrderedJson answer = handlers.post(kChat, body, 400);
    EXPECT_EQ(answer["error"]["type"], "invalid_request_error") << schema;
  }
}

TEST(Pitfalls, HealthIsAnsweredWhileAllWorkersAreBusy) {
  ServerOptions options;
  options.workers = 1;
  test::TestServer server(options);
  test::RawClient busy(server.port()), waiting(server.port()), asking(server.port());
  for (test::RawClient* client : {&busy, &waiting}) {
    ASSERT_TRUE(client->send("GET /v1/wait HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  }
  ASSERT_TRUE(test::eventually([&] { return server.gate.waiting() == 1; }));
  ASSERT_TRUE(asking.send("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  EXPECT_NE(asking.response().find("200 OK"), std::string::npos);
  EXPECT_EQ(server.gate.waiting(), 1);
}

TEST(Pitfalls, ASilentStreamIsKeptAliveByPings) {
  Handlers handlers;
  OrderedJson body = question();
  body["stream"] = true;
  const auto reply = handlers.call("POST", kChat, body.dump());
  EXPECT_EQ(reply->type, "text/event-stream");
  EXPECT_EQ(reply->ping, ": ping\n\n");
  // A proxy would gather the events, a cache repeat them.
  EXPECT_EQ(reply->headers["X-Accel-Buffering"], "no");
  EXPECT_EQ(reply->headers["Cache-Control"], "no-cache");
}

TEST(Pitfalls, UnknownParametersAreRefusedByName) {
  Handlers handlers;
  OrderedJson body = question();
  body["temprature"] = 1;
  OrderedJson error = handlers.post(kChat, body, 400)["error"];
  EXPECT_EQ(error["param"], "temprature");
  EXPECT_NE(error["message"].get<std::string>().find("\"temperature\""), std::string::npos);
  body = question();
  body["messages"][0]["colour"] = "red";
  error = handlers.post(kChat, body, 400)["error"];
  EXPECT_EQ(error["param"], "messages[0].colour");
  // What is known but not supported says why.
  body = question();
  body["audio"] = OrderedJson::object();
  error = handlers.post(kChat, body, 400)["error"];
  EXPECT_EQ(error["param"], "audio");
  EXPECT_EQ(error["code"], "unsupported");
}

}  // namespace
}  // namespace jielong::serve
