// GBNF: what is read, what is refused, and that a grammar accepts exactly its texts.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "generate/constraint/grammar.h"
#include "generate/constraint/refusal.h"

namespace jielong {
namespace {

using testing::HasSubstr;

bool matches(const char* grammar, std::string_view text) {
  return Grammar::from_gbnf(grammar)->matches(text);
}

std::string refusal(const std::string& grammar, ErrorKind kind) {
  return test::refusal_of([](const std::string& text) { Grammar::from_gbnf(text); }, grammar, kind);
}

TEST(Gbnf, MatchesAsAnEarleyParserDoes) {
  const std::string path = std::string(JIELONG_TEST_DATA) + "/generate/goldens/gbnf_cases.json";
  const Json cases = parse_json(read_file(path, 1 << 20), path);
  ASSERT_GT(cases.size(), 5U);
  for (const Json& entry : cases) {
    const auto source = entry["grammar"].get<std::string>();
    const auto grammar = Grammar::from_gbnf(source);
    for (const Json& text : entry["accept"]) {
      EXPECT_TRUE(grammar->matches(text.get<std::string>())) << source << " on " << text;
    }
    for (const Json& text : entry["reject"]) {
      EXPECT_FALSE(grammar->matches(text.get<std::string>())) << source << " on " << text;
    }
  }
}

TEST(Gbnf, LiteralsAndEscapes) {
  const char* grammar = R"(root ::= "a\"\\\n\t\x41\u4e2d\U0001F600")";
  EXPECT_TRUE(matches(grammar, "a\"\\\n\tA中😀"));
  EXPECT_FALSE(matches(grammar, "a\"\\\n\tA中"));
  EXPECT_TRUE(matches("root ::= \"\"", ""));
  EXPECT_FALSE(matches("root ::= \"\"", "a"));
}

TEST(Gbnf, ClassesAreOfCodePoints) {
  EXPECT_TRUE(matches("root ::= [a-cx]", "b"));
  EXPECT_TRUE(matches("root ::= [a-cx]", "x"));
  EXPECT_FALSE(matches("root ::= [a-cx]", "d"));
  EXPECT_TRUE(matches("root ::= [^a]", "é"));
  EXPECT_TRUE(matches("root ::= [^a]", "😀"));
  EXPECT_FALSE(matches("root ::= [^a]", "a"));
  EXPECT_FALSE(matches("root ::= [^a]", "\xC3"));
  EXPECT_FALSE(matches("root ::= [^a]", "\xED\xA0\x80"));  // a surrogate
  EXPECT_TRUE(matches("root ::= [\\u4E00-\\u9FFF]+", "中文"));
  EXPECT_FALSE(matches("root ::= [\\u4E00-\\u9FFF]+", "中あ"));
  EXPECT_TRUE(matches("root ::= [\\]\\\\-]+", "]-\\"));
  EXPECT_TRUE(matches("root ::= .", "\xF0\x9F\x98\x80"));
  EXPECT_FALSE(matches("root ::= .", "ab"));
}

TEST(Gbnf, Repetition) {
  EXPECT_TRUE(matches("root ::= \"ab\"*", "ababab"));
  EXPECT_TRUE(matches("root ::= \"ab\"*", ""));
  EXPECT_FALSE(matches("root ::= \"ab\"+", ""));
  EXPECT_FALSE(matches("root ::= \"ab\"?", "abab"));
  for (int n = 0; n < 8; ++n) {
    const std::string text(static_cast<std::size_t>(n), 'x');
    EXPECT_EQ(matches("root ::= \"x\"{3}", text), n == 3) << n;
    EXPECT_EQ(matches("root ::= \"x\"{2,}", text), n >= 2) << n;
    EXPECT_EQ(matches("root ::= \"x\"{2,5}", text), n >= 2 && n <= 5) << n;
    EXPECT_EQ(matches("root ::= \"x\"{0,2}", text), n <= 2) << n;
    EXPECT_EQ(matches("root ::= (\"x\"?){0,3}", text), n <= 3) << n;
    EXPECT_EQ(matches("root ::= (\"x\"*)*", text), true) << n;
  }
}

TEST(Gbnf, RulesGroupsCommentsAndLines) {
  const char* grammar = R"gbnf(# arithmetic
root  ::= expr   # the whole
expr  ::= term (
    [-+] # an operator
    term
  )*
term  ::= number |
          "(" expr ")"
number ::= [0-9]+
)gbnf";
  EXPECT_TRUE(matches(grammar, "1+2-(3+44)"));
  EXPECT_TRUE(matches(grammar, "((((7))))"));
  EXPECT_FALSE(matches(grammar, "((((7)))"));
  EXPECT_FALSE(matches(grammar, "1++2"));
  EXPECT_TRUE(matches("root ::= a\r\na ::= \"x\"\r\n", "x"));
}

TEST(Gbnf, RecursionAndAmbiguity) {
  // Palindromes, and a's before as many b's or c's: every reading stays alive until its end.
  const char* palindrome = R"(root ::= "a" root "a" | "b" root "b" | [ab]?)";
  EXPECT_TRUE(matches(palindrome, "abbabba"));
  EXPECT_FALSE(matches(palindrome, "abbabab"));
  const char* pairs = R"(root ::= "a" root "b" | "a" root "c" | "")";
  std::string text(300, 'a');
  for (int i = 0; i < 300; ++i) text += i % 3 == 0 ? 'c' : 'b';
  EXPECT_TRUE(matches(pairs, text));
  EXPECT_FALSE(matches(pairs, text + "b"));
  EXPECT_FALSE(matches(pairs, text.substr(1)));
  // Empty rules in the middle, and one that only calls.
  EXPECT_TRUE(matches("root ::= e e \"x\" e root2\ne ::= \"\" | \"e\"\nroot2 ::= e e", "exee"));
}

