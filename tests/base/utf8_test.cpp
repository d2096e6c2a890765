#include "base/utf8.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"

namespace jielong {
namespace {

TEST(Utf8, EveryScalarValueSurvivesTheRoundTrip) {
  for (char32_t value = 0; value <= 0x10FFFF; ++value) {
    if (value >= 0xD800 && value <= 0xDFFF) continue;
    std::string text;
    append_utf8(text, value);
    const CodePoint point = decode_utf8(text);
    ASSERT_TRUE(point.valid);
    ASSERT_EQ(point.value, value);
    ASSERT_EQ(point.length, text.size());
  }
}

TEST(Utf8, MalformedSequencesAreOneInvalidByte) {
  const std::vector<std::string> malformed = {
      "\x80",              // continuation without a lead
      "\xC0\xAF",          // overlong '/'
      "\xC1\xBF",          // overlong
      "\xE0\x80\xAF",      // overlong
      "\xE0\x9F\xBF",      // overlong
      "\xED\xA0\x80",      // surrogate
      "\xED\xBF\xBF",      // surrogate
      "\xF0\x8F\xBF\xBF",  // overlong
      "\xF4\x90\x80\x80",  // beyond U+10FFFF
      "\xF5\x80\x80\x80",  // no such lead
      "\xFF",              // no such lead
      "\xC3",              // cut off
      "\xE6\x8E",          // cut off
      "\xF0\x9F\x98",      // cut off
      "\xC3(",             // lead without continuation
      "\xE6\x8E(",         // third byte is no continuation
      "\xF0\x9F\x98(",     // fourth byte is no continuation
  };
  for (const auto& text : malformed) {
    const CodePoint point = decode_utf8(text);
    EXPECT_FALSE(point.valid) << testing::PrintToString(text);
    EXPECT_EQ(point.length, 1);
    EXPECT_EQ(point.value, U'\uFFFD');
    EXPECT_FALSE(is_valid_utf8("abc" + text));
  }
  EXPECT_TRUE(is_valid_utf8(""));
  EXPECT_TRUE(is_valid_utf8("接龍 🐉 naïve"));
}

TEST(Utf8, CompletePrefixStopsBeforeACutCharacter) {
  const std::string text = "aé接🐉";
  // The ends of whole characters.
  const std::vector<std::size_t> ends = {0, 1, 3, 6, 10};
  for (std::size_t size = 0; size <= text.size(); ++size) {
    std::size_t expected = 0;
    for (const std::size_t end : ends) {
      if (end <= size) expected = end;
    }
    EXPECT_EQ(complete_utf8_prefix(std::string_view(text).substr(0, size)), expected) << size;
  }
}

TEST(Utf8, CompletePrefixDoesNotWaitForTheImpossible) {
  for (const std::string text :
       {"\x80", "a\x80\x80\x80\x80", "\xED\xA0", "\xF4\x90", "\xC0", "\xFF", "\xE0\x80", "\xC3("}) {
    EXPECT_EQ(complete_utf8_prefix(text), text.size()) << testing::PrintToString(text);
  }
}

TEST(Utf8, SanitizedTextIsAlwaysValid) {
  EXPECT_EQ(sanitize_utf8("a\xFF接\xE6"), "a\uFFFD接\uFFFD");
  Rng rng(3);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes;
    for (auto left = rng() % 20; left > 0; --left) bytes += static_cast<char>(rng());
    EXPECT_TRUE(is_valid_utf8(sanitize_utf8(bytes)));
    if (is_valid_utf8(bytes)) {
      EXPECT_EQ(sanitize_utf8(bytes), bytes);
    }
  }
}

TEST(Utf8, PiecesOfAStreamAddUpToTheText) {
  const std::string text = "接龍：everything is tokens 🐉🐲 — naïve café";
  Rng rng(5);
  for (int round = 0; round < 200; ++round) {
    std::string pending, out;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t size = 1 + rng() % 4;
      pending += text.substr(at, size);
      at += size;
      const std::size_t whole = complete_utf8_prefix(pending);
      ASSERT_TRUE(is_valid_utf8(pending.substr(0, whole)));
      out += pending.substr(0, whole);
      pending.erase(0, whole);
    }
    EXPECT_EQ(out + pending, text);
  }
}

}  // namespace
}  // namespace jielong
