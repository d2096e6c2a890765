// Regular expressions against the answers of Python's re (goldens/regex_cases.json).

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

TEST(Regex, MatchesAsPythonDoes) {
  const std::string path = std::string(JIELONG_TEST_DATA) + "/generate/goldens/regex_cases.json";
  const Json cases = parse_json(read_file(path, 16 << 20), path);
  ASSERT_GT(cases.size(), 50U);
  for (const Json& entry : cases) {
    const auto pattern = entry["pattern"].get<std::string>();
    const auto grammar = Grammar::from_regex(pattern);
    for (const Json& text : entry["accept"]) {
      EXPECT_TRUE(grammar->matches(text.get<std::string>())) << pattern << " on " << text;
    }
    for (const Json& text : entry["reject"]) {
      EXPECT_FALSE(grammar->matches(text.get<std::string>())) << pattern << " on " << text;
    }
  }
}

std::string refusal(const std::string& pattern, ErrorKind kind) {
  return test::refusal_of([](const std::string& text) { Grammar::from_regex(text); }, pattern,
                          kind);
}

TEST(Regex, RefusesWhatIsNotRegularByName) {
  EXPECT_THAT(refusal("(?=a)b", ErrorKind::unsupported), HasSubstr("look-ahead"));
  EXPECT_THAT(refusal("(?<!a)b", ErrorKind::unsupported), HasSubstr("look-behind"));
  EXPECT_THAT(refusal("(a)\\1", ErrorKind::unsupported), HasSubstr("back-reference"));
  EXPECT_THAT(refusal("\\bword", ErrorKind::unsupported), HasSubstr("word boundary"));
  EXPECT_THAT(refusal("a++", ErrorKind::unsupported), HasSubstr("possessive"));
  EXPECT_THAT(refusal("(?>a)", ErrorKind::unsupported), HasSubstr("atomic"));
  EXPECT_THAT(refusal("(?i)a", ErrorKind::unsupported), HasSubstr("flag"));
  EXPECT_THAT(refusal("\\p{L}", ErrorKind::unsupported), HasSubstr("property"));
  EXPECT_THAT(refusal("a^b", ErrorKind::unsupported), HasSubstr("anchor"));
  EXPECT_THAT(refusal("(a$)b", ErrorKind::unsupported), HasSubstr("anchor"));
}

TEST(Regex, RefusesBrokenOnes) {
  for (const char* broken : {"(", "a)", "[a", "*", "a**", "+a", "\\", "[b-a]", "a{2,1}", "\\u12",
                             "\\y", "(?<name", "[\\d-z", "{3}", "\xFF", "[\\uD800]"}) {
    refusal(broken, ErrorKind::bad_input);
  }
}

TEST(Regex, HostileSizesHitALimit) {
  refusal(std::string(60'000, '(') + "a" + std::string(60'000, ')'), ErrorKind::limit);
  refusal("a{1000000}", ErrorKind::limit);
  refusal("((a{1,1000}){1,1000}){1,1000}", ErrorKind::limit);
  // Catastrophic for a matcher that tries one way after another.
  const auto nested = Grammar::from_regex("(a*)*b|(a|aa)+c");
  EXPECT_FALSE(nested->matches(std::string(3000, 'a')));
  EXPECT_TRUE(nested->matches(std::string(3000, 'a') + "c"));
}

}  // namespace
}  // namespace jielong
