#include "generate/answer/answer_parser.h"

#include <gtest/gtest.h>

#include <string>

#include "generate/answer/json_scanner.h"

namespace jielong {
namespace {

using Syntax = AnswerFormat::ToolSyntax;

AnswerFormat format(Syntax tools, bool starts_thinking = false) {
  AnswerFormat f;
  f.tools = tools;
  f.think_begin = "<think>";
  f.think_end = "</think>";
  f.starts_thinking = starts_thinking;
  return f;
}

/// Pieces as "content(…)", "think(…)", "call0 name(arguments)" with "." behind a complete call,
/// neighbours of one kind joined.
std::string parsed(const AnswerFormat& f, std::string_view text, std::size_t cut = 1,
                   bool tools = true, std::string_view definitions = {}) {
  AnswerParser parser(f, tools, definitions);
  std::vector<AnswerPiece> pieces;
  const auto add = [&](std::vector<AnswerPiece> more) {
    for (AnswerPiece& piece : more) {
      if (!pieces.empty() && pieces.back().kind == piece.kind && pieces.back().call == piece.call) {
        pieces.back().text += piece.text;
      } else {
        pieces.push_back(std::move(piece));
      }
    }
  };
  for (std::size_t i = 0; i < text.size(); i += cut) add(parser.push(text.substr(i, cut)));
  add(parser.finish());
  std::string out;
  for (const AnswerPiece& piece : pieces) {
    switch (piece.kind) {
      case AnswerPiece::Kind::content: out += "content(" + piece.text + ")"; break;
      case AnswerPiece::Kind::reasoning: out += "think(" + piece.text + ")"; break;
      case AnswerPiece::Kind::tool_call:
        out += "call" + std::to_string(piece.call) + " " + piece.text;
        break;
      case AnswerPiece::Kind::tool_arguments: out += "(" + piece.text + ")"; break;
      case AnswerPiece::Kind::tool_end: out += "."; break;
    }
  }
  return out;
}

/// The same however the text is cut.
void expect_parsed(const AnswerFormat& f, std::string_view text, const std::string& expected,
                   bool tools = true, std::string_view definitions = {}) {
  for (const std::size_t cut : {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{7},
                                std::size_t{16}, text.size() + 1}) {
    EXPECT_EQ(parsed(f, text, cut, tools, definitions), expected) << "cut every " << cut;
  }
}

TEST(AnswerParser, LeavesPlainTextAlone) {
  expect_parsed(format(Syntax::hermes), "  a <b> {c}\n\n", "content(  a <b> {c}\n\n)");
  expect_parsed(AnswerFormat{}, "<think>x</think>", "content(<think>x</think>)", false);
  expect_parsed(format(Syntax::hermes), "", "");
  expect_parsed(format(Syntax::hermes), "<tool_call>\n{\"name\": \"f\", \"arguments\": {}}",
                "content(<tool_call>\n{\"name\": \"f\", \"arguments\": {}})", false);
}

TEST(AnswerParser, SplitsThoughtsFromTheAnswer) {
  expect_parsed(format(Syntax::none), "<think>\nhm,\n no\n</think>\n\nYes.\n",
                "think(hm,\n no)content(Yes.\n)");
  expect_parsed(format(Syntax::none, true), "hm</think>Yes", "think(hm)content(Yes)");
  expect_parsed(format(Syntax::none), "say <think>", "content(say <think>)");
  expect_parsed(format(Syntax::none, true), "cut o", "think(cut o)");
  expect_parsed(format(Syntax::none, true), "a </thin> b</think>", "think(a </thin> b)");
  expect_parsed(format(Syntax::none), "<think></think>x", "content(x)");
}

TEST(AnswerParser, KnowsWhetherItThinks) {
  AnswerParser parser(format(Syntax::none, true), false);
  EXPECT_TRUE(parser.thinking());
  parser.push("x</think>");
  EXPECT_FALSE(parser.thinking());
}

TEST(AnswerParser, DoesNotRepeatWhatTheReaderKnows) {
  const auto rest = [](const AnswerFormat& f, std::string_view known, std::string_view more) {
    AnswerParser parser(f, true);
    parser.push(known);
    parser.skip_held();
    std::string text;
    for (const AnswerPiece& piece : parser.push(more)) text += piece.text;
    for (const AnswerPiece& piece : parser.finish()) text += piece.text;
    return text;
  };
  EXPECT_EQ(rest(format(Syntax::hermes), "a \n", "b"), "b");
  EXPECT_EQ(rest(format(Syntax::hermes), "a <tool", " b"), " b");
  EXPECT_EQ(rest(format(Syntax::hermes), "a <tool", "_call> b"), "_call> b");
  EXPECT_EQ(rest(format(Syntax::hermes), "a <tool_call>{", " b"), " b");
  EXPECT_EQ(rest(format(Syntax::hermes), "a <tool_call>{\"name", "\":\"f\"}"), "f{}");
  EXPECT_EQ(rest(format(Syntax::none, true), "hm\n", "</think>b"), "b");
  EXPECT_EQ(rest(format(Syntax::none, true), "hm\n", "x"), "x");
}

TEST(AnswerParser, ReadsHermesCalls) {
  expect_parsed(format(Syntax::hermes),
                "I look.\n<tool_call>\n{\"name\": \"get\", \"arguments\": {\"a\": [1, \"}\"]}}\n"
                "</tool_call>\n",
                "content(I look.)call0 get({\"a\": [1, \"}\"]}).");
  expect_parsed(format(Syntax::hermes),
                "<tool_call>{\"name\":\"a\",\"arguments\":{}}</tool_call>\n<tool_call>"
                "{\"arguments\":{\"x\":-1.5e3},\"name\":\"b\"}</tool_call>",
                "call0 a({}).call1 b({\"x\":-1.5e3}).");
  // Arguments as a text, none at all, and further keys.
  expect_parsed(format(Syntax::hermes),
                R"(<tool_call>{"name":"a","arguments":"{\"x\":\"é\"}"}</tool_call>)",
                "call0 a({\"x\":\"é\"}).");
  expect_parsed(format(Syntax::hermes), R"(<tool_call>{"id": 7, "name":"a"}</tool_call>)",
                "call0 a({}).");
  expect_parsed(format(Syntax::none), R"(<tool_call>{"name":"a","arguments":null})",
                "call0 a({}).");
}

TEST(AnswerParser, TurnsWhatIsNoCallBackIntoText) {
  for (const char* text :
       {"<tool_call>hello</tool_call>", "<tool_call>{\"name\": 3}", "<tool_call>{\"name\": \"f\"",
        "<tool_call>\n{\"name\": \"f\", \"arguments\": [1]}", "<tool_c", "<tool_call>"}) {
    expect_parsed(format(Syntax::hermes), text, "content(" + std::string(text) + ")");
  }
  expect_parsed(format(Syntax::hermes),
                "<tool_call> or <tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call> x",
                "content(<tool_call> or)call0 f({}).content(x)");
}

TEST(AnswerParser, LeavesACutCallOpen) {
  expect_parsed(format(Syntax::hermes),
                "<tool_call>{\"name\":\"f\",\"arguments\":{\"a\":", "call0 f({\"a\":)");
  expect_parsed(format(Syntax::hermes), "<tool_call>{\"name\":\"f\",\"arguments\":{]} x",
                "call0 f({)content(]} x)");
}

TEST(AnswerParser, StreamsArguments) {
  AnswerParser parser(format(Syntax::hermes), true);
  auto pieces = parser.push("<tool_call>{\"name\":\"f\",\"arguments\":{\"a\"");
  ASSERT_EQ(pieces.size(), 2U);
  EXPECT_EQ(pieces[0].text, "f");
  EXPECT_EQ(pieces[1].text, "{\"a\"");
  pieces = parser.push(":1");
  ASSERT_EQ(pieces.size(), 1U);
  EXPECT_EQ(pieces[0].text, ":1");
  EXPECT_EQ(parser.calls(), 1);
}

TEST(AnswerParser, ReadsLlama3Calls) {
  expect_parsed(format(Syntax::llama3), "\n{\"name\": \"f\", \"parameters\": {\"a\": 1}}",
                "call0 f({\"a\": 1}).");
  expect_parsed(format(Syntax::llama3),
                "<|python_tag|>{\"type\":\"function\",\"name\":\"f\",\"parameters\":{}}; "
                "{\"name\":\"g\",\"parameters\":{}}",
                "call0 f({}).call1 g({}).");
  // A JSON answer is no call, nor is an object in the middle of a text.
  expect_parsed(format(Syntax::llama3), R"({"name": "Bo", "age": 3})",
                R"(content({"name": "Bo", "age": 3}))");
  expect_parsed(format(Syntax::llama3), R"(See {"name": "f", "parameters": {}})",
                R"(content(See {"name": "f", "parameters": {}}))");
  expect_parsed(format(Syntax::llama3), "{", "content({)");
}

TEST(AnswerParser, ReadsCallsWithoutMarksWhenTheToolIsKnown) {
  constexpr std::string_view kTools = R"([{"type":"function","function":{"name":"f"}}])";
  const std::string call = R"({"name": "f", "arguments": {"a": 1}})";
  expect_parsed(format(Syntax::hermes), call, "call0 f({\"a\": 1}).", true, kTools);
  expect_parsed(format(Syntax::none), "```json\n" + call + "\n```", "call0 f({\"a\": 1}).", true,
                kTools);
  expect_parsed(format(Syntax::hermes), "```json\n" + call, "call0 f({\"a\": 1}).", true, kTools);
  const std::string other = "```json\n{\"name\": \"g\", \"arguments\": {}}\n```";
  expect_parsed(format(Syntax::hermes), other, "content(" + other + ")", true, kTools);
  expect_parsed(format(Syntax::hermes), "As " + call, "content(As " + call + ")", true, kTools);
}

TEST(AnswerParser, ReadsMistralCalls) {
  expect_parsed(format(Syntax::mistral),
                "[TOOL_CALLS][{\"name\": \"a\", \"arguments\": {}}, {\"name\": \"b\", "
                "\"arguments\": {\"x\": 1}}]",
                "call0 a({}).call1 b({\"x\": 1}).");
  expect_parsed(format(Syntax::mistral), "[TOOL_CALLS]a[CALL_ID]x1[ARGS]{\"x\": 1}[TOOL_CALLS]b{}",
                "call0 a({\"x\": 1}).call1 b({}).");
  expect_parsed(format(Syntax::mistral), "[TOOL_", "content([TOOL_)");
}

TEST(AnswerParser, ReadsFunctionTags) {
  constexpr std::string_view kTools =
      R"([{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":
         {"n":{"type":"integer"},"s":{"type":"string"},"l":{"type":"array"}}}}}])";
  expect_parsed(
      format(Syntax::xml),
      "Ok.\n<tool_call>\n<function=f>\n<parameter=n>\n12\n</parameter>\n<parameter=s>\n12"
      "\n</parameter>\n<parameter=l>\n[1, \"a\"]\n</parameter>\n</function>\n</tool_call>",
      R"(content(Ok.)call0 f({"n": 12, "s": "12", "l": [1,"a"]}).)", true, kTools);
  expect_parsed(format(Syntax::xml), "<function=g></function>", "call0 g({}).", true, kTools);
  expect_parsed(format(Syntax::xml),
                "<function=g><parameter=x>a\nb <c></parameter></function></tool_call>",
                R"(call0 g({"x": "a\nb <c>"}).)");
  expect_parsed(format(Syntax::xml), "<function>", "content(<function>)");
  // Either form is understood, whichever the template shows.
  expect_parsed(format(Syntax::hermes),
                "<tool_call><function=f><parameter=x>1</parameter></function></tool_call>",
                R"(call0 f({"x": 1}).)");
}

