#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "serve/model_details.h"
#include "serve/ollama_answer.h"
#include "serve/ollama_options.h"
#include "serve/ollama_request.h"

namespace jielong::serve {
namespace {

using Kind = AnswerPiece::Kind;

OllamaRequest read_chat(const std::string& text) {
  return read_ollama_chat(parse_ordered_json(text, "body"), {}, 77);
}

OllamaRequest read_generate(const std::string& fields) {
  return read_ollama_generate(parse_ordered_json(R"({"model": "m", )" + fields + "}", "body"), {},
                              77);
}

template <typename Read>
std::string error_of(const Read& reading) {
  try {
    reading();
  } catch (const Error& error) {
    return (error.kind() == ErrorKind::unsupported ? "unsupported " : "bad ") + error.where();
  }
  return "none";
}

std::vector<Json> records_of(const std::string& stream) {
  std::vector<Json> records;
  std::istringstream lines(stream);
  for (std::string line; std::getline(lines, line);) records.push_back(Json::parse(line));
  return records;
}

ChatEvent said(Kind kind, std::string text) {
  ChatEvent event;
  event.pieces.push_back({kind, std::move(text), 0});
  return event;
}

ChatEvent ended(AnswerEnd end) {
  ChatEvent event;
  event.end = end;
  return event;
}

TEST(OllamaRequest, ReadsOptions) {
  const OllamaRequest request = read_generate(
      R"("prompt": "p", "options": {"num_predict": 12, "temperature": 0, "top_k": 3, "top_p": 0.5,
         "min_p": 0.1, "typical_p": 0.9, "repeat_penalty": 1.2, "repeat_last_n": 10,
         "presence_penalty": 0.1, "frequency_penalty": 0.2, "seed": 5, "stop": ["x"],
         "mirostat": 2, "mirostat_tau": 4, "mirostat_eta": 0.2, "num_ctx": 8192, "num_gpu": 1})");
  const GenerateOptions& options = request.chat.options;
  EXPECT_EQ(options.max_tokens, 12);
  EXPECT_EQ(options.seed, 5u);
  EXPECT_EQ(options.stop, std::vector<std::string>{"x"});
  EXPECT_EQ(options.sampling.temperature, 0);
  EXPECT_EQ(options.sampling.top_k, 3);
  EXPECT_EQ(options.sampling.top_p, 0.5);
  EXPECT_EQ(options.sampling.min_p, 0.1);
  EXPECT_EQ(options.sampling.typical_p, 0.9);
  EXPECT_EQ(options.sampling.repeat_penalty, 1.2);
  EXPECT_EQ(options.sampling.penalty_window, 10);
  EXPECT_EQ(options.sampling.presence_penalty, 0.1);
  EXPECT_EQ(options.sampling.frequency_penalty, 0.2);
  EXPECT_EQ(options.sampling.mirostat, 2);
  EXPECT_EQ(options.sampling.mirostat_tau, 4);
  EXPECT_EQ(options.sampling.mirostat_eta, 0.2);
  EXPECT_TRUE(request.stream);
}

TEST(OllamaRequest, CountsBelowOneMeanNoLimitAndNegativeSeedsAreRandom) {
  for (const char* count : {"-1", "-2", "0"}) {
    const auto request = read_generate(std::string(R"("prompt": "p", "options": {"seed": -1,
                                                      "num_predict": )") +
                                       count + "}");
    EXPECT_EQ(request.chat.options.max_tokens, -1) << count;
    EXPECT_EQ(request.chat.options.seed, 77u);
  }
}

TEST(OllamaRequest, NamesWhatIsWrong) {
  for (const auto& [fields, expected] : std::vector<std::pair<std::string, std::string>>{
           {R"("promt": "x")", "bad promt"},
           {R"("options": {"tempature": 1})", "bad options.tempature"},
           {R"("options": {"num_predict": -5})", "bad options.num_predict"},
           {R"("options": {"num_ctx": -5})", "bad options.num_ctx"},
           {R"("options": {"top_k": -3})", "bad options.top_k"},
           {R"("options": {"mirostat": 1})", "unsupported options.mirostat"},
           {R"("options": [])", "bad options"},
           {R"("prompt": "x", "images": ["abcd"])", "unsupported images"},
           {R"("prompt": "x", "template": "{{ .Prompt }}")", "unsupported template"},
           {R"("prompt": "x", "raw": true, "system": "s")", "bad system"},
           {R"("prompt": "x", "format": "xml")", "bad format"},
           {R"("prompt": "x", "format": 5)", "bad format"},
           {R"("prompt": "x", "think": "hard")", "bad think"},
           {R"("prompt": "x", "keep_alive": "soon")", "bad keep_alive"},
           {R"("prompt": "x", "context": [-1])", "bad context"},
           {R"("prompt": "x", "context": [99999999999])", "bad context"},
           {R"("prompt": "x", "width": 512)", "unsupported width"},
           {R"("prompt": "x", "top_logprobs": 21, "logprobs": true)", "bad top_logprobs"}}) {
    EXPECT_EQ(error_of([&, text = fields] { read_generate(text); }), expected) << fields;
  }
  EXPECT_EQ(error_of([] { read_chat(R"({"messages": []})"); }), "bad model");
}

TEST(OllamaRequest, EmptyPromptsOnlyLoad) {
  EXPECT_TRUE(read_generate(R"("keep_alive": 0)").load_only);
  using std::chrono::milliseconds;
  EXPECT_EQ(read_generate(R"("keep_alive": 0)").keep_alive, milliseconds(0));
  EXPECT_EQ(read_generate(R"("keep_alive": "1m1.5s")").keep_alive, milliseconds(61500));
  EXPECT_EQ(read_generate(R"("keep_alive": -5)").keep_alive, milliseconds(-1000));
  EXPECT_GT(read_generate(R"("keep_alive": 1e300)").keep_alive, milliseconds(1000000000000));
  EXPECT_TRUE(read_chat(R"({"model": "m", "messages": []})").load_only);
  EXPECT_FALSE(read_generate(R"("prompt": "p")").load_only);
}

TEST(OllamaRequest, GenerateMakesAConversationUnlessRaw) {
  EXPECT_EQ(read_generate(R"("prompt": "p", "system": "s")").chat.messages,
            R"([{"role":"system","content":"s"},{"role":"user","content":"p"}])");
  const OllamaRequest raw = read_generate(R"("prompt": "p", "raw": true)");
  EXPECT_EQ(raw.chat.messages, "");
  EXPECT_EQ(raw.chat.prompt, "p");
}

TEST(OllamaRequest, ChatHasToolsBothWays) {
  const OllamaRequest request = read_chat(
      R"({"model": "m", "stream": false, "think": false,
          "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
          "messages": [
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": "", "thinking": "hm",
             "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]},
            {"role": "tool", "content": "7", "tool_name": "f"}]})");
  EXPECT_FALSE(request.stream);
  EXPECT_FALSE(request.show_thinking);
  EXPECT_EQ(request.chat.template_variables, R"({"enable_thinking":false,"thinking":false})");
  EXPECT_EQ(request.chat.tools, R"([{"type":"function","function":{"name":"f","parameters":{}}}])");
  EXPECT_EQ(request.chat.messages,
            R"([{"role":"user","content":"go"},)"
            R"({"role":"assistant","content":"","reasoning_content":"hm",)"
            R"("tool_calls":[{"id":"call_0","type":"function",)"
            R"("function":{"name":"f","arguments":"{\"a\":1}"}}]},)"
            R"({"role":"tool","content":"7","tool_call_id":"call_0","name":"f"}])");
}

