#include "token/tokenizer.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "token/pre_patterns.h"
#include "token/support.h"
#include "token/tokenizer_json.h"
#include "token/tokenizer_spec.h"

namespace jielong {
namespace {

using Ids = std::vector<Token>;

/// A SentencePiece vocabulary with bytes, as a Llama 2 GGUF file has it.
struct SmallLlama {
  std::vector<std::string> names{"<unk>", "<s>", "</s>"};
  std::vector<float> scores{0, 0, 0};
  std::vector<std::int32_t> types{2, 3, 3};
  TokenizerSpec spec;

  SmallLlama() {
    const char* digits = "0123456789ABCDEF";
    for (int byte = 0; byte < 256; ++byte) {
      add(std::string("<0x") + digits[byte / 16] + digits[byte % 16] + ">", 0, 6);
    }
    for (const char* piece : {"▁", "h", "i", "hi", "▁hi", "s>", "<", "s", ">"}) {
      add(piece, -static_cast<float>(names.size()), 1);
    }
    spec.model = "llama";
  }
  void add(const std::string& name, float score, std::int32_t type) {
    names.push_back(name);
    scores.push_back(score);
    types.push_back(type);
  }
  std::unique_ptr<Tokenizer> make() {
    spec.tokens.assign(names.begin(), names.end());
    spec.scores = scores;
    spec.types = types;
    return make_tokenizer(spec);
  }
  Token id(const std::string& name) const {
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (names[i] == name) return static_cast<Token>(i);
    }
    return -1;
  }
};

TEST(TokenizerTest, SpecialNamesInTextStayTextUnlessAskedFor) {
  SmallLlama llama;
  const auto tokenizer = llama.make();
  const Ids plain = tokenizer->encode("</s>", {.add_special = false});
  for (const Token token : plain) EXPECT_FALSE(tokenizer->vocabulary().is_special(token));
  EXPECT_EQ(tokenizer->decode(plain), "</s>");
  // Merges must not build the name of a control token either: "<" + "s>" is "<s>".
  EXPECT_EQ(tokenizer->encode("<s>", {.add_special = false}),
            (Ids{llama.id("▁"), llama.id("<"), llama.id("s>")}));
  EXPECT_EQ(tokenizer->encode("</s>", {.add_special = false, .parse_special = true}), Ids{2});
}

TEST(TokenizerTest, BosComesFromTheFlagOrTheModelsHabit) {
  SmallLlama llama;
  EXPECT_EQ(llama.make()->encode("hi"), (Ids{1, llama.id("▁hi")}));
  EXPECT_TRUE(llama.make()->adds_bos());
  llama.spec.add_bos = false;
  llama.spec.add_eos = true;
  EXPECT_EQ(llama.make()->encode("hi"), (Ids{llama.id("▁hi"), 2}));
  EXPECT_TRUE(llama.make()->adds_eos());
  llama.spec.add_space_prefix = false;
  EXPECT_EQ(llama.make()->encode("hi"), (Ids{llama.id("hi"), 2}));
}

TEST(TokenizerTest, StreamsWholeCharactersOnly) {
  SmallLlama llama;
  const auto tokenizer = llama.make();
  const Ids ids = tokenizer->encode("hi 語", {.add_special = false});
  Detokenizer stream(*tokenizer);
  std::vector<std::string> parts;
  for (const Token id : ids) parts.push_back(stream.push(id));
  EXPECT_EQ(parts, (std::vector<std::string>{"hi", " ", "", "", "語"}));
  EXPECT_EQ(stream.finish(), "");

  Detokenizer cut(*tokenizer);
  cut.push(llama.id("<0xE8>"));
  EXPECT_EQ(cut.push(llama.id("<0xAA>")), "");
  EXPECT_EQ(cut.finish(), "\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(cut.push(llama.id("<0xFF>")), "\xEF\xBF\xBD");

  Detokenizer behind(*tokenizer, true, true);
  EXPECT_EQ(behind.push(llama.id("▁hi")), " hi");
}

TEST(TokenizerTest, RefusesTokensOutsideTheVocabulary) {
  SmallLlama llama;
  const auto tokenizer = llama.make();
  for (const Token token : {-1, tokenizer->vocabulary().size(), std::numeric_limits<Token>::min(),
                            std::numeric_limits<Token>::max()}) {
    EXPECT_THROW(tokenizer->decode(Ids{token}), Error);
    EXPECT_THROW(tokenizer->bytes(token), Error);
  }
  tokenizer->pad_vocabulary(tokenizer->vocabulary().size() + 5);
  EXPECT_EQ(tokenizer->decode(Ids{tokenizer->vocabulary().size() - 1}), "");
}

TEST(TokenizerTest, GgufArraysMustFitTogether) {
  SmallLlama llama;
  llama.scores.pop_back();
  EXPECT_THROW(llama.make(), Error);
  SmallLlama type;
  type.types[5] = 77;
  EXPECT_THROW(type.make(), Error);
  SmallLlama role;
  role.spec.roles = {{TokenRole::bos, 100000}};
  EXPECT_THROW(role.make(), Error);
  role.spec.roles = {{TokenRole::bos, -2}};
  EXPECT_THROW(role.make(), Error);
  SmallLlama nan;
  nan.scores[260] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THROW(nan.make(), Error);
  TokenizerSpec empty;
  empty.model = "gpt2";
  EXPECT_THROW(make_tokenizer(empty), Error);
  SmallLlama unknown;
  unknown.spec.model = "rwkv";
  EXPECT_THROW(unknown.make(), Error);
}

TEST(TokenizerTest, UnknownPreTokenizersAreRefusedWithTheList) {
  const std::vector<std::string_view> tokens{"a", "b", "ab"};
  TokenizerSpec spec;
  spec.model = "gpt2";
  spec.pre = "no-such-thing";
  spec.tokens = tokens;
  spec.merges = {"a b"};
  try {
    make_tokenizer(spec);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unsupported);
    EXPECT_NE(std::string(error.what()).find("llama-bpe"), std::string::npos) << error.what();
  }
  spec.allow_unknown_pre_tokenizer = true;
  EXPECT_EQ(make_tokenizer(spec)->encode("ab"), Ids{2});
  for (const std::string_view name : known_pre_tokenizers()) {
    spec.pre = name;
    EXPECT_EQ(make_tokenizer(spec)->encode("ab").back(), 2) << name;
  }
}

TEST(TokenizerTest, LongRunsDoNotGoQuadratic) {
  for (const char* name : {"gpt2", "llama2", "spm_bpe", "spm_unigram_bytes", "bert_uncased"}) {
    const auto tokenizer = testing::golden_tokenizer(name);
    for (const std::string unit : {"a", " ", "語", "\u0301", "\xFF", "\n", "a\u0301\u0323"}) {
      std::string text;
      while (text.size() < 200'000) text += unit;
      EXPECT_FALSE(tokenizer->encode(text).empty() && name[0] != 'b');
    }
  }
}

TEST(TokenizerTest, ManyThreadsUseOneTokenizer) {
  const auto tokenizer = testing::golden_tokenizer("llama3");
  const auto& lines = testing::golden_lines();
  std::vector<Ids> expected;
  for (std::size_t i = 0; i < 200; ++i) expected.push_back(tokenizer->encode(lines[i]));
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (std::size_t t = 0; t < wrong.size(); ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = 0; i < 200; ++i) {
        const std::size_t line = (i + t * 50) % 200;
        if (tokenizer->encode(lines[line]) != expected[line]) ++wrong[t];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

TEST(VocabularyTest, IsAUnionOfRangesByKind) {
  Vocabulary vocabulary;
  vocabulary.add("a", TokenClass::normal);
  vocabulary.add("b", TokenClass::normal);
  const TokenRange image = vocabulary.add_range(TokenKind::image, 4096);
  vocabulary.add("<end>", TokenClass::control, TokenKind::special);
  EXPECT_EQ(image.first, 2);
  EXPECT_EQ(vocabulary.size(), 4099);
  ASSERT_EQ(vocabulary.ranges().size(), 3U);
  EXPECT_EQ(vocabulary.kind(1), TokenKind::text);
  EXPECT_EQ(vocabulary.kind(2), TokenKind::image);
  EXPECT_EQ(vocabulary.kind(4097), TokenKind::image);
  EXPECT_EQ(vocabulary.kind(4098), TokenKind::special);
  EXPECT_EQ(vocabulary.find("<end>"), 4098);
  EXPECT_EQ(vocabulary.find(""), std::nullopt);
  EXPECT_EQ(vocabulary.piece(-1), "");
  EXPECT_THROW(vocabulary.add_range(TokenKind::audio, Vocabulary::kMaxSize), Error);
  EXPECT_THROW(vocabulary.add_range(TokenKind::audio, -1), Error);
  EXPECT_THROW(vocabulary.set_role(TokenRole::eos, 4099), Error);
}

TEST(VocabularyTest, EndTokensComeFromNamesButNotFromHtml) {
  Vocabulary vocabulary;
  vocabulary.add("</s>", TokenClass::user_defined);
  vocabulary.add("<|im_end|>", TokenClass::control);
  vocabulary.add("<eos>", TokenClass::control);
  vocabulary.add("<end_of_turn>", TokenClass::normal);
  assign_roles_by_name(vocabulary);
  EXPECT_EQ(Ids(vocabulary.end_tokens().begin(), vocabulary.end_tokens().end()), (Ids{1, 2}));
  EXPECT_TRUE(vocabulary.is_end(2));
  EXPECT_FALSE(vocabulary.is_end(0));
}

}  // namespace
}  // namespace jielong
