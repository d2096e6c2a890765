#include <gtest/gtest.h>

#include <string>

#include "base/random.h"
#include "base/utf8.h"
#include "token/support.h"

namespace jielong {
namespace {

/// decode(encode(x)) == x for every tokenizer that says it is lossless.
class RoundTrip : public ::testing::TestWithParam<const char*> {
 protected:
  void check(const Tokenizer& tokenizer, const std::string& text) {
    const auto ids = tokenizer.encode(text, {.add_special = false});
    ASSERT_EQ(tokenizer.decode(ids, {.skip_special = false}), text);
    Detokenizer stream(tokenizer, false);
    std::string streamed;
    for (const Token id : ids) {
      streamed += stream.push(id);
      ASSERT_TRUE(is_valid_utf8(streamed));
    }
    ASSERT_EQ(streamed + stream.finish(), sanitize_utf8(text));
  }

  /// U+2581 is how SentencePiece writes a space, so it cannot be told from one.
  static std::string without_meta(std::string text) {
    for (std::size_t at; (at = text.find("\xE2\x96\x81")) != std::string::npos;) text.erase(at, 3);
    return text;
  }
};

TEST_P(RoundTrip, RandomUnicode) {
  const auto tokenizer = testing::golden_tokenizer(GetParam());
  ASSERT_TRUE(tokenizer->lossless());
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    check(*tokenizer, without_meta(testing::random_text(seed, 1 + static_cast<int>(seed % 40))));
  }
  for (const std::string& line : testing::golden_lines()) check(*tokenizer, without_meta(line));
}

TEST_P(RoundTrip, RandomBytes) {
  const auto tokenizer = testing::golden_tokenizer(GetParam());
  Rng rng(7);
  for (int i = 0; i < 3000; ++i) {
    std::string text;
    for (std::uint64_t k = rng() % 24; k > 0; --k) text += static_cast<char>(rng());
    check(*tokenizer, without_meta(text));
  }
}

INSTANTIATE_TEST_SUITE_P(Token, RoundTrip,
                         ::testing::Values("gpt2", "llama3", "smollm", "tekken", "gpt4o",
                                           "deepseek_v3", "llama2", "gemma", "spm_bpe",
                                           "spm_bpe_gemma", "spm_unigram_bytes"),
                         [](const auto& test) { return std::string(test.param); });

TEST(RoundTrips, KindsThatLoseSomethingSaySo) {
  for (const char* name : {"qwen2", "roberta", "clip", "metaspace_bpe", "bert_uncased",
                           "word_level", "unigram", "t5", "spm_unigram"}) {
    EXPECT_FALSE(testing::golden_tokenizer(name)->lossless()) << name;
  }
}

}  // namespace
}  // namespace jielong
