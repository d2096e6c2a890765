#include "serve/request_fields.h"

#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

namespace jielong::serve {
namespace {

OrderedJson json(const char* text) { return parse_ordered_json(text, "test"); }

Error error_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return error;
  }
  return Error(ErrorKind::internal, "no error");
}

TEST(RequestFields, ReadsEveryType) {
  const OrderedJson body = json(
      R"({"b":true,"n":0.5,"i":3,"t":"x","c":"two","o":{},"l":[1],"one":"s","many":["a","b"],
          "null":null})");
  RequestFields fields(body);
  EXPECT_EQ(fields.boolean("b"), true);
  EXPECT_EQ(fields.number("n", 0, 1), 0.5);
  EXPECT_EQ(fields.number("i", 0, 5), 3);
  EXPECT_EQ(fields.integer("i", 0, 5), 3);
  EXPECT_EQ(fields.text("t"), "x");
  EXPECT_EQ(fields.choice("c", {"one", "two"}), 1U);
  EXPECT_NE(fields.object("o"), nullptr);
  EXPECT_NE(fields.list("l"), nullptr);
  EXPECT_EQ(fields.texts("one", 2), std::vector<std::string>{"s"});
  EXPECT_EQ(fields.texts("many", 2), (std::vector<std::string>{"a", "b"}));
  EXPECT_FALSE(fields.has("null"));
  EXPECT_FALSE(fields.text("missing"));
  fields.finish();
}

TEST(RequestFields, NamesWhatHasTheWrongTypeOrRange) {
  const OrderedJson body = json(
      R"({"b":1,"n":"x","i":1.5,"big":18446744073709551615,"t":[],"c":"three","l":{},"s":[1]})");
  RequestFields fields(body, "outer");
  EXPECT_EQ(error_of([&] { fields.boolean("b"); }).where(), "outer.b");
  EXPECT_EQ(error_of([&] { fields.number("n", 0, 1); }).where(), "outer.n");
  EXPECT_EQ(error_of([&] { fields.integer("i", 0, 9); }).problem(),
            "must be a whole number between 0 and 9, not 1.5");
  EXPECT_EQ(error_of([&] { fields.integer("big", 0, 9); }).where(), "outer.big");
  EXPECT_EQ(error_of([&] { fields.integer("b", 2, 9); }).where(), "outer.b");
  EXPECT_EQ(error_of([&] { fields.text("t"); }).problem(), "must be a text, not a list");
  EXPECT_EQ(error_of([&] {
              fields.choice("c", {"one", "two"});
            }).problem(),
            "must be one of \"one\", \"two\", not the text \"three\"");
  EXPECT_EQ(error_of([&] { fields.list("l"); }).where(), "outer.l");
  EXPECT_EQ(error_of([&] { fields.texts("s", 3); }).where(), "outer.s[0]");
  EXPECT_EQ(error_of([] { RequestFields(json("[]")); }).where(), "request body");
}

TEST(RequestFields, BoundsTextsAndLists) {
  const OrderedJson body = json(R"({"t":"abc","l":[1,2,3],"s":["abc"]})");
  RequestFields fields(body);
  EXPECT_EQ(error_of([&] { fields.text("t", 2); }).kind(), ErrorKind::limit);
  EXPECT_EQ(error_of([&] { fields.list("l", 2); }).kind(), ErrorKind::limit);
  EXPECT_EQ(error_of([&] { fields.texts("s", 1, 2); }).kind(), ErrorKind::limit);
  EXPECT_EQ(error_of([&] { fields.texts("l", 2); }).kind(), ErrorKind::limit);
}

TEST(RequestFields, RefusesWhatNobodyDeclared) {
  const OrderedJson body = json(R"({"temprature":1,"user":3})");
  RequestFields fields(body);
  fields.number("temperature", 0, 2);
  fields.ignore({"user"});
  const Error error = error_of([&] { fields.finish(); });
  EXPECT_EQ(error.where(), "temprature");
  EXPECT_EQ(error.fix(), "did you mean \"temperature\"?");
  const OrderedJson odd = json("{\"a\\nb\":1}");
  EXPECT_EQ(error_of([&] { RequestFields(odd).finish(); }).where(), "a?b");
}

TEST(RequestFields, RefusesWithAReasonUnlessHarmless) {
  const OrderedJson body = json(R"({"store":false,"audio":{}})");
  RequestFields fields(body);
  fields.refuse("store", "nothing is kept", false);
  EXPECT_EQ(error_of([&] { fields.refuse("store", "nothing is kept", true); }).kind(),
            ErrorKind::unsupported);
  const Error error = error_of([&] { fields.refuse("audio", "only text"); });
  EXPECT_EQ(error.where(), "audio");
  EXPECT_EQ(error.problem(), "is not supported: only text");
}

}  // namespace
}  // namespace jielong::serve