TEST(AnswerParser, BoundsTheWorkOnFalseBeginnings) {
  std::string text;
  for (int i = 0; i < 2000; ++i) text += "<tool_call>{\"x\":\"";
  EXPECT_EQ(parsed(format(Syntax::hermes), text, 50), "content(" + text + ")");
}

TEST(AnswerFormat, IsReadFromTheTemplate) {
  const auto of = [](const char* source, const char* prompt = "") {
    return answer_format_of(ChatTemplate(source), prompt);
  };
  EXPECT_EQ(of("{{ messages }}").tools, Syntax::none);
  EXPECT_TRUE(of("{{ messages }}").think_end.empty());
  EXPECT_EQ(of("{{ tools }}<tool_call></think>").tools, Syntax::hermes);
  EXPECT_EQ(of("<tool_call></think>").tools, Syntax::none);
  EXPECT_EQ(of("{{ tools }}<tool_call><function=a><parameter=b>").tools, Syntax::xml);
  EXPECT_EQ(of("{{ tools }}[TOOL_CALLS]").tools, Syntax::mistral);
  EXPECT_EQ(of("{{ tools }}<|python_tag|>").tools, Syntax::llama3);
  EXPECT_FALSE(of("</think>", "x<think></think>").starts_thinking);
  EXPECT_TRUE(of("</think>", "x<think>\n").starts_thinking);
  EXPECT_EQ(of("</think>", "x<think>\n").think_end, "</think>");
}

