// JSON Schema: texts that a schema accepts in our form, texts that it does not, and refusals. The
// official suite and random walks are judged by the two tests next to this one.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/error.h"
#include "generate/constraint/grammar.h"
#include "generate/constraint/refusal.h"

namespace jielong {
namespace {

using testing::HasSubstr;

void check(const std::string& schema, const std::vector<std::string>& accepted,
           const std::vector<std::string>& refused) {
  const auto grammar = Grammar::from_json_schema(schema);
  for (const std::string& text : accepted) EXPECT_TRUE(grammar->matches(text)) << schema << text;
  for (const std::string& text : refused) EXPECT_FALSE(grammar->matches(text)) << schema << text;
}

std::string refusal(const std::string& schema, ErrorKind kind) {
  return test::refusal_of([](const std::string& text) { Grammar::from_json_schema(text); }, schema,
                          kind);
}

TEST(JsonSchema, Types) {
  check(R"({"type":"null"})", {"null"}, {"false", "\"null\"", ""});
  check(R"({"type":["boolean","integer"]})", {"true", "-12", "0"}, {"1.5", "null", "01", "+1"});
  check(R"({"type":"number"})", {"0", "-1.25", "6e23", "1E-7"}, {"1.", ".5", "1e", "0x1", "NaN"});
  check(R"({"type":"string"})", {R"("")", R"("a\n\u00e9\ud83d\ude00 é中")"},
        {"\"a", "\"\n\"", R"("\x")", R"("\ud83d")", "\"\xFF\"", "'a'"});
  check(R"({})", {"{}", "[1, [2,{\"a\": null}]]", "\"x\""}, {"{\"a\":}", "[1,]", "  {}"});
}

TEST(JsonSchema, ObjectsInTheSchemasOrder) {
  const char* schema = R"({"type":"object","properties":{"a":{"type":"integer"},
      "b":{"type":"string"},"c":{"type":"null"}},"required":["b"]})";
  check(schema,
        {R"({"a":1,"b":"x","c":null})", R"({"b":"x"})", R"({ "a": 1, "b": "x" })",
         R"({"b": "", "c":null})"},
        {R"({})", R"({"a":1})", R"({"b":"x","a":1})", R"({"b":"x","d":1})", R"({"a":"1","b":"x"})",
         R"({"b":"x","c":null,})", R"({"b" :"x"})", R"({"b":"x"  })", R"({,"b":"x"})",
         R"({"b":"x","b":"y"})"});
  check(R"({"type":"object","properties":{"a":{"type":"null"}},
      "additionalProperties":{"type":"integer"}})",
        {"{}", R"({"a":null,"b":1,"ab":2})", R"({"b":1})", R"({"":1})", R"({"\"":1})"},
        {R"({"a":1})", R"({"b":1,"a":1})", R"({"b":null})", R"({"b":1,"a":null})",
         R"({"\u0061":1})"});
  check(R"({"required":["x"],"properties":{"y":{"type":"null"}}})",
        {R"({"y":null,"x":[1]})", R"({"x":1})", "3", "[]"}, {"{}", R"({"y":null})"});
  check(R"({"type":"object","minProperties":2,"maxProperties":3,
      "properties":{"a":{},"b":{},"c":{},"d":{}}})",
        {R"({"a":1,"b":2})", R"({"b":1,"c":2,"d":3})"},
        {R"({"a":1})", R"({"a":1,"b":2,"c":3,"d":4})", "{}"});
  check(R"({"type":"object","patternProperties":{"^n_":{"type":"integer"},"_s$":{"minimum":5}},
      "additionalProperties":false})",
        {R"({"n_1":3,"n_s":7})", R"({"x_s":"any"})", "{}"},
        {R"({"n_1":"a"})", R"({"n_s":3})", R"({"other":1})"});
  check(R"({"type":"object","propertyNames":{"pattern":"^[a-c]$"}})", {R"({"a":1,"c":2})"},
        {R"({"d":1})", R"({"ab":1})"});
}

TEST(JsonSchema, Arrays) {
  check(R"({"type":"array","items":{"type":"integer"},"minItems":1,"maxItems":3})",
        {"[1]", "[1,2, 3]", "[ 1 ]"}, {"[]", "[1,2,3,4]", "[1 ,2]", "[\"1\"]"});
  check(R"({"type":"array","prefixItems":[{"const":1},{"type":"string"}]})",
        {"[]", "[1]", "[1,\"a\"]", "[1,\"a\",null]"}, {"[2]", "[1,1]"});
  check(R"({"type":"array","prefixItems":[{"const":1}],"items":false})", {"[]", "[1]"}, {"[1,1]"});
  check(R"({"type":"array"})", {"[]", "[[],{}]"}, {"{}"});
  check(R"({"type":"array","contains":{"type":"integer"},"items":{"type":["integer","null"]}})",
        {"[1]", "[null,1,2]", "[null,null,3,null]"}, {"[]", "[null]", "[1,\"a\"]"});
  check(R"({"type":"array","contains":{"const":1},"minContains":2,"maxContains":3,
      "items":{"enum":[1,2]}})",
        {"[1,1]", "[2,1,2,1,1]"}, {"[1]", "[1,1,1,1]", "[2,2]"});
  check(R"({"type":"array","uniqueItems":true,"minItems":1,"items":{"enum":["a","b",3]}})",
        {"[\"a\"]", "[\"a\",3]", "[\"a\", \"b\", 3]"},
        {"[]", "[\"b\",\"a\"]", "[3,3]", "[\"a\",\"a\"]"});
}

