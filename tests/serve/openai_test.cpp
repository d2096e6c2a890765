#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "serve/handlers.h"
#include "serve/openai_completion.h"
#include "serve/openai_responses.h"
#include "serve/test_server.h"

namespace jielong::serve {
namespace {

using test::Handlers;

const std::string kChat = "/v1/chat/completions";

OrderedJson json(std::string_view text) { return parse_ordered_json(text, "test"); }

OrderedJson question() {
  return json(R"({"messages":[{"role":"user","content":"hi"}],"max_tokens":12,"seed":1})");
}

TEST(OpenAiChat, AnswersTheSameWholeAndInPieces) {
  Handlers handlers;
  OrderedJson body = question();
  const OrderedJson whole = handlers.post(kChat, body);
  EXPECT_EQ(whole["object"], "chat.completion");
  EXPECT_EQ(whole["choices"][0]["message"]["role"], "assistant");
  EXPECT_EQ(whole["usage"]["total_tokens"], whole["usage"]["prompt_tokens"].get<int>() +
                                                whole["usage"]["completion_tokens"].get<int>());
  body["stream"] = true;
  std::string text;
  for (const std::string& line : handlers.stream(kChat, body)) {
    if (line == "[DONE]") continue;
    const OrderedJson chunk = json(line);
    text += chunk["choices"][0]["delta"].value("content", std::string());
  }
  EXPECT_EQ(whole["choices"][0]["message"]["content"], text);
  EXPECT_FALSE(text.empty());
}

TEST(OpenAiChat, GivesEachChoiceItsIndexAndTheSameBytesForASeed) {
  Handlers handlers;
  OrderedJson body = question();
  body["n"] = 3;
  const OrderedJson first = handlers.post(kChat, body), again = handlers.post(kChat, body);
  ASSERT_EQ(first["choices"].size(), 3U);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(first["choices"][i]["index"], i);
  EXPECT_EQ(first["choices"], again["choices"]);
  EXPECT_NE(first["choices"][0]["message"], first["choices"][1]["message"]);
}

TEST(OpenAiChat, ReportsLogprobsOfEveryToken) {
  Handlers handlers;
  OrderedJson body = question();
  body["ignore_eos"] = true;
  body["logprobs"] = true;
  body["top_logprobs"] = 2;
  const OrderedJson answer = handlers.post(kChat, body);
  const OrderedJson& content = answer["choices"][0]["logprobs"]["content"];
  ASSERT_EQ(content.size(), 12U);
  for (const OrderedJson& entry : content) {
    EXPECT_LT(entry["logprob"], 0);
    ASSERT_EQ(entry["top_logprobs"].size(), 2U);
    EXPECT_GE(entry["top_logprobs"][0]["logprob"], entry["top_logprobs"][1]["logprob"]);
    EXPECT_EQ(entry["bytes"].size(), entry["token"].get<std::string>().size());
  }
}

TEST(OpenAiChat, StopsAtAStopString) {
  Handlers handlers;
  OrderedJson body = question();
  const auto text =
      handlers.post(kChat, body)["choices"][0]["message"]["content"].get<std::string>();
  ASSERT_GT(text.size(), 4U);
  body["stop"] = text.substr(2, 2);
  const OrderedJson choice = handlers.post(kChat, body)["choices"][0];
  EXPECT_EQ(choice["finish_reason"], "stop");
  EXPECT_EQ(choice["message"]["content"], text.substr(0, text.find(text.substr(2, 2))));
}

TEST(OpenAiChat, BindsTheAnswerToASchema) {
  Handlers handlers;
  OrderedJson body = question();
  body["max_tokens"] = 100;
  body["response_format"] = json(
      R"({"type":"json_schema","json_schema":{"name":"x","strict":true,"schema":{"type":"object",
          "properties":{"city":{"enum":["oslo","rome"]},"big":{"type":"boolean"}},
          "required":["city","big"],"additionalProperties":false}}})");
  for (int seed = 0; seed < 5; ++seed) {
    body["seed"] = seed;
    const OrderedJson choice = handlers.post(kChat, body)["choices"][0];
    const OrderedJson answer = json(choice["message"]["content"].get<std::string>());
    EXPECT_TRUE(answer["city"] == "oslo" || answer["city"] == "rome");
    EXPECT_TRUE(answer["big"].is_boolean());
    EXPECT_EQ(choice["finish_reason"], "stop");
  }
  body.erase("response_format");
  body["regex"] = "[ab]{3}c";
  const auto text =
      handlers.post(kChat, body)["choices"][0]["message"]["content"].get<std::string>();
  EXPECT_EQ(text.size(), 4U);
  EXPECT_EQ(text.find_first_not_of("ab"), 3U);
}

