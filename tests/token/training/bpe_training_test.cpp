#include <gmock/gmock.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "token/scanners.h"
#include "token/support.h"
#include "token/tokenizer_json.h"
#include "token/training/bpe_trainer.h"
#include "token/training/tokenizer_trainer.h"

namespace jielong {
namespace {

using testing::golden_lines;

TokenizerTraining settings_of(const Json& golden) {
  TokenizerTraining settings;
  settings.pattern = golden["pattern"].get<std::string>();
  settings.vocabulary = golden["vocabulary"].get<std::size_t>();
  settings.min_frequency = golden["min_frequency"].get<std::uint64_t>();
  settings.all_bytes = golden.value("all_bytes", true);
  if (golden.contains("limit_alphabet")) {
    settings.limit_alphabet = golden["limit_alphabet"].get<std::size_t>();
  }
  settings.roles.clear();
  settings.special = golden["special"].get<std::vector<std::string>>();
  return settings;
}

TrainedTokenizer train(const TokenizerTraining& settings, const std::vector<std::string>& texts,
                       int threads) {
  ThreadPool pool(threads);
  TokenizerTrainer trainer(settings, pool);
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  trainer.add(views);
  return trainer.finish();
}

class TrainingGolden : public ::testing::TestWithParam<int> {};

// What Hugging Face's trainer learnt from the same lines (goldens/make_training_goldens.py).
TEST_P(TrainingGolden, BpeEqualsHuggingFace) {
  const Json golden =
      testing::read_golden_json("training_bpe.json")[static_cast<std::size_t>(GetParam())];
  const TrainedTokenizer trained = train(settings_of(golden), golden_lines(), 3);
  const Json json = parse_json(trained.tokenizer_json, "tokenizer.json");
  const auto pieces = golden["pieces"].get<std::vector<std::string>>();
  ASSERT_EQ(json["model"]["vocab"].size(), pieces.size());
  for (std::size_t id = 0; id < pieces.size(); ++id) {
    ASSERT_EQ(json["model"]["vocab"].value(pieces[id], -1), static_cast<int>(id)) << pieces[id];
  }
  EXPECT_EQ(json["model"]["merges"], golden["merges"]);

  const auto tokenizer =
      tokenizer_from_json(trained.tokenizer_json, "tokenizer.json", trained.config_json);
  for (std::size_t i = 0; i < golden["ids"].size(); ++i) {
    const std::string& line = golden_lines()[i * 25];
    ASSERT_EQ(tokenizer->encode(line, {.parse_special = true}),
              golden["ids"][i].get<std::vector<Token>>())
        << line;
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, TrainingGolden, ::testing::Range(0, 5));

TEST(BpeTraining, IsTheSameAtAnyNumberOfThreads) {
  TokenizerTraining settings;
  settings.vocabulary = 700;
  const std::string one = train(settings, golden_lines(), 1).tokenizer_json;
  EXPECT_EQ(one, train(settings, golden_lines(), 4).tokenizer_json);
}

TEST(BpeTraining, LongTextsAreCutWhereNoWordEnds) {
  std::string long_text;
  for (const std::string& line : golden_lines()) long_text += line + "\n";
  while (long_text.size() < (std::size_t{1} << 20)) long_text += long_text;
  for (const std::string_view name : tokenizer_pattern_names()) {
    ThreadPool pool(2);
    const auto count = [&](bool cuts) {
      PreTokenizers steps;
      const std::string pattern(name == "gpt2"     ? patterns::kGpt2
                                : name == "llama3" ? patterns::kLlama3
                                : name == "qwen2"  ? patterns::kQwen2
                                : name == "gpt4o"  ? patterns::kGpt4o
                                                   : patterns::kTekken);
      steps.push_back(pre_tokenizers::scan(pattern));
      WordCounter counter(std::move(steps), cuts, pool);
      const std::string_view text = long_text;
      counter.add({&text, 1});
      const TrainingWords words = counter.finish();
      std::map<std::string, std::uint64_t> counts;
      for (std::uint32_t i = 0; i < words.size(); ++i) {
        counts[std::string(words.word(i))] = words.count(i);
      }
      return counts;
    };
    EXPECT_TRUE(count(true) == count(false)) << name;
  }
}

TEST(BpeTraining, MergesTheMostFrequentPairAndOfEqualsTheFirst) {
  ThreadPool pool(1);
  TrainingWords words;
  words.add("abab", 3);  // ab 6, ba 3
  words.add("cdcd", 3);  // cd 6, dc 3
  const LearntBpe learnt =
      train_bpe(words, {.vocabulary = 8, .special = {"<s>"}, .all_bytes = false}, pool);
  EXPECT_THAT(learnt.pieces, ::testing::ElementsAre("<s>", "a", "b", "c", "d", "ab", "cd", "abab"));
  EXPECT_THAT(learnt.merges,
              ::testing::ElementsAre(std::pair(1, 2), std::pair(3, 4), std::pair(5, 5)));
}

TEST(BpeTraining, CountsOverlappingPairsOnceAWord) {
  ThreadPool pool(1);
  TrainingWords words;
  words.add("aaaaa", 1);
  const LearntBpe learnt = train_bpe(words, {.vocabulary = 4, .all_bytes = false}, pool);
  EXPECT_THAT(learnt.pieces, ::testing::ElementsAre("a", "aa", "aaa", "aaaaa"));
}

TEST(BpeTraining, KeepsTokensShort) {
  ThreadPool pool(1);
  TrainingWords words;
  words.add("abcdefgh", 9);
  BpeTraining options;
  options.vocabulary = 100;
  options.all_bytes = false;
  options.max_token_bytes = 4;
  const LearntBpe learnt = train_bpe(words, options, pool);
  for (const std::string& piece : learnt.pieces) EXPECT_LE(piece.size(), 4U) << piece;
}

TEST(BpeTraining, AnyTextSurvives) {
  TokenizerTraining settings;
  settings.vocabulary = 400;
  const TrainedTokenizer trained = train(settings, {"the cat sat on the mat, the cat sat"}, 1);
  EXPECT_LT(trained.tokens, 400U);  // so little text has no more
  const auto tokenizer =
      tokenizer_from_json(trained.tokenizer_json, "tokenizer.json", trained.config_json);
  EXPECT_TRUE(tokenizer->lossless());
  EXPECT_TRUE(tokenizer->adds_bos() == settings.add_bos);
  EXPECT_EQ(tokenizer->vocabulary().role(TokenRole::eos), 0);
  for (int seed = 0; seed < 20; ++seed) {
    const std::string text = testing::random_text(static_cast<std::uint64_t>(seed), 50);
    EXPECT_EQ(tokenizer->decode(tokenizer->encode(text)), text);
  }
  const std::string broken = "a\xFF\xC3(";
  EXPECT_EQ(tokenizer->decode(tokenizer->encode(broken)), broken);
}

TEST(TokenizerTraining, RefusesWhatCannotBe) {
  ThreadPool pool(1);
  const auto refused = [&](auto change) {
    TokenizerTraining settings;
    change(settings);
    try {
      TokenizerTrainer trainer(settings, pool);
      const std::string_view text = "some text";
      trainer.add({&text, 1});
      trainer.finish();
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_THAT(refused([](auto& s) { s.vocabulary = 100; }), ::testing::HasSubstr("258 or more"));
  EXPECT_THAT(refused([](auto& s) { s.special = {""}; }), ::testing::HasSubstr("special"));
  EXPECT_THAT(refused([](auto& s) { s.special = {"\xFF"}; }), ::testing::HasSubstr("special"));
  EXPECT_THAT(refused([](auto& s) { s.pattern = "(["; }), ::testing::HasSubstr("pattern"));
  EXPECT_THAT(refused([](auto& s) { s.coverage = 0; }), ::testing::HasSubstr("coverage"));
  EXPECT_THAT(refused([](auto& s) {
                s.roles.clear();
                s.add_bos = true;
              }),
              ::testing::HasSubstr("add_bos"));
  EXPECT_EQ(refused([](auto&) {}), "");
  TokenizerTrainer empty({}, pool);
  EXPECT_THROW(empty.finish(), Error);
}

TEST(TokenizerTraining, SurroundsTexts) {
  TokenizerTraining settings;
  settings.vocabulary = 300;
  settings.roles = {{"cls_token", "[CLS]"}, {"sep_token", "[SEP]"}, {"mask_token", "[MASK]"}};
  settings.add_bos = settings.add_eos = true;
  const TrainedTokenizer trained = train(settings, {"one two three"}, 1);
  const auto tokenizer =
      tokenizer_from_json(trained.tokenizer_json, "tokenizer.json", trained.config_json);
  const std::vector<Token> ids = tokenizer->encode("one");
  EXPECT_EQ(ids.front(), 0);
  EXPECT_EQ(ids.back(), 1);
  EXPECT_EQ(tokenizer->vocabulary().role(TokenRole::mask), 2);
}

}  // namespace
}  // namespace jielong
