// Masks against brute force: a token is allowed exactly when its bytes are.

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "generate/constraint/grammar.h"
#include "generate/constraint/walk.h"

namespace jielong {
namespace {

struct Sample {
  const char* kind;
  const char* source;
};

const std::vector<Sample>& samples() {
  static const std::vector<Sample> all = {
      {"gbnf", "root ::= (\"a\" | \"ab\")* [^x]{2,4} \"中文\"?"},
      {"gbnf", "root ::= \"(\" root \")\" root | [a-c]*"},
      {"gbnf", "root ::= \"a\" root \"a\" | \"b\" root \"b\" | [ab]?"},
      {"gbnf", "root ::= item (\", \" item){0,60}\nitem ::= \"\\\"\" [^\"]{3,90} \"\\\"\""},
      {"regex", "([a-z]{2,40}|[0-9-]{30,}|\"(ab)*\") ?(é|中.)*"},
      {"json", ""},
      {"json-schema", R"({"type":"object","properties":{"name":{"type":"string"},"id":{"type":
        "integer","minimum":-12,"maximum":2040},"tags":{"type":"array","items":{"enum":["foo",
        "bar",null,1.5]},"maxItems":3},"value":{"$ref":"#"}},"required":["id"]})"},
      {"json-schema", R"({"anyOf":[{"type":"string","pattern":"^a+b"},{"type":"string","maxLength":
        50},{"type":"number","minimum":0.25},{"type":"array","minItems":2}]})"},
      {"json-schema", R"({"type":"object","properties":{"a":{"type":"string","format":"date"}},
        "patternProperties":{"^b":{"type":"boolean"}},"additionalProperties":{"type":"null"},
        "maxProperties":4})"}};
  return all;
}

TEST(TokenMask, IsWhatTheTextAllows) {
  Token end = 0;
  const auto trie = small_vocabulary(&end);
  GrammarCache cache;
  Rng rng(5);
  for (const Sample& sample : samples()) {
    const MakeConstraint make = constrain(cache.get(sample.kind, sample.source), trie);
    for (int walk = 0; walk < 4; ++walk) {
      const auto constraint = make();
      for (int step = 0; step < 40; ++step) {
        const auto mask = constraint->allowed();
        std::vector<Token> choices;
        for (Token token = 0; token < trie->vocabulary(); ++token) {
          const bool allowed = is_set(mask, token);
          if (token == end) {
            ASSERT_EQ(allowed, constraint->may_end());
            continue;
          }
          ASSERT_EQ(allowed, constraint->clone()->accept_text(trie->bytes(token)))
              << sample.source << " token " << trie->bytes(token) << " in step " << step;
          if (allowed) choices.push_back(token);
        }
        ASSERT_EQ(constraint->must_end(), choices.empty());
        if (choices.empty()) break;
        // Long tokens reach further states in as many steps.
        const Token a = choices[rng() % choices.size()], b = choices[rng() % choices.size()];
        constraint->accept(trie->bytes(a).size() > trie->bytes(b).size() ? a : b);
      }
    }
  }
}

TEST(TokenMask, WalksEndInTextsOfTheGrammar) {
  const auto trie = small_vocabulary();
  GrammarCache cache;
  Rng rng(11);
  for (const Sample& sample : samples()) {
    const auto grammar = cache.get(sample.kind, sample.source);
    const MakeConstraint make = constrain(grammar, trie);
    int finished = 0;
    for (int walk = 0; walk < 15; ++walk) {
      const auto text = random_walk(make, *trie, rng);
      if (!text) continue;
      ++finished;
      EXPECT_TRUE(grammar->matches(*text)) << sample.source << "\n" << *text;
    }
    EXPECT_GT(finished, 0) << sample.source;
  }
}

TEST(TokenMask, HalfCharactersAreTokensToo) {
  const auto trie = TokenTrie::of_pieces({"\xE4", "\xB8", "\xAD", "\xE4\xB8", "\xAD\xE4", "a"}, {});
  const auto constraint = constrain(Grammar::from_regex("中中"), trie)();
  EXPECT_TRUE(is_set(constraint->allowed(), 0));
  EXPECT_TRUE(is_set(constraint->allowed(), 3));
  EXPECT_FALSE(is_set(constraint->allowed(), 1));
  EXPECT_FALSE(is_set(constraint->allowed(), 5));
  constraint->accept(3);
  EXPECT_TRUE(is_set(constraint->allowed(), 4));
  constraint->accept(4);
  constraint->accept(1);
  constraint->accept(2);
  EXPECT_TRUE(constraint->must_end());
}

TEST(TokenMask, ForbidsWhatIsNoText) {
  const auto trie = TokenTrie::of_pieces({"a", "", "b", ""}, {3});
  const auto constraint = constrain(Grammar::from_regex("[ab]*"), trie)();
  const auto mask = constraint->allowed();
  EXPECT_TRUE(is_set(mask, 0));
  EXPECT_FALSE(is_set(mask, 1));
  EXPECT_TRUE(is_set(mask, 3));
  EXPECT_THROW(constraint->accept(1), Error);
}

