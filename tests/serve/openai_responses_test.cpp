#include "serve/openai_responses.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "serve/handlers.h"

namespace jielong::serve {
namespace {

using test::Handlers;

OrderedJson json(std::string_view text) { return parse_ordered_json(text, "test"); }

OpenAiResponse read(std::string_view text) {
  return read_openai_response(json(text), Limits(), ResponseStore());
}

TEST(OpenAiResponses, TurnsItemsIntoMessages) {
  const OpenAiResponse request = read(
      R"({"instructions":"be brief","input":[
          {"role":"user","content":[{"type":"input_text","text":"q"}]},
          {"type":"reasoning","id":"rs_1","summary":[],
           "content":[{"type":"reasoning_text","text":"hm"}]},
          {"type":"message","role":"assistant","id":"msg_1","status":"completed",
           "content":[{"type":"output_text","text":"wait","annotations":[]}]},
          {"type":"function_call","call_id":"c1","name":"f","arguments":"{}"},
          {"type":"function_call","call_id":"c2","name":"g","arguments":"{}"},
          {"type":"function_call_output","call_id":"c1","output":"1"},
          {"type":"function_call_output","call_id":"c2","output":"2"}]})");
  const OrderedJson messages = json(request.chat.messages);
  ASSERT_EQ(messages.size(), 5U);
  EXPECT_EQ(messages[0]["role"], "system");
  EXPECT_EQ(messages[1]["content"], "q");
  EXPECT_EQ(messages[2]["reasoning_content"], "hm");
  EXPECT_EQ(messages[2]["content"], "wait");
  EXPECT_EQ(messages[2]["tool_calls"].size(), 2U);
  EXPECT_EQ(messages[4]["tool_call_id"], "c2");
  EXPECT_EQ(json(request.messages).size(), 4U);
}

TEST(OpenAiResponses, RefusesWhatItDoesNotDo) {
  for (const char* body :
       {R"({})", R"({"input":[]})", R"({"input":[{"type":"item_reference","id":"x"}]})",
        R"({"input":"x","background":true})", R"({"input":"x","truncation":"auto"})",
        R"({"input":"x","tools":[{"type":"web_search"}]})", R"({"input":"x","conversation":"c"})",
        R"({"input":"x","include":["file_search_call.results"]})",
        R"({"input":"x","max_output_tokens":-1})", R"({"input":"x","nonsense":1})",
        R"({"input":"x","previous_response_id":"resp_none"})"}) {
    EXPECT_THROW(read(body), Error) << body;
  }
}

TEST(OpenAiResponses, StreamsTypedEventsInOrder) {
  Handlers handlers;
  const auto reply = handlers.call(
      "POST", "/v1/responses",
      R"({"input":"hi","stream":true,"max_output_tokens":6,"seed":1,"ignore_eos":true})");
  ASSERT_EQ(reply->status, 200);
  std::vector<std::string> types;
  std::string text, whole;
  std::int64_t number = 0;
  OrderedJson last;
  for (const std::string& line : Handlers::data_lines(reply->body)) {
    last = json(line);
    EXPECT_EQ(last["sequence_number"], number++);
    const auto type = last["type"].get<std::string>();
    if (types.empty() || types.back() != type) types.push_back(type);
    if (type == "response.output_text.delta") text += last["delta"].get<std::string>();
    if (type == "response.output_text.done") whole = last["text"].get<std::string>();
    EXPECT_NE(reply->body.find("event: " + type + "\n"), std::string::npos);
  }
  const std::vector<std::string> expected{
      "response.created",           "response.in_progress",
      "response.output_item.added", "response.content_part.added",
      "response.output_text.delta", "response.output_text.done",
      "response.content_part.done", "response.output_item.done",
      "response.incomplete"};
  EXPECT_EQ(types, expected);
  EXPECT_EQ(text, whole);
  EXPECT_EQ(last["response"]["incomplete_details"]["reason"], "max_output_tokens");
  EXPECT_EQ(last["response"]["output"][0]["content"][0]["text"], whole);
  EXPECT_EQ(last["response"]["usage"]["output_tokens"], 6);
}

TEST(OpenAiResponses, CallsFunctionsAndTakesTheirOutput) {
  Handlers handlers;
  const OrderedJson tools = json(
      R"([{"type":"function","name":"ask","parameters":{"type":"object",
          "properties":{"x":{"enum":["yes","no"]}},"required":["x"]}}])");
  OrderedJson body = json(R"({"input":"hi","tool_choice":"required","parallel_tool_calls":false,
                             "seed":1})");
  body["tools"] = tools;
  const OrderedJson first = handlers.post("/v1/responses", body);
  EXPECT_EQ(first["status"], "completed");
  EXPECT_EQ(first["tools"], tools);
  ASSERT_EQ(first["output"].size(), 1U);
  const OrderedJson& call = first["output"][0];
  EXPECT_EQ(call["type"], "function_call");
  EXPECT_EQ(call["name"], "ask");
  EXPECT_TRUE(call["arguments"].is_string());
  OrderedJson next = json(R"({"max_output_tokens":4,"seed":1})");
  next["previous_response_id"] = first["id"];
  next["input"] = OrderedJson::array(
      {{{"type", "function_call_output"}, {"call_id", call["call_id"]}, {"output", "ten"}}});
  const OrderedJson second = handlers.post("/v1/responses", next);
  EXPECT_EQ(second["previous_response_id"], first["id"]);
  EXPECT_GT(second["usage"]["input_tokens"], first["usage"]["input_tokens"]);
}

TEST(OpenAiResponses, AreKeptUntilDeleted) {
  Handlers handlers;
  const OrderedJson made =
      handlers.post("/v1/responses", json(R"({"input":"hi","max_output_tokens":3})"));
  const std::string path = "/v1/responses/" + made["id"].get<std::string>();
  EXPECT_EQ(json(handlers.call("GET", path)->body), made);
  EXPECT_EQ(json(handlers.call("DELETE", path)->body)["deleted"], true);
  EXPECT_EQ(handlers.call("GET", path)->status, 404);
  const OrderedJson unkept =
      handlers.post("/v1/responses", json(R"({"input":"hi","max_output_tokens":3,"store":false})"));
  EXPECT_EQ(handlers.call("GET", "/v1/responses/" + unkept["id"].get<std::string>())->status, 404);
}

TEST(OpenAiResponses, TheStoreForgetsTheOldest) {
  ResponseStore store;
  for (std::size_t i = 0; i <= ResponseStore::kMostResponses; ++i) {
    store.put({std::to_string(i), "{}", "[]"});
  }
  EXPECT_FALSE(store.find("0"));
  EXPECT_TRUE(store.find("1"));
  store.put({"big", std::string(ResponseStore::kMostBytes, 'x'), ""});
  EXPECT_FALSE(store.find("1"));
  EXPECT_FALSE(store.find("big"));
}

}  // namespace
}  // namespace jielong::serve
