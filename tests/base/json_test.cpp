#include "base/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "base/error.h"

namespace jielong {
namespace {

using testing::HasSubstr;

std::string complaint(const std::string& text, std::size_t depth = 128) {
  try {
    parse_json(text, "config.json", depth);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::bad_input);
    return error.what();
  }
  return {};
}

TEST(Json, ParsesValues) {
  const Json json = parse_json(R"({"a": [1, -2.5, true, null, "接龍"]})", "test");
  EXPECT_EQ(json["a"].size(), 5U);
  EXPECT_EQ(json["a"][4], "接龍");
}

TEST(Json, NamesThePlaceOfAFault) {
  EXPECT_THAT(complaint(R"({"a": 1,})"), HasSubstr("config.json, byte 9: is not valid JSON"));
  EXPECT_THAT(complaint(""), HasSubstr("is not valid JSON"));
  EXPECT_THAT(complaint("{\"a\": \"\xFF\"}"), HasSubstr("is not valid JSON"));
  EXPECT_THAT(complaint("[1] [2]"), HasSubstr("is not valid JSON"));
}

TEST(Json, RefusesNumbersOutOfRange) {
  EXPECT_THAT(complaint("[1e999]"), HasSubstr("too large"));
  EXPECT_EQ(complaint("[1e300]"), "");
}

TEST(Json, BoundsDepthBeforeParsing) {
  EXPECT_EQ(complaint("[[[1]]]", 3), "");
  EXPECT_THAT(complaint("[[[[1]]]]", 3),
              HasSubstr("config.json, byte 3: JSON nests deeper than 3"));
  EXPECT_THAT(complaint(std::string(1'000'000, '[')), HasSubstr("nests deeper than 128"));
  // Only open brackets count, and those in strings do not.
  EXPECT_EQ(complaint("[[],[],[],[]]", 2), "");
  EXPECT_EQ(complaint(R"(["[[[[", "\"[[[[", "\\"])", 1), "");
}

}  // namespace
}  // namespace jielong