TEST(OpenAiChat, BindsOnlyWhatFollowsTheThoughts) {
  Handlers handlers(add_openai_routes, "{{ messages[0].content }}a:{# </think> #}<think>");
  OrderedJson body = question();
  body["max_tokens"] = 60;
  body["regex"] = "[ab]{3}";
  const OrderedJson message = handlers.post(kChat, body)["choices"][0]["message"];
  // A random model does not close its thoughts: all of it is reasoning.
  EXPECT_EQ(message["content"], "");
  EXPECT_FALSE(message["reasoning_content"].get<std::string>().empty());
  // From a beginning that closed them, the answer is bound.
  const OrderedJson prefix = handlers.post("/tokenize", {{"content", "hm</think>"}})["tokens"];
  body["answer_prefix"] = prefix;
  EXPECT_EQ(handlers.post(kChat, body)["choices"][0]["message"]["content"]
                .get<std::string>()
                .find_first_not_of("ab"),
            std::string::npos);
}

TEST(OpenAiChat, CallsTheNamedTool) {
  Handlers handlers;
  OrderedJson body = question();
  body["max_tokens"] = 300;
  body["tools"] = json(
      R"([{"type":"function","function":{"name":"a"}},
          {"type":"function","function":{"name":"b","parameters":{"type":"object",
           "properties":{"n":{"enum":[1,2]}},"required":["n"]}}}])");
  body["tool_choice"] = {{"type", "function"}, {"function", {{"name", "b"}}}};
  const OrderedJson calls = handlers.post(kChat, body)["choices"][0]["message"]["tool_calls"];
  ASSERT_EQ(calls.size(), 1U);
  EXPECT_EQ(calls[0]["function"]["name"], "b");
  body["tool_choice"]["function"]["name"] = "c";
  EXPECT_EQ(handlers.post(kChat, body, 400)["error"]["param"], "tool_choice");
}

TEST(OpenAiChat, ReadsMarksThatAreControlTokens) {
  Handlers handlers(add_openai_routes,
                    "{{ tools[0].type }}{{ messages[0].content }}[TOOL_CALLS]:", "[TOOL_CALLS]");
  OrderedJson body = question();
  body["max_tokens"] = 100;
  body["tools"] = json(
      R"([{"type":"function","function":{"name":"ask","parameters":{"type":"object",
           "properties":{"x":{"enum":["yes","no"]}},"required":["x"]}}}])");
  body["parallel_tool_calls"] = false;
  const auto expect_call = [&] {
    const OrderedJson answer = handlers.post(kChat, body);
    const OrderedJson& choice = answer["choices"][0];
    EXPECT_EQ(choice["finish_reason"], "tool_calls");
    EXPECT_TRUE(choice["message"]["content"].is_null()) << choice.dump();
    ASSERT_EQ(choice["message"]["tool_calls"].size(), 1U);
    EXPECT_EQ(choice["message"]["tool_calls"][0]["function"]["name"], "ask");
  };
  // A grammar cannot ask for the mark: the prompt ends in it.
  body["tool_choice"] = "required";
  expect_call();
  // The model draws the mark by itself, which binds what follows.
  body["tool_choice"] = "auto";
  body["logit_bias"] = {{"1", 100}};
  expect_call();
}

TEST(OpenAiChat, GoesOnBehindAnAnswersBeginning) {
  Handlers handlers;
  OrderedJson body = question();
  body["temperature"] = 0;
  body["ignore_eos"] = true;
  const auto text =
      handlers.post(kChat, body)["choices"][0]["message"]["content"].get<std::string>();
  body["answer_prefix"] = handlers.post("/tokenize", {{"content", text.substr(0, 5)}})["tokens"];
  body["max_tokens"] = 7;
  EXPECT_EQ(handlers.post(kChat, body)["choices"][0]["message"]["content"], text.substr(5));
  body["answer_prefix"] = {1000};
  EXPECT_EQ(handlers.post(kChat, body, 400)["error"]["param"], "answer_prefix[0]");
}

