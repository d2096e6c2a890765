#include <gtest/gtest.h>

#include <fmt/format.h>

#include <string>

#include "base/error.h"
#include "token/support.h"
#include "token/tokenizer_json.h"

namespace jielong {
namespace {

std::string with(const std::string& key, const std::string& value) {
  return fmt::format(
      R"({{"model":{{"type":"BPE","vocab":{{"a":0,"b":1,"ab":2}},"merges":["a b"]}},"{}":{}}})",
      key, value);
}

/// The message of the error that the text gives, or "none".
std::string problem(const std::string& text) {
  try {
    tokenizer_from_json(text);
  } catch (const Error& error) {
    return error.what();
  }
  return "none";
}

TEST(TokenizerJson, NamesWhatIsUnknown) {
  EXPECT_EQ(problem(with("normalizer", R"({"type":"Rot13"})")),
            "tokenizer.json: normalizer: type \"Rot13\" is not known");
  EXPECT_EQ(problem(with("pre_tokenizer",
                         R"({"type":"Sequence","pretokenizers":[{"type":"UnicodeScripts"}]})")),
            "tokenizer.json: pre_tokenizer.pretokenizers[0]: type \"UnicodeScripts\" is not known");
  EXPECT_NE(problem(with("decoder", R"({"type":"CTC"})")).find("CTC"), std::string::npos);
  EXPECT_NE(problem(with("post_processor", R"({"type":"X"})")).find("post_processor"),
            std::string::npos);
  EXPECT_NE(problem(R"({"model":{"type":"Magic"}})").find("Magic"), std::string::npos);
}

TEST(TokenizerJson, RefusesWhatIsMalformed) {
  for (
      const std::string& text :
      {std::string("[]"),
       std::string("{}"),
       std::string("{\"model\":3}"),
       std::string("nonsense"),
       std::string(R"({"model":{"type":"BPE","vocab":[],"merges":[]}})"),
       std::string(R"({"model":{"type":"BPE","vocab":{"a":-1},"merges":[]}})"),
       std::string(R"({"model":{"type":"BPE","vocab":{"a":1.5},"merges":[]}})"),
       std::string(R"({"model":{"type":"BPE","vocab":{"a":4294967296},"merges":[]}})"),
       std::string(R"({"model":{"type":"BPE","vocab":{"a":0,"b":0},"merges":[]}})"),
       std::string(R"({"model":{"type":"BPE","vocab":{"a":0},"merges":["a"]}})"),
       std::string(R"({"model":{"type":"BPE","vocab":{"a":0},"merges":["a z"]}})"),
       std::string(R"({"model":{"type":"Unigram","unk_id":9,"vocab":[["a",-1]]}})"),
       std::string(R"({"model":{"type":"Unigram","vocab":[["a"]]}})"),
       std::string(R"({"model":{"type":"Unigram","vocab":[["a",1e999]]}})"),
       std::string(R"({"model":{"type":"WordPiece","vocab":{},"max_input_chars_per_word":-3}})"),
       with("added_tokens", R"([{"id":-5,"content":"x"}])"),
       with("added_tokens", R"([{"id":16000000,"content":"x"}])"),
       with("added_tokens", R"({"id":1})"),
       with("normalizer", R"({"type":"Precompiled","precompiled_charsmap":"AAAA"})"),
       with("normalizer", R"({"type":"Precompiled","precompiled_charsmap":"/////w=="})"),
       with("pre_tokenizer", R"({"type":"FixedLength","length":0})"),
       with("post_processor", R"({"type":"BertProcessing","sep":["x",77],"cls":["y",0]})"),
       with("post_processor", R"({"type":"TemplateProcessing","single":[],"special_tokens":{}})"),
       with("pre_tokenizer",
            R"({"type":"Split","behavior":"Isolated","invert":false,"pattern":{"Regex":"(("}})"),
       with(
           "pre_tokenizer",
           R"({"type":"Split","behavior":"Isolated","invert":false,"pattern":{"Regex":"\\C"}})")}) {
    EXPECT_NE(problem(text), "none") << text;
  }
}

TEST(TokenizerJson, BoundsNestingStepsAndPatterns) {
  std::string nested;
  for (int i = 0; i < 100'000; ++i) nested += R"({"type":"Sequence","normalizers":[)";
  EXPECT_NE(problem(with("normalizer", nested)).find("deeper"), std::string::npos);

  std::string many = R"({"type":"Sequence","normalizers":[{"type":"NFC"})";
  for (int i = 0; i < 200; ++i) many += R"(,{"type":"NFC"})";
  EXPECT_NE(problem(with("normalizer", many + "]}")), "none");

  const auto split = [](const std::string& regex) {
    return with(
        "pre_tokenizer",
        fmt::format(R"({{"type":"Split","behavior":"Isolated","pattern":{{"Regex":"{}"}}}})",
                    regex));
  };
  EXPECT_NE(problem(split(std::string(60'000, '(') + std::string(60'000, ')'))), "none");
  EXPECT_NE(problem(split("((((a{1,999}){1,999}){1,999}){1,999})")), "none");
  EXPECT_EQ(problem(split("a+")), "none");
}

TEST(TokenizerJson, StopsPatternsThatBacktrackWithoutEnd) {
  const auto tokenizer = tokenizer_from_json(
      with("pre_tokenizer",
           R"({"type":"Split","behavior":"Isolated","pattern":{"Regex":"(a|a|aa)+$"}})"));
  EXPECT_THROW(tokenizer->encode(std::string(5000, 'a') + "b"), Error);
}

TEST(TokenizerJson, StopsTextsThatGrowWithoutEnd) {
  std::string steps;
  for (int i = 0; i < 40; ++i) {
    steps += R"({"type":"Replace","pattern":{"String":"a"},"content":"aaaaaaaaaaaaaaaa"},)";
  }
  steps.pop_back();
  const auto tokenizer = tokenizer_from_json(
      with("normalizer", R"({"type":"Sequence","normalizers":[)" + steps + "]}"));
  EXPECT_THROW(tokenizer->encode("aaaa"), Error);
}

TEST(TokenizerJson, ConfigNamesTheRoles) {
  const auto text =
      with("added_tokens",
           R"([{"id":3,"content":"<A>","special":true},{"id":5,"content":"<B>","special":true}])");
  const auto tokenizer =
      tokenizer_from_json(text, "x", R"({"bos_token":"<A>","eos_token":{"content":"<B>"}})");
  EXPECT_EQ(tokenizer->vocabulary().role(TokenRole::bos), 3);
  EXPECT_EQ(tokenizer->vocabulary().role(TokenRole::eos), 5);
  EXPECT_TRUE(tokenizer->vocabulary().is_end(5));
  EXPECT_EQ(tokenizer->vocabulary().token_class(4), TokenClass::unused);
  EXPECT_EQ(tokenizer->vocabulary().size(), 6);
}

}  // namespace
}  // namespace jielong
