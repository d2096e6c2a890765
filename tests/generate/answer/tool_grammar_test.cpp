#include "generate/answer/tool_grammar.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "generate/answer/tool_prompt.h"

namespace jielong {
namespace {

using Syntax = AnswerFormat::ToolSyntax;

constexpr std::string_view kTools = R"([
  {"type":"function","function":{"name":"weather","parameters":{"type":"object",
    "properties":{"city":{"type":"string"},"unit":{"enum":["C","F"]}},"required":["city"]}}},
  {"type":"function","function":{"name":"now"}}])";

TEST(ToolGrammar, WritesHermesCalls) {
  const auto grammar = tool_grammar(Syntax::hermes, kTools, {});
  const std::string weather =
      "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Oslo\"}}\n</tool_call>";
  const std::string now = "<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>";
  EXPECT_TRUE(grammar->matches(weather));
  EXPECT_TRUE(grammar->matches(now));
  EXPECT_TRUE(grammar->matches(weather + "\n" + now));
  EXPECT_FALSE(grammar->matches("Sure! " + weather));
  EXPECT_FALSE(grammar->matches(
      "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"town\": \"Oslo\"}}\n</tool_call>"));
  EXPECT_FALSE(
      grammar->matches("<tool_call>\n{\"name\": \"rain\", \"arguments\": {}}\n</tool_call>"));
  std::string many = now;
  for (int i = 1; i < kMaxParallelCalls; ++i) many += "\n" + now;
  EXPECT_TRUE(grammar->matches(many));
  EXPECT_FALSE(grammar->matches(many + "\n" + now));
}

TEST(ToolGrammar, KeepsToOneToolAndOneCall) {
  const auto grammar = tool_grammar(Syntax::none, kTools, {.only = "now", .parallel = false});
  const std::string now = "<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>";
  EXPECT_TRUE(grammar->matches(now));
  EXPECT_FALSE(grammar->matches(now + "\n" + now));
  EXPECT_THROW(tool_grammar(Syntax::none, kTools, {.only = "rain"}), Error);
}

TEST(ToolGrammar, LeavesOutAMarkThatStandsBefore) {
  EXPECT_TRUE(tool_grammar(Syntax::hermes, kTools, {.after_mark = true})
                  ->matches("\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>"));
  EXPECT_TRUE(tool_grammar(Syntax::mistral, kTools, {.after_mark = true})
                  ->matches("[{\"name\": \"now\", \"arguments\": {}}]"));
}

TEST(ToolGrammar, WritesTheOtherSyntaxes) {
  EXPECT_TRUE(tool_grammar(Syntax::llama3, kTools, {})
                  ->matches(R"({"name": "weather", "parameters": {"city": "A", "unit": "C"}})"));
  const auto xml = tool_grammar(Syntax::xml, kTools, {});
  EXPECT_TRUE(
      xml->matches("<tool_call>\n<function=weather>\n<parameter=city>\nNew\nYork\n</parameter>\n"
                   "<parameter=unit>\nF\n</parameter>\n</function>\n</tool_call>"));
  EXPECT_TRUE(xml->matches("<tool_call>\n<function=now>\n</function>\n</tool_call>"));
  EXPECT_FALSE(xml->matches("<tool_call>\n<function=weather>\n</function>\n</tool_call>"));
}

TEST(ToolGrammar, EveryCallItAllowsIsParsed) {
  AnswerFormat format;
  format.tools = Syntax::xml;
  AnswerParser parser(format, true, kTools);
  const auto pieces = parser.push(
      "<tool_call>\n<function=weather>\n<parameter=city>\nOslo\n</parameter>\n</function>\n"
      "</tool_call>");
  ASSERT_EQ(pieces.size(), 3U);
  EXPECT_EQ(pieces[1].text, R"({"city": "Oslo"})");
}

TEST(ToolGrammar, NamesWhatIsWrong) {
  const auto problem = [](std::string_view tools) {
    try {
      tool_grammar(Syntax::hermes, tools, {});
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_NE(problem(R"([{"function":{"name":"a b"}}])").find("tools[0].function.name"),
            std::string::npos);
  EXPECT_NE(problem(R"([{"function":{"name":"a"}},{"function":{"name":"a"}}])").find("twice"),
            std::string::npos);
  EXPECT_NE(problem("{}").find("tools"), std::string::npos);
  EXPECT_NE(problem(R"([{"function":{"name":"a","parameters":{"type":7}}}])")
                .find("tools[0].function.parameters"),
            std::string::npos);
}

TEST(ToolGrammar, OnlyStrictToolsInsistOnTheirSchema) {
  const std::string schema =
      R"("parameters":{"type":"object","properties":{"a":{"type":"array","uniqueItems":true}}})";
  const std::string loose = R"([{"function":{"name":"a",)" + schema + "}}]";
  const std::string strict = R"([{"function":{"name":"a","strict":true,)" + schema + "}}]";
  EXPECT_TRUE(
      tool_grammar(Syntax::llama3, loose, {})->matches(R"({"name": "a", "parameters": {"a":1}})"));
  EXPECT_THROW(tool_grammar(Syntax::llama3, strict, {}), Error);
}

TEST(ToolPrompt, DescribesToolsAndWritesCallsOut) {
  const OrderedJson messages = parse_ordered_json(
      R"([{"role":"system","content":"Be brief."},{"role":"user","content":"q"},
          {"role":"assistant","content":"","tool_calls":[{"id":"1","type":"function",
           "function":{"name":"now","arguments":"{\"a\": 1}"}}]},
          {"role":"tool","content":"ten","tool_call_id":"1"},
          {"role":"tool","content":"eleven"}])",
      "test");
  const OrderedJson out = write_out_tools(messages, kTools);
  ASSERT_EQ(out.size(), 4U);
  const auto system = out[0]["content"].get<std::string>();
  EXPECT_EQ(out[0]["role"], "system");
  EXPECT_EQ(system.find("Be brief.\n\n"), 0U);
  EXPECT_NE(system.find("\"weather\""), std::string::npos);
  EXPECT_EQ(out[2]["content"],
            "<tool_call>\n{\"name\": \"now\", \"arguments\": {\"a\": 1}}\n</tool_call>");
  EXPECT_FALSE(out[2].contains("tool_calls"));
  EXPECT_EQ(out[3]["role"], "user");
  EXPECT_EQ(out[3]["content"],
            "<tool_response>\nten\n</tool_response>\n"
            "<tool_response>\neleven\n</tool_response>");
}

TEST(ToolPrompt, MovesTheSystemMessageIntoTheFirstQuestion) {
  const OrderedJson out = merge_system_messages(parse_ordered_json(
      R"([{"role":"system","content":"s"},{"role":"user","content":"u"}])", "test"));
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0]["content"], "s\n\nu");
}

}  // namespace
}  // namespace jielong