TEST(OpenAiChat, ShowsHowEachTokenWasDrawn) {
  Handlers handlers;
  OrderedJson body = question();
  body["stream"] = true;
  body["trace_top"] = 4;
  body["top_k"] = 10;
  int tokens = 0;
  for (const std::string& line : handlers.stream(kChat, body)) {
    if (line == "[DONE]") continue;
    const OrderedJson chunk = json(line);
    if (!chunk.contains("jielong")) continue;
    for (const OrderedJson& token : chunk["jielong"]["tokens"]) {
      ++tokens;
      ASSERT_GE(token["steps"].size(), 2U);
      EXPECT_EQ(token["steps"][0]["sampler"], "model");
      EXPECT_EQ(token["steps"][0]["survivors"], 80);
      EXPECT_EQ(token["steps"][0]["top"].size(), 4U);
      EXPECT_GT(token["chosen_p"], 0);
      EXPECT_TRUE(token["text"].is_string());
    }
  }
  EXPECT_GT(tokens, 0);
  body.erase("trace_top");
  for (const std::string& line : handlers.stream(kChat, body)) {
    EXPECT_EQ(line.find("\"jielong\""), std::string::npos);
  }
}

TEST(OpenAiChat, AClientThatLeavesFreesItsPlace) {
  Handlers handlers;
  OrderedJson body = question();
  body["stream"] = true;
  body["max_tokens"] = 900;
  body["ignore_eos"] = true;
  const auto reply = handlers.begin("POST", kChat, body.dump());
  reply->drop();
  const auto idle = [&] {
    for (const LoadedModelInfo& info : handlers.context.pool.loaded()) {
      if (info.busy || info.stats.active_chains > 0) return false;
    }
    return true;
  };
  EXPECT_TRUE(test::eventually(idle));
}

TEST(OpenAiChat, RefusesNumbersThatMakeNoSense) {
  Handlers handlers;
  // Fields by which other servers could be made to write where they must not, or to work for ever.
  for (const char* field : {R"("max_tokens":-5)",
                            R"("max_tokens":1e99)",
                            R"("max_tokens":99999999999999999999)",
                            R"("top_k":-3)",
                            R"("n":1000000)",
                            R"("n":0)",
                            R"("n":-1)",
                            R"("temperature":-0.1)",
                            R"("top_logprobs":21,"logprobs":true)",
                            R"("top_logprobs":3)",
                            R"("trace_top":-1)",
                            R"("logit_bias":{"-1":1})",
                            R"("logit_bias":{"1000000000":1})",
                            R"("logit_bias":{"99999999999999999999":1})",
                            R"("logit_bias":{"x":1})",
                            R"("logit_bias":{"1":1e9})",
                            R"("min_keep":-1)",
                            R"("penalty_window":-2)",
                            R"("dry_window":-2)",
                            R"("repeat_penalty":0)",
                            R"("n_discard":-1)",
                            R"("seed":1.5)",
                            R"("stop":[""])",
                            R"("stop":["a","a","a","a","a","a","a","a","a","a","a","a","a","a","a",
        "a","a"])",
                            R"("answer_prefix":[-1])",
                            R"("max_completion_tokens":0)",
                            R"("samplers":["nonsense"])",
                            R"("messages":[])",
                            R"("stream_options":{})",
                            R"("grammar":"root ::= \"a\"","regex":"a")",
                            R"("tool_choice":"required")",
                            R"("modalities":["audio"])",
                            R"("store":true)",
                            R"("verbosity":"high")",
                            R"("mirostat":1)",
                            R"("chat_template_kwargs":{"messages":[]})"}) {
    const std::string body =
        R"({"messages":[{"role":"user","content":"x"}],)" + std::string(field) + "}";
    const auto reply = handlers.call("POST", kChat, body);
    EXPECT_EQ(reply->status, 400) << field << reply->body;
    EXPECT_EQ(json(reply->body)["error"]["type"], "invalid_request_error") << field;
  }
}

