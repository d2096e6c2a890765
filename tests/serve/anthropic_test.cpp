#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "serve/anthropic_answer.h"
#include "serve/anthropic_request.h"

namespace jielong::serve {
namespace {

using Kind = AnswerPiece::Kind;

AnthropicRequest read(const std::string& text, const Limits& limits = {}) {
  return read_anthropic_request(parse_ordered_json(text, "body"), limits);
}

/// A sound request with `extra` fields, written as they stand in the body.
AnthropicRequest read_with(const std::string& extra) {
  return read(R"({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}])" +
              (extra.empty() ? "" : ", " + extra) + "}");
}

AnthropicRequest read_messages(const std::string& messages) {
  return read(R"({"model": "m", "max_tokens": 9, "messages": )" + messages + "}");
}

/// The error that reading gives, as "kind where".
template <typename Read>
std::string error_of(const Read& reading) {
  try {
    reading();
  } catch (const Error& error) {
    const bool unsupported = error.kind() == ErrorKind::unsupported;
    const bool limit = error.kind() == ErrorKind::limit;
    return (unsupported ? "unsupported " : limit ? "limit " : "bad ") + error.where();
  }
  return "none";
}

/// A stream taken apart: (event, data).
std::vector<std::pair<std::string, Json>> events_of(const std::string& stream) {
  std::vector<std::pair<std::string, Json>> events;
  std::size_t at = 0;
  while (at < stream.size()) {
    const std::size_t end = stream.find("\n\n", at);
    EXPECT_NE(end, std::string::npos);
    const std::string event = stream.substr(at, end - at);
    const std::size_t line = event.find("\ndata: ");
    EXPECT_EQ(event.rfind("event: ", 0), 0u) << event;
    EXPECT_NE(line, std::string::npos) << event;
    events.emplace_back(event.substr(7, line - 7), Json::parse(event.substr(line + 7)));
    EXPECT_EQ(events.back().second["type"], events.back().first);
    at = end + 2;
  }
  return events;
}

ChatEvent said(Kind kind, std::string text, std::int64_t call = 0) {
  ChatEvent event;
  event.pieces.push_back({kind, std::move(text), call});
  return event;
}

ChatEvent ended(AnswerEnd end, std::string stop = {}) {
  ChatEvent event;
  event.end = end;
  event.stop_text = std::move(stop);
  return event;
}

TEST(AnthropicRequest, ReadsEveryParameter) {
  const AnthropicRequest request = read_with(
      R"("stream": true, "temperature": 0.5, "top_p": 0.9, "top_k": 7, "stop_sequences": ["a", "b"],
         "metadata": {"user_id": "u"}, "service_tier": "auto", "cache_control": null)");
  EXPECT_EQ(request.chat.model, "m");
  EXPECT_EQ(request.chat.options.max_tokens, 9);
  EXPECT_TRUE(request.stream);
  EXPECT_EQ(request.chat.options.sampling.temperature, 0.5);
  EXPECT_EQ(request.chat.options.sampling.top_p, 0.9);
  EXPECT_EQ(request.chat.options.sampling.top_k, 7);
  EXPECT_EQ(request.chat.options.stop, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(request.chat.messages, R"([{"role":"user","content":"hi"}])");
  EXPECT_EQ(request.chat.tools, "");
}

TEST(AnthropicRequest, NamesWhatIsWrong) {
  const std::string hi = R"("messages": [{"role": "user", "content": "hi"}])";
  EXPECT_EQ(error_of([&] { read(R"({"model": "m", )" + hi + "}"); }), "bad max_tokens");
  EXPECT_EQ(error_of([&] { read(R"({"max_tokens": 1, )" + hi + "}"); }), "bad model");
  EXPECT_EQ(error_of([&] { read(R"({"max_tokens": 1, "model": "m"})"); }), "bad messages");
  EXPECT_EQ(error_of([&] { read("[]"); }), "bad request body");
  for (const auto& [extra, expected] : std::vector<std::pair<std::string, std::string>>{
           {R"("max_tokens2": 1)", "bad max_tokens2"},
           {R"("temperature": "hot")", "bad temperature"},
           {R"("temperature": -1)", "bad temperature"},
           {R"("top_k": -5)", "bad top_k"},
           {R"("top_p": 1.5)", "bad top_p"},
           {R"("stop_sequences": "a")", "bad stop_sequences"},
           {R"("stop_sequences": [""])", "bad stop_sequences"},
           {R"("thinking": {"type": "enabled"})", "bad thinking.budget_tokens"},
           {R"("thinking": {"type": "enabled", "budget_tokens": 9})", "bad thinking.budget_tokens"},
           {R"("thinking": {"type": "loud"})", "bad thinking.type"},
           {R"("tool_choice": {"type": "any"})", "bad tools"},
           {R"("tools": [{"name": "f"}])", "bad tools[0].input_schema"},
           {R"("tools": [{"name": "f g", "input_schema": {}}])", "bad tools[0].name"},
           {R"("tools": [{"type": "bash_20250124", "name": "bash"}])", "unsupported tools[0].type"},
           {R"("tools": [{"name": "f", "input_schema": {}}],
               "tool_choice": {"type": "tool", "name": "g"})",
            "bad tool_choice.name"},
           {R"("mcp_servers": [{}])", "unsupported mcp_servers"},
           {R"("output_config": {"format": {"type": "json_schema"}})",
            "bad output_config.format.schema"}}) {
    EXPECT_EQ(error_of([&, text = extra] { read_with(text); }), expected) << extra;
  }
}

TEST(AnthropicRequest, NegativeAndHugeCountsAreRefused) {
  for (const char* count : {"-5", "0", "1e99", "9223372036854775808", "1.5"}) {
    EXPECT_EQ(error_of([&] {
                read(std::string(R"({"model": "m", "messages": [], "max_tokens": )") + count + "}");
              }),
              "bad max_tokens")
        << count;
  }
}

TEST(AnthropicRequest, RefusesWhatIsNoText) {
  const auto refused = [](const std::string& block) {
    return error_of([&] { read_messages(R"([{"role": "user", "content": [)" + block + "]}]"); });
  };
  EXPECT_EQ(refused(R"({"type": "image", "source": {}})"), "unsupported messages[0].content[0]");
  EXPECT_EQ(refused(R"({"type": "document", "source": {}})"), "unsupported messages[0].content[0]");
  EXPECT_EQ(refused(R"({"type": "smell"})"), "bad messages[0].content[0].type");
  EXPECT_EQ(refused(R"({"type": "text"})"), "bad messages[0].content[0].text");
  EXPECT_EQ(refused(R"({"type": "text", "text": "a", "colour": 1})"),
            "bad messages[0].content[0].colour");
  EXPECT_EQ(refused("5"), "bad messages[0].content[0]");
}

TEST(AnthropicRequest, SystemMayBeBlocksAndNeighboursBecomeOneTurn) {
  const AnthropicRequest request = read(
      R"({"model": "m", "max_tokens": 9,
          "system": [{"type": "text", "text": "be", "cache_control": {"type": "ephemeral"}},
                     {"type": "text", "text": "brief"}],
          "messages": [{"role": "user", "content": "a"},
                       {"role": "user", "content": [{"type": "text", "text": "b"}]}]})");
  EXPECT_EQ(request.chat.messages,
            R"([{"role":"system","content":"be\nbrief"},{"role":"user","content":"a\nb"}])");
}

TEST(AnthropicRequest, ToolsGoThereAndBack) {
  const AnthropicRequest request = read(
      R"({"model": "m", "max_tokens": 9,
          "tools": [{"name": "f", "description": "d",
                     "input_schema": {"type": "object", "properties": {"z": {}, "a": {}}}}],
          "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": true},
          "messages": [
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": [
              {"type": "thinking", "thinking": "hm", "signature": ""},
              {"type": "text", "text": "well"},
              {"type": "tool_use", "id": "t1", "name": "f", "input": {"z": 1, "a": 2}}]},
            {"role": "user", "content": [
              {"type": "tool_result", "tool_use_id": "t1", "is_error": true,
               "content": [{"type": "text", "text": "no"}]},
              {"type": "text", "text": "so?"}]}]})");
  EXPECT_EQ(request.chat.tools,
            R"([{"type":"function","function":{"name":"f","description":"d",)"
            R"("parameters":{"type":"object","properties":{"z":{},"a":{}}}}}])");
  EXPECT_EQ(request.chat.tool_choice, ToolChoice::named);
  EXPECT_EQ(request.chat.tool_name, "f");
  EXPECT_FALSE(request.chat.parallel_tool_calls);
  EXPECT_EQ(request.chat.messages,
            R"([{"role":"user","content":"go"},)"
            R"({"role":"assistant","content":"well","reasoning_content":"hm",)"
            R"("tool_calls":[{"id":"t1","type":"function",)"
            R"("function":{"name":"f","arguments":"{\"z\":1,\"a\":2}"}}]},)"
            R"({"role":"tool","tool_call_id":"t1","name":"f","content":"Error: no"},)"
            R"({"role":"user","content":"so?"}])");
}

