#include "token/scanners.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/utf8.h"
#include "token/regex.h"
#include "token/support.h"
#include "token/unicode.h"

namespace jielong {
namespace {

using Cuts = std::vector<std::string>;

Cuts by_regex(const Regex& regex, std::string_view text) {
  std::vector<TextRange> matches;
  regex.find_all(text, matches);
  Cuts words;
  std::uint32_t at = 0;
  for (const TextRange& match : matches) {
    if (match.begin > at) words.emplace_back(text.substr(at, match.begin - at));
    words.emplace_back(text.substr(match.begin, match.end - match.begin));
    at = match.end;
  }
  if (at < text.size()) words.emplace_back(text.substr(at));
  return words;
}

Cuts by_scanner(Scanner scanner, std::string_view text) {
  std::vector<TextRange> ranges;
  scanner(text, {0, static_cast<std::uint32_t>(text.size())}, ranges);
  Cuts words;
  std::uint32_t at = 0;
  for (const TextRange& range : ranges) {
    EXPECT_EQ(range.begin, at);
    words.emplace_back(text.substr(range.begin, range.end - range.begin));
    at = range.end;
  }
  EXPECT_EQ(at, text.size());
  return words;
}

/// The classes of PCRE2 and utf8proc come from different Unicode versions: only characters
/// that both put into the same class are compared.
std::string agreed_text(std::string text) {
  static const Regex letters(R"(\p{L}+)"), numbers(R"(\p{N}+)");
  std::string out;
  for (std::string_view rest = text; !rest.empty();) {
    const CodePoint point = decode_utf8(rest);
    const std::string_view one = rest.substr(0, point.length);
    std::vector<TextRange> found;
    letters.find_all(one, found);
    const bool letter = !found.empty();
    found.clear();
    numbers.find_all(one, found);
    const bool number = !found.empty();
    if (letter == unicode::is_letter(point.value) && number == unicode::is_number(point.value)) {
      out += one;
    }
    rest.remove_prefix(point.length);
  }
  return out;
}

class ScannerTest : public ::testing::TestWithParam<std::string_view> {};

TEST_P(ScannerTest, CutsLikeItsRegularExpression) {
  const Scanner scanner = find_scanner(GetParam());
  ASSERT_NE(scanner, nullptr);
  const Regex regex(GetParam());
  for (const std::string& line : testing::golden_lines()) {
    const std::string text = agreed_text(line);
    ASSERT_EQ(by_scanner(scanner, text), by_regex(regex, text)) << text;
  }
  // Short texts of the characters that the rules speak of, in every order.
  const std::string_view alphabet[] = {"'", "s", "S",  "l",  "L",      "r",      "e",
                                       "ſ", " ", "\n", "\r", "\t",     "7",      "²",
                                       "!", "/", "é",  "語", "\u0301", "\u3000", "v"};
  std::uint64_t state = 1;
  for (int i = 0; i < 20000; ++i) {
    std::string text;
    for (int k = 0; k < 7; ++k) {
      state = state * 6364136223846793005ULL + 1442695040888963407ULL;
      text += alphabet[(state >> 33) % std::size(alphabet)];
    }
    ASSERT_EQ(by_scanner(scanner, text), by_regex(regex, text)) << text;
  }
}

TEST_P(ScannerTest, CoversMalformedBytes) {
  const Scanner scanner = find_scanner(GetParam());
  for (const char* text : {"\xFF", "a\x80 b", "\xE4\xB8", " \xF0\x9F\x98", "'\xC5", "1\xFE 2"}) {
    by_scanner(scanner, text);
  }
}

INSTANTIATE_TEST_SUITE_P(Token, ScannerTest,
                         ::testing::Values(patterns::kGpt2, patterns::kLlama3, patterns::kQwen2));

TEST(Scanners, HaveNoneForOtherPatterns) {
  EXPECT_EQ(find_scanner(R"(\w+)"), nullptr);
  EXPECT_EQ(find_scanner(patterns::kTekken), nullptr);
}

}  // namespace
}  // namespace jielong
