#include <gmock/gmock.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "token/support.h"
#include "token/tokenizer_json.h"
#include "token/training/tokenizer_trainer.h"
#include "token/training/unigram_seeds.h"
#include "token/training/unigram_trainer.h"

namespace jielong {
namespace {

/// The golden lines that are text.
std::vector<std::string_view> plain_lines() {
  std::vector<std::string_view> lines;
  for (std::size_t i = 0; i < testing::golden_lines().size(); ++i) {
    if (i % 11 < 8) lines.emplace_back(testing::golden_lines()[i]);
  }
  return lines;
}

TrainedTokenizer train(std::size_t vocabulary, bool all_bytes,
                       const std::vector<std::string_view>& texts, int threads) {
  ThreadPool pool(threads);
  TokenizerTraining settings;
  settings.kind = TokenizerTraining::Kind::unigram;
  settings.vocabulary = vocabulary;
  settings.all_bytes = all_bytes;
  settings.roles.clear();
  TokenizerTrainer trainer(settings, pool);
  trainer.add(texts);
  return trainer.finish();
}

TrainingWords count_words(const std::vector<std::string_view>& texts, ThreadPool& pool) {
  PreTokenizers steps;
  steps.push_back(pre_tokenizers::metaspace("\xE2\x96\x81", PrependScheme::always, true));
  WordCounter counter(std::move(steps), false, pool);
  counter.add(texts);
  return counter.finish();
}

// The mean of −log p of a character as goldens/make_training_goldens.py computes it. The references
// let words stick to line breaks, of which the golden lines are full.
TEST(UnigramTraining, LosesNoMoreThanTheReferences) {
  const Json golden = testing::read_golden_json("training_unigram.json");
  ThreadPool pool(2);
  const TrainingWords words = count_words(plain_lines(), pool);
  UnigramTraining options;
  options.pieces = golden["pieces"].get<std::size_t>() - 1;  // one is <unk>
  options.breaks = U"";
  const LearntUnigram learnt = train_unigram(words, options, pool);
  EXPECT_EQ(learnt.pieces.size(), options.pieces);
  EXPECT_LE(learnt.loss, golden["huggingface"].get<double>());
  EXPECT_LE(learnt.loss, golden["sentencepiece"].get<double>());
}

TEST(UnigramTraining, TheLossIsThatOfTheTokenizer) {
  const auto lines = plain_lines();
  const TrainedTokenizer trained = train(4000, false, lines, 2);
  EXPECT_EQ(trained.tokens, 4000U);
  const Json json = parse_json(trained.tokenizer_json, "tokenizer.json");
  const auto tokenizer = tokenizer_from_json(trained.tokenizer_json);
  double loss = 0, chars = 0;
  for (const std::string_view line : lines) {
    for (const Token token : tokenizer->encode(line)) {
      const Json& piece = json["model"]["vocab"][static_cast<std::size_t>(token)];
      loss -= piece[1].get<double>();
      chars += static_cast<double>(count_chars(piece[0].get<std::string>()));
    }
  }
  EXPECT_NEAR(loss / chars, *trained.loss, 0.001);
}

TEST(UnigramTraining, IsTheSameAtAnyNumberOfThreads) {
  const auto lines = plain_lines();
  EXPECT_EQ(train(2500, true, lines, 1).tokenizer_json, train(2500, true, lines, 3).tokenizer_json);
}

TEST(UnigramTraining, ProbabilitiesSumToOne) {
  ThreadPool pool(1);
  TrainingWords words;
  words.add("\xE2\x96\x81the", 50);
  words.add("\xE2\x96\x81then", 20);
  words.add("\xE2\x96\x81other", 10);
  const LearntUnigram learnt = train_unigram(words, {.pieces = 12}, pool);
  double sum = 0;
  for (const auto& piece : learnt.pieces) sum += std::exp(piece.score);
  EXPECT_NEAR(sum, 1.0, 1e-9);
  EXPECT_EQ(learnt.pieces.front().text, "\xE2\x96\x81the");
  EXPECT_GT(learnt.loss, 0);
}

TEST(UnigramTraining, BytesStandForRareCharacters) {
  std::string text;
  for (int i = 0; i < 3000; ++i) text += "plain words again ";
  text += "\xE6\x8E\xA5";
  const TrainedTokenizer trained = train(320, true, {text}, 1);
  const auto tokenizer = tokenizer_from_json(trained.tokenizer_json);
  EXPECT_EQ(tokenizer->vocabulary().find("\xE6\x8E\xA5"), std::nullopt);
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("plain \xE6\x8E\xA5 words")),
            "plain \xE6\x8E\xA5 words");
}

TEST(UnigramTraining, WordsDoNotStickToLineBreaks) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "end.\nNext line\n";
  const TrainedTokenizer trained = train(300, true, {text}, 1);
  const Json json = parse_json(trained.tokenizer_json, "tokenizer.json");
  for (const Json& piece : json["model"]["vocab"]) {
    const auto text_of_piece = piece[0].get<std::string>();
    EXPECT_TRUE(text_of_piece.find('\n') == std::string::npos ||
                text_of_piece.find_first_not_of('\n') == std::string::npos);
  }
}

TEST(UnigramTraining, SaysWhenCharactersDoNotFit) {
  ThreadPool pool(1);
  TrainingWords words;
  words.add("abcdefghij", 1);
  EXPECT_THROW(train_unigram(words, {.pieces = 5}, pool), Error);
}

TEST(UnigramSeeds, AreTheBranchesOfTheSuffixTree) {
  ThreadPool pool(2);
  // "ban" is always followed by "an"; "an" ends and goes on; "banana" is a word that recurs.
  const std::vector<CountedWord> words{{"banan", 1}, {"banana", 4}, {"xan", 1}};
  std::map<std::string, std::uint64_t> seeds;
  for (const UnigramSeed& seed : find_unigram_seeds(words, 16, 100, pool)) {
    seeds[std::string(seed.text)] = seed.count;
  }
  EXPECT_EQ(seeds["an"], 11U);
  EXPECT_EQ(seeds["banan"], 5U);
  EXPECT_EQ(seeds["banana"], 4U);
  EXPECT_EQ(seeds.count("ban"), 0U);
  EXPECT_EQ(seeds.count("xan"), 0U);
}

}  // namespace
}  // namespace jielong