TEST(OllamaRequest, FormatBecomesTheShape) {
  EXPECT_EQ(read_generate(R"("prompt": "p", "format": "json")").chat.shape.kind,
            AnswerShape::Kind::json);
  const AnswerShape shape =
      read_generate(R"("prompt": "p", "format": {"type": "object"})").chat.shape;
  EXPECT_EQ(shape.kind, AnswerShape::Kind::json_schema);
  EXPECT_EQ(shape.source, R"({"type":"object"})");
  EXPECT_EQ(read_generate(R"("prompt": "p", "format": "")").chat.shape.kind,
            AnswerShape::Kind::free);
}

TEST(OllamaOptions, DurationsAreGos) {
  EXPECT_EQ(parse_duration("5m"), 300);
  EXPECT_EQ(parse_duration("1h30m"), 5400);
  EXPECT_EQ(parse_duration("1.5s"), 1.5);
  EXPECT_EQ(parse_duration("250ms"), 0.25);
  EXPECT_EQ(parse_duration("-1"), -1);
  EXPECT_EQ(parse_duration("0"), 0);
  for (const char* wrong : {"", "m", "5x", "5m3", "--1", "1e5s", "inf", "nan", "5 m"}) {
    EXPECT_FALSE(parse_duration(wrong)) << wrong;
  }
}

