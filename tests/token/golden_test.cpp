#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/utf8.h"
#include "token/support.h"

namespace jielong {
namespace {

using testing::golden_lines;

constexpr std::size_t kStep = 25;   // lines between those whose ids are stored
constexpr std::size_t kBlock = 50;  // lines in a hash

class Goldens : public ::testing::TestWithParam<const char*> {};

/// SentencePiece's Python binding stops at NUL, so its goldens leave those lines empty.
std::vector<Token> encode(const Tokenizer& tokenizer, const std::string& name,
                          const std::string& line) {
  const bool sentencepiece = name.substr(0, 4) == "spm_";
  if (sentencepiece && line.find('\0') != std::string::npos) return {};
  return tokenizer.encode(line, {.add_special = !sentencepiece, .parse_special = !sentencepiece});
}

TEST_P(Goldens, EncodeLikeTheReference) {
  const std::string name = GetParam();
  const auto tokenizer = testing::golden_tokenizer(name);
  const Json golden = testing::read_golden_json(name + ".golden.json");
  const auto& lines = golden_lines();
  ASSERT_EQ(golden["hashes"].size(), (lines.size() + kBlock - 1) / kBlock);
  int wrong_blocks = 0;
  for (std::size_t first = 0; first < lines.size(); first += kBlock) {
    std::vector<Token> block;
    for (std::size_t i = first; i < std::min(first + kBlock, lines.size()); ++i) {
      const auto ids = encode(*tokenizer, name, lines[i]);
      if (i % kStep == 0) {
        ASSERT_EQ(ids, golden["ids"][i / kStep].get<std::vector<Token>>())
            << "line " << i << ": " << lines[i];
      }
      block.insert(block.end(), ids.begin(), ids.end());
      block.push_back(-1);
    }
    if (testing::hash_ids(block) != golden["hashes"][first / kBlock].get<std::string>()) {
      ++wrong_blocks;
      ADD_FAILURE() << "some line of " << first << " to " << first + kBlock - 1;
    }
  }
  EXPECT_EQ(wrong_blocks, 0);
}

TEST_P(Goldens, DecodeLikeTheReference) {
  const std::string name = GetParam();
  const auto tokenizer = testing::golden_tokenizer(name);
  const Json golden = testing::read_golden_json(name + ".golden.json");
  if (!golden.contains("decoded")) GTEST_SKIP() << "the reference decodes it otherwise";
  for (std::size_t i = 0; i < golden["ids"].size(); ++i) {
    const auto ids = golden["ids"][i].get<std::vector<Token>>();
    const std::string expected = golden["decoded"][i].get<std::string>();
    ASSERT_EQ(sanitize_utf8(tokenizer->decode(ids)), expected) << "line " << i * kStep;
    Detokenizer stream(*tokenizer);
    std::string streamed;
    for (const Token token : ids) {
      const std::string part = stream.push(token);
      ASSERT_TRUE(is_valid_utf8(part));
      streamed += part;
    }
    ASSERT_EQ(streamed + stream.finish(), expected) << "streamed line " << i * kStep;
  }
}

INSTANTIATE_TEST_SUITE_P(Token, Goldens,
                         ::testing::Values("gpt2", "llama3", "qwen2", "smollm", "tekken", "gpt4o",
                                           "deepseek_v3", "falcon", "roberta", "clip", "llama2",
                                           "gemma", "mistral", "metaspace_bpe", "bert_uncased",
                                           "bert_cased", "word_level", "unigram", "t5",
                                           "spm_unigram", "spm_unigram_bytes", "spm_bpe",
                                           "spm_bpe_gemma"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace jielong