TEST(AnthropicRequest, ResultsNeedTheirCallsAndCallsTheirResults) {
  EXPECT_EQ(error_of([] {
              read_messages(R"([{"role": "user", "content":
                                 [{"type": "tool_result", "tool_use_id": "x"}]}])");
            }),
            "bad messages[0].content[0].tool_use_id");
  EXPECT_EQ(error_of([] {
              read_messages(R"([{"role": "user", "content": "a"}, {"role": "assistant", "content":
                                 [{"type": "tool_use", "id": "x", "name": "f", "input": {}}]}])");
            }),
            "bad messages[1]");
}

TEST(AnthropicRequest, LastAssistantTurnIsGoneOnFrom) {
  const AnthropicRequest request = read_messages(
      R"([{"role": "user", "content": "a"}, {"role": "assistant", "content": "It is ("}])");
  EXPECT_EQ(request.chat.messages, R"([{"role":"user","content":"a"}])");
  EXPECT_EQ(request.chat.answer_begin, "It is (");
}

TEST(AnthropicRequest, ThinkingSwitchesTheTemplate) {
  EXPECT_EQ(read_with("").chat.template_variables, "");
  const AnthropicRequest off = read_with(R"("thinking": {"type": "disabled"})");
  EXPECT_EQ(off.chat.template_variables, R"({"enable_thinking":false,"thinking":false})");
  EXPECT_EQ(off.thinking, ThinkingBlocks::none);
  const AnthropicRequest on = read_with(
      R"("thinking": {"type": "enabled", "budget_tokens": 5, "display": "omitted"},
         "output_config": {"effort": "max"})");
  EXPECT_EQ(on.chat.template_variables,
            R"({"enable_thinking":true,"thinking":true,"reasoning_effort":"high"})");
  EXPECT_EQ(on.thinking, ThinkingBlocks::empty);
}

TEST(AnthropicRequest, SchemaBecomesTheShape) {
  const AnthropicRequest request = read_with(
      R"("output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}})");
  EXPECT_EQ(request.chat.shape.kind, AnswerShape::Kind::json_schema);
  EXPECT_EQ(request.chat.shape.source, R"({"type":"object"})");
}