JsonScanner::Result scan(std::string_view text) {
  JsonScanner scanner;
  JsonScanner::Result result = JsonScanner::Result::more;
  for (const char c : text) {
    if (result != JsonScanner::Result::more) return JsonScanner::Result::invalid;
    result = scanner.push(c);
  }
  return result;
}

TEST(JsonScanner, KnowsWholeValues) {
  for (const char* text : {"{}", "[]", "\"a\\u00e9\\n\"", " true", "null", "[1,-0.5e+3,{\"a\":[]}]",
                           "\"\\ud83d\\ude00\""}) {
    EXPECT_EQ(scan(text), JsonScanner::Result::done) << text;
  }
  EXPECT_EQ(scan("12 "), JsonScanner::Result::done_before);
}

TEST(JsonScanner, RefusesWhatIsNone) {
  for (const char* text : {"}", "[1,]", "{\"a\"}", "{\"a\":1,}", "1.x", "[01]", "tru3", "\"\n",
                           "[1}", "\"\\x", "\"\\ud83dx", "\"\\ude00", "{1", "--", "\"\\u00g"}) {
    EXPECT_EQ(scan(text), JsonScanner::Result::invalid) << text;
  }
  EXPECT_EQ(scan(std::string(1000, '[')), JsonScanner::Result::invalid);
}

}  // namespace
}  // namespace jielong