TEST(OpenAiChat, RefusesBodiesThatAreTooDeepOrNoJson) {
  Handlers handlers;
  for (const std::string& body :
       {std::string(100000, '['), std::string("{"), std::string("[]"), std::string(),
        R"({"messages":)" + std::string(100, '[') + std::string(100, ']') + "}"}) {
    EXPECT_EQ(handlers.call("POST", kChat, body)->status, 400);
  }
  OrderedJson nested = question();
  nested["grammar"] = "root ::= " + std::string(60000, '(') + "\"a\"" + std::string(60000, ')');
  EXPECT_EQ(handlers.post(kChat, nested, 400)["error"]["type"], "invalid_request_error");
  OrderedJson long_grammar = question();
  long_grammar["grammar"] = "root ::= \"" + std::string(300000, 'a') + "\"";
  EXPECT_EQ(handlers.post(kChat, long_grammar, 400)["error"]["param"], "grammar");
  OrderedJson long_prompt = question();
  long_prompt["messages"][0]["content"] = std::string(2000, 'a');
  EXPECT_EQ(handlers.post(kChat, long_prompt, 400)["error"]["code"], "limit_exceeded");
}

TEST(OpenAiChat, RefusesPicturesByName) {
  Handlers handlers;
  OrderedJson body = question();
  body["messages"][0]["content"] =
      json(R"([{"type":"text","text":"see"},{"type":"image_url","image_url":{"url":"x"}}])");
  const OrderedJson error = handlers.post(kChat, body, 400)["error"];
  EXPECT_EQ(error["param"], "messages[0].content[1].type");
  EXPECT_EQ(error["code"], "unsupported");
}

TEST(OpenAiChat, KnowsModelsThatAreNotThere) {
  Handlers handlers;
  OrderedJson body = question();
  body["model"] = "nobody/has-this";
  const auto reply = handlers.call("POST", kChat, body.dump());
  EXPECT_EQ(reply->status, 404);
}

TEST(OpenAiCompletions, AnswersSeveralPromptsWithChoicesOfEach) {
  Handlers handlers;
  const OrderedJson answer =
      handlers.post("/v1/completions", json(R"({"prompt":["ab","cd"],"n":2,"max_tokens":4,"seed":3,
                                 "ignore_eos":true,"echo":true})"));
  ASSERT_EQ(answer["choices"].size(), 4U);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(answer["choices"][i]["index"], i);
    const auto text = answer["choices"][i]["text"].get<std::string>();
    EXPECT_EQ(text.substr(0, 2), i < 2 ? "ab" : "cd");
  }
  EXPECT_EQ(answer["usage"]["completion_tokens"], 16);
  // A prompt as tokens, and alone, gives what it gave as text among others.
  OrderedJson alone = json(R"({"n":2,"max_tokens":4,"seed":3,"ignore_eos":true,"echo":true})");
  alone["prompt"] = handlers.post("/tokenize", {{"prompt", "cd"}})["tokens"];
  const OrderedJson second = handlers.post("/v1/completions", alone);
  EXPECT_EQ(second["choices"][1]["text"], answer["choices"][3]["text"]);
}

TEST(OpenAiCompletions, StreamsEveryChoiceToItsEnd) {
  Handlers handlers;
  const OrderedJson body = json(R"({"prompt":["ab","cd"],"max_tokens":3,"stream":true,
                                   "stream_options":{"include_usage":true}})");
  int ends = 0;
  for (const std::string& line : handlers.stream("/v1/completions", body)) {
    if (line == "[DONE]") continue;
    const OrderedJson chunk = json(line);
    for (const OrderedJson& choice : chunk["choices"]) {
      if (!choice["finish_reason"].is_null()) ++ends;
    }
  }
  EXPECT_EQ(ends, 2);
}

TEST(OpenAiCompletions, KeepsTheBestOfSeveral) {
  Handlers handlers;
  OrderedJson body = json(R"({"prompt":"ab","n":1,"best_of":4,"max_tokens":5,"seed":3,
                             "logprobs":1,"ignore_eos":true})");
  const auto mean = [](const OrderedJson& choice) {
    double sum = 0;
    for (const OrderedJson& x : choice["logprobs"]["token_logprobs"]) sum += x.get<double>();
    return sum;
  };
  const OrderedJson best = handlers.post("/v1/completions", body)["choices"];
  ASSERT_EQ(best.size(), 1U);
  body["n"] = 4;
  double most = -1e9;
  const OrderedJson all = handlers.post("/v1/completions", body);
  for (const OrderedJson& choice : all["choices"]) most = std::max(most, mean(choice));
  EXPECT_DOUBLE_EQ(mean(best[0]), most);
}