TEST(TokenMask, AVocabularyWithoutTheNextCharacterIsAnError) {
  const auto trie = TokenTrie::of_pieces({"a", ""}, {1});
  const auto constraint = constrain(Grammar::from_regex("ab"), trie)();
  constraint->accept(0);
  try {
    constraint->allowed();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unsupported);
  }
}

TEST(TokenMask, StaysRightWhenAnAutomatonIsOutgrown) {
  // Each depth of nesting is a state of its own: long texts make chains move on.
  const auto trie = small_vocabulary();
  const auto grammar = Grammar::from_gbnf(
      "root ::= (\"(\" root \")\" | \"[\" root \"]\" | \"{\" root \"}\") root | \"\"");
  const MakeConstraint make = constrain(grammar, trie);
  const auto constraint = make();
  const std::string open = "([{", close = ")]}";
  Rng rng(3);
  std::string stack;
  for (int step = 0; step < 60'000; ++step) {
    if (!stack.empty() && (stack.size() > 200 || rng() % 2 == 0)) {
      ASSERT_FALSE(constraint->accept_text(std::string(1, stack.back() == ')' ? ']' : ')')));
      ASSERT_TRUE(constraint->accept_text(std::string(1, stack.back())));
      stack.pop_back();
    } else {
      const std::size_t kind = rng() % 3;
      ASSERT_TRUE(constraint->accept_text(std::string(1, open[kind])));
      stack += close[kind];
    }
    ASSERT_EQ(constraint->may_end(), stack.empty());
  }
}

TEST(TokenMask, IsSharedBetweenThreads) {
  const auto trie = small_vocabulary();
  const auto grammar = Grammar::from_json();
  const MakeConstraint make = constrain(grammar, trie);
  std::vector<std::thread> threads;
  std::vector<std::string> texts(4);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    threads.emplace_back([&, i] {
      Rng rng(21);  // the same dice: the same text, whoever computes the masks
      for (int walk = 0; walk < 5; ++walk) {
        texts[i] += random_walk(make, *trie, rng, 60).value_or("?") + "\n";
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& text : texts) EXPECT_EQ(text, texts.front());
}

TEST(AfterTrigger, BindsBehindTheTrigger) {
  Token end = 0;
  const auto trie = small_vocabulary(&end);
  const MakeConstraint make =
      after_trigger({"<t>", "call:"}, constrain(Grammar::from_regex("foo|ab+"), trie), trie);
  const auto constraint = make();
  EXPECT_TRUE(constraint->may_end());
  EXPECT_TRUE(is_set(constraint->allowed(), end));
  EXPECT_TRUE(is_set(constraint->allowed(), 'x'));
  for (const char c : std::string("say <<t")) constraint->accept(static_cast<Token>(c));
  EXPECT_TRUE(is_set(constraint->allowed(), 'x'));
  const auto other = constraint->clone();
  constraint->accept('>');
  EXPECT_FALSE(is_set(constraint->allowed(), 'x'));
  EXPECT_FALSE(is_set(constraint->allowed(), end));
  EXPECT_TRUE(is_set(constraint->allowed(), 'f'));
  EXPECT_TRUE(constraint->accept_text("abb"));
  EXPECT_TRUE(constraint->may_end());
  EXPECT_FALSE(constraint->must_end());
  // The copy still sleeps.
  EXPECT_TRUE(is_set(other->allowed(), 'x'));
  EXPECT_TRUE(other->accept_text("x call:foo"));
  EXPECT_TRUE(other->must_end());
}

TEST(AfterTrigger, LooksBehindTheTriggerInsideOneToken) {
  const auto trie = TokenTrie::of_pieces({"<t>", "<t>a", "<t>x", ">a", ">x", "<t", "y"}, {});
  const MakeConstraint make =
      after_trigger({"<t>"}, constrain(Grammar::from_regex("a+"), trie), trie);
  const auto constraint = make();
  EXPECT_TRUE(is_set(constraint->allowed(), 0));
  EXPECT_TRUE(is_set(constraint->allowed(), 1));
  EXPECT_FALSE(is_set(constraint->allowed(), 2));
  EXPECT_TRUE(is_set(constraint->allowed(), 4));  // not behind "<t"
  constraint->accept(5);
  EXPECT_TRUE(is_set(constraint->allowed(), 3));
  EXPECT_FALSE(is_set(constraint->allowed(), 4));
  EXPECT_THROW(constraint->clone()->accept(4), Error);
  constraint->accept(3);
  EXPECT_TRUE(constraint->may_end());
}

TEST(Continuing, StartsInTheMiddle) {
  const auto trie = small_vocabulary();
  const MakeConstraint make = constrain(Grammar::from_regex("abc"), trie);
  const auto constraint = continuing(make, "ab")();
  EXPECT_FALSE(is_set(constraint->allowed(), 'a'));
  EXPECT_TRUE(is_set(constraint->allowed(), 'c'));
  EXPECT_THROW(continuing(make, "b"), Error);
}

}  // namespace
}  // namespace jielong