TEST(OllamaAnswer, StreamsRecordsAndTellsCountsLast) {
  OllamaAnswerOptions options;
  options.model = "m:latest";
  options.request_id = "req_1";
  OllamaAnswer answer(options);
  std::string stream = answer.begin(3);
  stream += answer.push(said(Kind::reasoning, "hm"));
  stream += answer.push(said(Kind::content, "Hi"));
  stream += answer.push({});
  stream += answer.push(said(Kind::tool_call, "f"));
  stream += answer.push(said(Kind::tool_arguments, "{\"a\": 1}"));
  stream += answer.push(said(Kind::tool_end, ""));
  stream += answer.push(ended(AnswerEnd::tool_calls));
  ChatUsage usage;
  usage.prompt_tokens = 3;
  usage.answer_tokens = 4;
  usage.decode_seconds = 2;
  stream += answer.end(usage);
  const std::vector<Json> records = records_of(stream);
  ASSERT_EQ(records.size(), 4u);
  EXPECT_EQ(records[0]["message"]["thinking"], "hm");
  EXPECT_EQ(records[1]["message"]["content"], "Hi");
  EXPECT_EQ(records[1]["done"], false);
  const Json call = records[2]["message"]["tool_calls"][0]["function"];
  EXPECT_EQ(call["name"], "f");
  EXPECT_EQ(call["arguments"], Json::parse(R"({"a": 1})"));
  const Json& last = records[3];
  EXPECT_EQ(last["model"], "m:latest");
  EXPECT_EQ(last["done"], true);
  EXPECT_EQ(last["done_reason"], "stop");
  EXPECT_EQ(last["message"]["content"], "");
  EXPECT_EQ(last["prompt_eval_count"], 3);
  EXPECT_EQ(last["eval_count"], 4);
  EXPECT_EQ(last["eval_duration"], 2000000000);
}

TEST(OllamaAnswer, WholeAnswerHasEverything) {
  OllamaAnswerOptions options;
  options.endpoint = OllamaAnswerOptions::Endpoint::generate;
  options.stream = false;
  options.context = std::vector<Token>{1, 2};
  options.logprob = [](const TokenEvent& event) { return OrderedJson{{"logprob", event.logprob}}; };
  OllamaAnswer answer(options);
  TokenEvent token;
  token.token = 7;
  token.logprob = -0.5;
  ChatEvent event = said(Kind::content, "Hi");
  event.token = &token;
  EXPECT_EQ(answer.push(event), "");
  answer.push(ended(AnswerEnd::length));
  const Json whole = Json::parse(answer.whole({}));
  EXPECT_EQ(whole["response"], "Hi");
  EXPECT_EQ(whole["done_reason"], "length");
  EXPECT_EQ(whole["context"], Json::parse("[1, 2, 7]"));
  EXPECT_EQ(whole["logprobs"], Json::parse(R"([{"logprob": -0.5}])"));
}

TEST(OllamaAnswer, ThoughtsAreHiddenWhenTurnedOff) {
  OllamaAnswerOptions options;
  options.show_thinking = false;
  OllamaAnswer answer(options);
  EXPECT_EQ(answer.push(said(Kind::reasoning, "hm")), "");
  EXPECT_FALSE(Json::parse(answer.whole({}))["message"].contains("thinking"));
}

TEST(OllamaAnswer, LoadRecordsSayWhatHappened) {
  OllamaAnswerOptions options;
  EXPECT_EQ(Json::parse(ollama_load_record(options, false))["done_reason"], "load");
  EXPECT_EQ(Json::parse(ollama_load_record(options, true))["done_reason"], "unload");
}

TEST(ModelDetails, CountsReadWell) {
  EXPECT_EQ(readable_count(134515008), "134.5M");
  EXPECT_EQ(readable_count(7615616512), "7.6B");
  EXPECT_EQ(readable_count(999999999), "1.0B");
  EXPECT_EQ(readable_count(80), "80");
}

TEST(ModelDetails, WhatCannotBeReadStaysEmpty) {
  EXPECT_EQ(inspect_model("/nowhere/at/all.gguf").family, "");
}

TEST(Times, AreRfc3339) {
  EXPECT_EQ(rfc3339(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(rfc3339(1764060540, 5000), "2025-11-25T08:49:00.000005000Z");
}

}  // namespace
}  // namespace jielong::serve