TEST(OpenAiCompletions, MayAskForNoTokensAtAll) {
  Handlers handlers;
  const OrderedJson answer =
      handlers.post("/v1/completions", json(R"({"prompt":"ab","max_tokens":0,"echo":true})"));
  EXPECT_EQ(answer["choices"][0]["text"], "ab");
  EXPECT_EQ(answer["choices"][0]["finish_reason"], "length");
}

TEST(OpenAiCompletions, SaysWhatItDoesNotDo) {
  Handlers handlers;
  for (const char* body :
       {R"({"prompt":"a","suffix":"b"})", R"({"prompt":"a","echo":true,"logprobs":1})",
        R"({"prompt":"a","best_of":2,"n":3})", R"({"prompt":"a","best_of":2,"stream":true})",
        R"({"prompt":[]})", R"({"prompt":[["a"]]})", R"({"prompt":3})", R"({})",
        R"({"prompt":[1,-1]})", R"({"prompt":[100000]})"}) {
    EXPECT_EQ(handlers.call("POST", "/v1/completions", body)->status, 400) << body;
  }
}

TEST(OpenAiEmbeddings, AreOfLengthOneAndAlikeForTextAndTokens) {
  Handlers handlers;
  const OrderedJson answer = handlers.post("/v1/embeddings", json(R"({"input":["ab","cd"]})"));
  ASSERT_EQ(answer["data"].size(), 2U);
  double squares = 0;
  for (const OrderedJson& x : answer["data"][1]["embedding"]) {
    squares += x.get<double>() * x.get<double>();
  }
  EXPECT_NEAR(squares, 1, 1e-5);
  EXPECT_EQ(answer["usage"]["prompt_tokens"], answer["usage"]["total_tokens"]);
  OrderedJson body;
  body["input"] = handlers.post("/tokenize", {{"prompt", "cd"}})["tokens"];
  EXPECT_EQ(handlers.post("/v1/embeddings", body)["data"][0]["embedding"],
            answer["data"][1]["embedding"]);
  for (const char* wrong :
       {R"({"input":[]})", R"({"input":""})", R"({"input":{}})", R"({"input":"a","dimensions":7})",
        R"({"input":[[]]})", R"({"input":"a","encoding_format":"hex"})"}) {
    EXPECT_EQ(handlers.call("POST", "/v1/embeddings", wrong)->status, 400) << wrong;
  }
}

TEST(OpenAiModels, ListTheDefaultOne) {
  Handlers handlers;
  const OrderedJson list = json(handlers.call("GET", "/v1/models")->body);
  ASSERT_GE(list["data"].size(), 1U);
  EXPECT_EQ(list["data"][0]["id"], handlers.context.default_model);
  EXPECT_EQ(list["data"][0]["object"], "model");
  const OrderedJson one = json(handlers.call("GET", "/v1/models/default")->body);
  EXPECT_EQ(one["id"], "default");
  EXPECT_EQ(handlers.call("GET", "/v1/models/none")->status, 404);
}

TEST(Tokenize, GoesThereAndBack) {
  Handlers handlers;
  const OrderedJson tokens = handlers.post("/tokenize", json(R"({"content":"a b</s>"})"));
  EXPECT_EQ(tokens["count"], 4);
  const OrderedJson back = handlers.post("/detokenize", {{"tokens", tokens["tokens"]}});
  EXPECT_EQ(back["content"], "a b</s>");
  EXPECT_EQ(back["prompt"], "a b</s>");
  const OrderedJson pieces =
      handlers.post("/tokenize", json(R"({"content":"a","with_pieces":true})"));
  EXPECT_EQ(pieces["tokens"][0]["piece"], "a");
  const OrderedJson chat =
      handlers.post("/tokenize", json(R"({"messages":[{"role":"user","content":"q"}]})"));
  EXPECT_GT(chat["count"], 4);
  EXPECT_EQ(handlers.call("POST", "/detokenize", R"({"tokens":[-1]})")->status, 400);
  EXPECT_EQ(handlers.call("POST", "/detokenize", R"({"tokens":[5000]})")->status, 400);
  EXPECT_EQ(handlers.call("POST", "/tokenize", R"({})")->status, 400);
}

}  // namespace
}  // namespace jielong::serve