TEST(AnthropicRequest, CountingNeedsNoLength) {
  const OrderedJson body = parse_ordered_json(
      R"({"model": "m", "messages": [{"role": "user", "content": "hi"}]})", "body");
  EXPECT_EQ(read_anthropic_count(body, {}).chat.messages, R"([{"role":"user","content":"hi"}])");
}

TEST(AnthropicAnswer, StreamHasTheApisOrder) {
  AnthropicAnswer answer("req_1", "m");
  std::string stream = answer.begin(12);
  stream += answer.push(said(Kind::reasoning, "hm"));
  stream += answer.push(said(Kind::content, "Hel"));
  stream += answer.push(said(Kind::content, "lo"));
  stream += answer.push(said(Kind::tool_call, "f"));
  stream += answer.push(said(Kind::tool_arguments, "{\"a\":"));
  stream += answer.push(said(Kind::tool_arguments, "1}"));
  stream += answer.push(said(Kind::tool_end, ""));
  stream += answer.push(said(Kind::tool_call, "g", 1));
  stream += answer.push(said(Kind::tool_arguments, "{}", 1));
  stream += answer.push(said(Kind::tool_end, "", 1));
  stream += answer.push(ended(AnswerEnd::tool_calls));
  ChatUsage usage;
  usage.prompt_tokens = 12;
  usage.cached_tokens = 8;
  usage.answer_tokens = 5;
  usage.reasoning_tokens = 2;
  stream += answer.end(usage);

  const auto events = events_of(stream);
  std::vector<std::string> names;
  for (const auto& [name, data] : events) {
    std::string line = name;
    if (data.contains("index")) line += " " + data["index"].dump();
    if (data.contains("content_block"))
      line += " " + data["content_block"]["type"].get<std::string>();
    if (name == "content_block_delta") line += " " + data["delta"]["type"].get<std::string>();
    names.push_back(line);
  }
  EXPECT_EQ(names, (std::vector<std::string>{
                       "message_start", "ping", "content_block_start 0 thinking",
                       "content_block_delta 0 thinking_delta",
                       "content_block_delta 0 signature_delta", "content_block_stop 0",
                       "content_block_start 1 text", "content_block_delta 1 text_delta",
                       "content_block_delta 1 text_delta", "content_block_stop 1",
                       "content_block_start 2 tool_use", "content_block_delta 2 input_json_delta",
                       "content_block_delta 2 input_json_delta", "content_block_stop 2",
                       "content_block_start 3 tool_use", "content_block_delta 3 input_json_delta",
                       "content_block_stop 3", "message_delta", "message_stop"}));
  EXPECT_EQ(events[0].second["message"]["id"], "msg_1");
  EXPECT_EQ(events[0].second["message"]["usage"]["input_tokens"], 12);
  EXPECT_NE(events[10].second["content_block"]["id"], events[14].second["content_block"]["id"]);
  const Json& delta = events[17].second;
  EXPECT_EQ(delta["delta"]["stop_reason"], "tool_use");
  EXPECT_EQ(delta["delta"]["stop_sequence"], nullptr);
  EXPECT_EQ(delta["usage"]["input_tokens"], 4);
  EXPECT_EQ(delta["usage"]["cache_read_input_tokens"], 8);
  EXPECT_EQ(delta["usage"]["output_tokens"], 5);
  EXPECT_EQ(delta["usage"]["output_tokens_details"]["thinking_tokens"], 2);

  const Json whole = Json::parse(answer.whole(usage));
  EXPECT_EQ(whole["content"][1]["text"], "Hello");
  EXPECT_EQ(whole["content"][2]["input"], Json::parse(R"({"a": 1})"));
  EXPECT_EQ(whole["content"][3]["name"], "g");
  EXPECT_EQ(whole["stop_reason"], "tool_use");
}