TEST(JsonSchema, Strings) {
  check(R"({"type":"string","minLength":2,"maxLength":3})",
        {R"("ab")", R"("中文字")", R"("\n\"")", R"("😀😀")"}, {R"("a")", R"("abcd")"});
  check(R"({"type":"string","pattern":"^a+b?$"})", {R"("aab")"}, {R"("ba")", R"("")"});
  check(R"({"type":"string","pattern":"b"})", {R"("abc")", R"("b")"}, {R"("ac")"});
  check(R"({"type":"string","pattern":"^\"\\n$"})", {R"("\"\n")"}, {R"(""")"});
  check(R"({"type":"string","pattern":"^[a-z]+$","maxLength":3,"not":{"const":"no"}})",
        {R"("abc")", R"("on")"}, {R"("no")", R"("abcd")", R"("A")"});
  check(R"({"type":"string","format":"date"})", {R"("2024-02-29")", R"("1999-12-31")"},
        {R"("2023-02-29")", R"("1900-02-29")", R"("2024-13-01")", R"("2024-04-31")"});
  check(R"({"type":"string","format":"ipv4"})", {R"("127.0.0.1")"}, {R"("256.0.0.1")"});
}

TEST(JsonSchema, Numbers) {
  check(R"({"type":"integer","minimum":-12,"maximum":120})", {"-12", "0", "7", "99", "100", "120"},
        {"-13", "121", "1200", "-120", "-0", "1.0", "00"});
  check(R"({"type":"integer","exclusiveMinimum":9,"exclusiveMaximum":12})", {"10", "11"},
        {"9", "12", "1"});
  check(R"({"type":"integer","minimum":1.5})", {"2", "1000000"}, {"1", "-5", "0"});
  check(R"({"type":"number","minimum":-0.5,"exclusiveMaximum":2.25})",
        {"-0.5", "-0.49", "0", "2", "2.2499", "2.0"}, {"-0.51", "2.25", "2.250", "3", "-1", "22"});
  check(R"({"type":"integer","multipleOf":6})", {"0", "6", "-12", "600"}, {"3", "64"});
  check(R"({"type":"number","multipleOf":0.05})", {"0.05", "1", "2.150"}, {"0.01", "2.151"});
}

TEST(JsonSchema, ValuesAndCombinations) {
  check(R"({"enum":["a",1,null,{"k":[1,2]}]})", {"\"a\"", "1", "null", R"({"k": [1,2]})"},
        {"\"b\"", "true", "{}"});
  check(R"({"enum":["a",1,null],"type":["string","null"],"maxLength":1})", {"\"a\"", "null"},
        {"1"});
  check(R"({"allOf":[{"type":"integer","minimum":3},{"maximum":5}]})", {"3", "5"}, {"2", "6"});
  check(R"({"anyOf":[{"type":"string"},{"type":"integer","minimum":3}]})", {"\"\"", "3"},
        {"2", "null"});
  check(R"({"oneOf":[{"type":"integer"},{"minimum":2}]})", {"1", "-7", "2.5", "\"x\""},
        {"3", "1.5"});
  check(R"({"not":{"type":["object","number"]}})", {"[]", "\"\""}, {"{}", "1", "1.5"});
  check(R"({"if":{"properties":{"k":{"const":"a"}},"required":["k"]},"then":{"required":["x"]},
      "type":"object","properties":{"k":{"type":"string"},"x":{"type":"integer"}}})",
        {R"({"k":"a","x":1})", R"({"k":"b"})", "{}"}, {R"({"k":"a"})"});
  check(R"({"type":"object","properties":{"a":{},"b":{}},"dependentRequired":{"a":["b"]}})",
        {R"({"a":1,"b":2})", R"({"b":2})", "{}"}, {R"({"a":1})"});
  check(R"({"allOf":[{"properties":{"a":{"type":"null"}}}],"properties":{"b":{}},
      "unevaluatedProperties":false,"type":"object"})",
        {R"({"b":1,"a":null})", "{}"}, {R"({"c":1})"});
}

TEST(JsonSchema, References) {
  const char* tree = R"({"$defs":{"t":{"type":"object","properties":{"v":{"type":"integer"},
      "c":{"type":"array","items":{"$ref":"#/$defs/t"}}},"required":["v"]}},"$ref":"#/$defs/t"})";
  check(tree, {R"({"v":1,"c":[{"v":2},{"v":3,"c":[]}]})"}, {R"({"v":1,"c":[{}]})"});
  check(R"({"$defs":{"a~/%b":{"$anchor":"here","const":1}},"anyOf":[{"$ref":"#here"},
      {"$ref":"#/$defs/a~0~1%25b"}]})",
        {"1"}, {"2"});
  EXPECT_THAT(refusal(R"({"$ref":"#"})", ErrorKind::bad_input), HasSubstr("back to itself"));
  EXPECT_THAT(refusal(R"({"$ref":"#/$defs/x"})", ErrorKind::bad_input), HasSubstr("nowhere"));
  EXPECT_THAT(refusal(R"({"$ref":"http://x/y"})", ErrorKind::unsupported), HasSubstr("/$ref"));
}

TEST(JsonSchema, RefusalsNameKeywordAndPlace) {
  EXPECT_THAT(refusal(R"({"properties":{"a/b":{"$dynamicRef":"#"}}})", ErrorKind::unsupported),
              testing::AllOf(HasSubstr("dynamicRef"), HasSubstr("#/properties/a~1b/$dynamicRef")));
  EXPECT_THAT(refusal(R"({"type":"array","uniqueItems":true})", ErrorKind::unsupported),
              HasSubstr("#/uniqueItems"));
  EXPECT_THAT(refusal(R"j({"type":"string","pattern":"(?=a)"})j", ErrorKind::unsupported),
              HasSubstr("#/pattern"));
  EXPECT_THAT(refusal(R"({"oneOf":[{"type":"array"},{"minItems":1,"prefixItems":[{}]}]})",
                      ErrorKind::unsupported),
              HasSubstr("oneOf"));
  EXPECT_THAT(refusal(R"({"items":[{}]})", ErrorKind::unsupported), HasSubstr("prefixItems"));
  for (const char* broken :
       {"", "{", "[]", "3", R"({"type":"text"})", R"({"minLength":-1})", R"({"minLength":"1"})",
        R"({"enum":3})", R"({"required":[1]})", R"({"properties":[]})", R"({"anyOf":[]})",
        R"({"anyOf":[3]})", R"({"multipleOf":0})", R"({"pattern":"("})", R"({"items":3})"}) {
    refusal(broken, ErrorKind::bad_input);
  }
  // What nothing satisfies has no answer.
  EXPECT_THAT(refusal("false", ErrorKind::bad_input), HasSubstr("no text"));
  refusal(R"({"type":"integer","minimum":3,"maximum":2})", ErrorKind::bad_input);
  refusal(R"({"type":"string","enum":[1]})", ErrorKind::bad_input);
}

TEST(JsonSchema, HostileSizesHitALimit) {
  std::string deep;
  for (int i = 0; i < 60'000; ++i) deep += R"({"items":)";
  deep += "{}" + std::string(60'000, '}');
  refusal(deep, ErrorKind::bad_input);  // nests too deep to be read
  refusal(R"({"type":"string","maxLength":1000000000})", ErrorKind::limit);
  refusal(R"({"type":"array","maxItems":1000000000})", ErrorKind::limit);
  refusal(R"({"type":"string","pattern":"^(a|b)*a(a|b){18}$","maxLength":19000})",
          ErrorKind::limit);
  std::string product = R"({"allOf":[)";
  for (int i = 0; i < 12; ++i) {
    product += R"({"anyOf":[{"minLength":1},{"maxLength":9},{"pattern":"a"}]},)";
  }
  refusal(product + "{}]}", ErrorKind::limit);
  // 2^40 paths through references, each step known after its first visit.
  std::string chain = R"({"$ref":"#/$defs/d0","$defs":{)";
  for (int i = 0; i < 40; ++i) {
    const std::string next = R"({"$ref":"#/$defs/d)" + std::to_string(i + 1) + "\"}";
    chain += "\"d" + std::to_string(i) + R"(":{"allOf":[)" + next + "," + next + "]},";
  }
  const auto grammar = Grammar::from_json_schema(chain + R"("d40":{"type":"integer"}}})");
  EXPECT_TRUE(grammar->matches("5"));
}

TEST(Json, AnyObject) {
  const auto json = Grammar::from_json();
  EXPECT_TRUE(json->matches("{}"));
  EXPECT_TRUE(json->matches("{\n  \"a\": [\n    1, 2.5e3\n  ],\n  \"b\": {\"c\": null}\n}"));
  EXPECT_FALSE(json->matches("[]"));
  EXPECT_FALSE(json->matches("{\"a\": 1} "));
  EXPECT_FALSE(json->matches("{\n\n}"));
  EXPECT_TRUE(Grammar::from_json(JsonSpacing::compact, true)->matches("[1, 2]"));
  EXPECT_EQ(json->name(), "json");
}

}  // namespace
}  // namespace jielong