TEST(Gbnf, RightRecursionNeedsNoStack) {
  std::string text(5000, 'x');
  EXPECT_TRUE(matches("root ::= \"x\" root | \"\"", text));
}

TEST(Gbnf, RefusesWhatIsNoGrammar) {
  EXPECT_THAT(refusal("", ErrorKind::bad_input), HasSubstr("root"));
  EXPECT_THAT(refusal("root ::= missing", ErrorKind::bad_input), HasSubstr("missing"));
  EXPECT_THAT(refusal("a ::= \"x\"", ErrorKind::bad_input), HasSubstr("root"));
  EXPECT_THAT(refusal("root ::= \"x", ErrorKind::bad_input), HasSubstr("line 1"));
  EXPECT_THAT(refusal("root ::= \"x\"\nroot ::= \"y\"", ErrorKind::bad_input),
              HasSubstr("line 2, column 1"));
  for (const char* broken :
       {"root ::= (", "root ::= \"x\")", "root ::= [a", "root ::= [b-a]", "root ::= *",
        "root ::= \"x\"{", "root ::= \"x\"{2,1}", "root ::= \"\\q\"", "root ::= \"\\x4\"",
        "root ::= \"\\uD800\"", "root :: \"x\"", "root ::= \"\xFF\"", "::= \"x\"", "root"}) {
    refusal(broken, ErrorKind::bad_input);
  }
  EXPECT_THAT(refusal("root ::= <[7]>", ErrorKind::unsupported), HasSubstr("token"));
}

TEST(Gbnf, NamesLeftRecursion) {
  EXPECT_THAT(refusal("root ::= root \"x\" | \"y\"", ErrorKind::bad_input),
              HasSubstr("root → root"));
  EXPECT_THAT(
      refusal("root ::= a\na ::= e b\nb ::= a \"x\" | \"y\"\ne ::= \"e\"?", ErrorKind::bad_input),
      HasSubstr("a → b → a"));
}

TEST(Gbnf, RefusesWhatNothingMatches) {
  refusal("root ::= \"x\" root", ErrorKind::bad_input);
  refusal("root ::= []", ErrorKind::bad_input);
  // What cannot be completed is not begun.
  EXPECT_TRUE(matches("root ::= \"a\" | \"b\" endless\nendless ::= \"c\" endless", "a"));
}

TEST(Gbnf, HostileSizesHitALimit) {
  // The 60,000 nested groups that overflowed a peer's stack, and other explosions.
  refusal("root ::= " + std::string(60'000, '(') + "\"x\"" + std::string(60'000, ')'),
          ErrorKind::limit);
  refusal("root ::= " + std::string(60'000, '('), ErrorKind::limit);
  refusal("root ::= \"x\"" + std::string(60'000, '*'), ErrorKind::limit);
  refusal("root ::= \"x\"{0,1000000}", ErrorKind::limit);
  refusal("root ::= \"x\"{99999999999999999999}", ErrorKind::limit);
  refusal("root ::= ((((\"x\"{0,1000}){0,1000}){0,1000}){0,1000}){0,1000}", ErrorKind::limit);
  refusal("root ::= ((\"x\"?){0,20000})", ErrorKind::limit);
  refusal("root ::= \"" + std::string(2 << 20, 'x') + "\"", ErrorKind::limit);
  std::string chain = "root ::= r0\n";
  for (int i = 0; i < 30'000; ++i) {
    chain += "r" + std::to_string(i) + " ::= r" + std::to_string(i + 1) + "\n";
  }
  refusal(chain + "r30000 ::= \"x\"", ErrorKind::limit);
}

TEST(Gbnf, LongChainsOfRulesAreFine) {
  std::string chain = "root ::= r0\n";
  for (int i = 0; i < 900; ++i) {
    chain += "r" + std::to_string(i) + " ::= \"(\" r" + std::to_string(i + 1) + " \")\" | \"x\"\n";
  }
  const auto grammar = Grammar::from_gbnf(chain + "r900 ::= \"y\"");
  EXPECT_TRUE(grammar->matches(std::string(900, '(') + "y" + std::string(900, ')')));
  EXPECT_TRUE(grammar->matches(std::string(10, '(') + "x" + std::string(10, ')')));
}

TEST(Gbnf, DeepTextsHitTheStackLimit) {
  const auto grammar = Grammar::from_gbnf("root ::= \"(\" root \")\" | \"x\"");
  EXPECT_TRUE(grammar->matches(std::string(900, '(') + "x" + std::string(900, ')')));
  EXPECT_THROW(grammar->matches(std::string(5000, '(')), Error);
}

TEST(Gbnf, GrammarsOfGrammars) {
  const auto list =
      Grammar::sequence({Grammar::literal("<"), Grammar::repeat(Grammar::from_regex("[ab]"), 1, 3),
                         Grammar::alternatives({Grammar::literal(">"), Grammar::literal("/>")})});
  EXPECT_TRUE(list->matches("<ab>"));
  EXPECT_TRUE(list->matches("<bbb/>"));
  EXPECT_FALSE(list->matches("<>"));
  EXPECT_FALSE(list->matches("<bbbb>"));
  EXPECT_EQ(list->name(), "regex");
}

}  // namespace
}  // namespace jielong