TEST(AnthropicAnswer, TellsWhyItEnded) {
  const auto reason = [](const ChatEvent& event) {
    AnthropicAnswer answer("req_1", "m");
    answer.push(event);
    const Json whole = Json::parse(answer.whole({}));
    return whole["stop_reason"].get<std::string>() + " " + whole["stop_sequence"].dump();
  };
  EXPECT_EQ(reason(ended(AnswerEnd::stop)), "end_turn null");
  EXPECT_EQ(reason(ended(AnswerEnd::stop, "END")), "stop_sequence \"END\"");
  EXPECT_EQ(reason(ended(AnswerEnd::length)), "max_tokens null");
  TokenEvent token;
  token.finish = FinishReason::context_full;
  ChatEvent full = ended(AnswerEnd::length);
  full.token = &token;
  EXPECT_EQ(reason(full), "model_context_window_exceeded null");
}

TEST(AnthropicAnswer, ThoughtsCanBeLeftOut) {
  for (const auto thinking : {ThinkingBlocks::none, ThinkingBlocks::empty}) {
    AnthropicAnswer answer("req_1", "m", thinking);
    std::string stream = answer.push(said(Kind::reasoning, "secret"));
    stream += answer.push(said(Kind::content, "open"));
    EXPECT_EQ(stream.find("secret"), std::string::npos);
    const Json content = Json::parse(answer.whole({}))["content"];
    ASSERT_EQ(content.size(), thinking == ThinkingBlocks::none ? 1u : 2u);
    EXPECT_EQ(content.back()["text"], "open");
  }
}

TEST(AnthropicAnswer, CallCutShortHasNoInputButStaysValid) {
  AnthropicAnswer answer("req_1", "m");
  std::string stream = answer.push(said(Kind::tool_call, "f"));
  stream += answer.push(said(Kind::tool_arguments, "{\"a\": \"unfini"));
  stream += answer.push(ended(AnswerEnd::length));
  stream += answer.end({});
  const auto events = events_of(stream);
  EXPECT_EQ(events[events.size() - 3].first, "content_block_stop");
  EXPECT_EQ(Json::parse(answer.whole({}))["content"][0]["input"], Json::object());
}

TEST(AnthropicAnswer, ErrorsInAStreamHaveTheApisForm) {
  AnthropicAnswer answer("req_1", "m");
  HttpProblem problem;
  problem.status = 503;
  problem.message = "full";
  const auto events = events_of(answer.failed(problem));
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].second["error"]["type"], "overloaded_error");
}

}  // namespace
}  // namespace jielong::serve
