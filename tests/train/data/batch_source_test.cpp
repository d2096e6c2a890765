// From shards to batches.
#include "train/batch_source.h"

#include <gmock/gmock.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "base/error.h"
#include "train/data/document_order.h"
#include "train/data/shard_batch_source.h"
#include "train/data/support.h"

namespace jielong {
namespace {

using test::DataBench;

std::string many_lines(int count, const std::string& word) {
  std::string lines;
  for (int i = 0; i < count; ++i) {
    lines += word;
    for (int k = 0; k < i % 7; ++k) lines += " the cat";
    lines += " " + std::to_string(i) + "\n";
  }
  return lines;
}

void check_batch(const TrainingBatch& batch, std::int64_t rows, std::int64_t length) {
  EXPECT_LE(batch.rows.rows(), rows);
  EXPECT_EQ(batch.targets.size(), batch.rows.tokens.size());
  std::int64_t at = 0;
  for (const SequenceRows& sequence : batch.rows.sequences) {
    EXPECT_EQ(sequence.first_row, at);
    EXPECT_LE(sequence.count, length);
    EXPECT_EQ(sequence.cache, nullptr);
    for (std::int64_t i = 0; i < sequence.count; ++i) {
      EXPECT_EQ(batch.rows.positions[static_cast<std::size_t>(at + i)], i);
    }
    at += sequence.count;
  }
  EXPECT_EQ(at, batch.rows.rows());
  std::vector<std::int64_t> outputs;
  for (std::size_t i = 0; i < batch.targets.size(); ++i) {
    if (batch.targets[i] != TrainingBatch::kNoTarget)
      outputs.push_back(static_cast<std::int64_t>(i));
  }
  EXPECT_EQ(outputs, batch.rows.output_rows);
}

bool same(const TrainingBatch& a, const TrainingBatch& b) {
  return a.rows.tokens == b.rows.tokens && a.rows.positions == b.rows.positions &&
         a.targets == b.targets && a.labels == b.labels;
}

TEST(DocumentOrder, IsAPermutation) {
  for (const std::uint64_t count : {1ULL, 2ULL, 5ULL, 64ULL, 1000ULL}) {
    std::set<std::uint64_t> seen;
    for (std::uint64_t i = 0; i < count; ++i) seen.insert(DocumentOrder(count, 7)[i]);
    EXPECT_EQ(seen.size(), count);
    EXPECT_LT(*seen.rbegin(), count);
  }
  int fixed = 0;
  for (std::uint64_t i = 0; i < 1000; ++i) fixed += DocumentOrder(1000, 3)[i] == i;
  EXPECT_LT(fixed, 15);
}

TEST(BatchSource, EveryDocumentOnceAnEpoch) {
  DataBench bench;
  bench.add("a.txt", many_lines(500, "word")).cut = TextCut::lines;
  const PreparedData data = bench.prepare();
  const auto source = make_batch_source(data, *bench.tokenizer, {.once = true});
  std::map<std::string, int> seen;
  while (true) {
    const TrainingBatch batch = source->next(4, 64);
    if (batch.rows.rows() == 0) break;
    check_batch(batch, 256, 64);
    for (const SequenceRows& sequence : batch.rows.sequences) {
      std::vector<Token> tokens(batch.rows.tokens.begin() + sequence.first_row,
                                batch.rows.tokens.begin() + sequence.first_row + sequence.count);
      tokens.push_back(
          batch.targets[static_cast<std::size_t>(sequence.first_row + sequence.count - 1)]);
      ++seen[bench.tokenizer->decode(tokens, {.skip_special = false})];
    }
  }
  EXPECT_EQ(seen.size(), 500U);  // every line is whole, none is split
  for (const auto& [text, count] : seen) EXPECT_EQ(count, 1) << text;
  EXPECT_EQ(source->epochs(), 1.0);
}

TEST(BatchSource, WindowsAreNearlyFull) {
  DataBench bench;
  bench.add("a.txt", many_lines(2000, "word")).cut = TextCut::lines;
  const PreparedData data = bench.prepare();
  const auto source = make_batch_source(data, *bench.tokenizer, {.seed = 3});
  std::int64_t rows = 0;
  for (int i = 0; i < 50; ++i) rows += source->next(2, 64).rows.rows();
  EXPECT_GT(rows, 50 * 128 * 0.97);
}

TEST(BatchSource, SplitsLongDocumentsWithoutLosingATarget) {
  DataBench bench;
  std::string text;
  for (int i = 0; i < 300; ++i) text += "the cat and " + std::to_string(i) + " ";
  bench.add("a.txt", text);
  const PreparedData data = bench.prepare();
  const TokenShard& shard = data.sources[0].training;
  const auto source = make_batch_source(data, *bench.tokenizer, {.once = true});
  std::vector<Token> targets;
  while (true) {
    const TrainingBatch batch = source->next(1, 50);
    if (batch.rows.rows() == 0) break;
    check_batch(batch, 50, 50);
    targets.insert(targets.end(), batch.targets.begin(), batch.targets.end());
  }
  ASSERT_EQ(static_cast<std::int64_t>(targets.size()), shard.tokens() - 1);
  for (std::size_t i = 0; i < targets.size(); ++i) {
    EXPECT_EQ(targets[i], shard.token(static_cast<std::int64_t>(i) + 1));
  }
}

class EveryFormat : public ::testing::TestWithParam<LearningFormat> {
 protected:
  void SetUp() override {
    bench_.settings.format = GetParam();
    for (const char* name : {"a.jsonl", "b.jsonl"}) {
      std::string lines;
      for (int i = 0; i < 300; ++i) {
        const std::string text = many_lines(i % 5 + 1, "word");
        lines +=
            Json{{"text", text},       {"label", i % 3}, {"prompt", "number " + std::to_string(i)},
                 {"completion", text}, {"chosen", text}, {"rejected", "no"}}
                .dump() +
            "\n";
      }
      bench_.add(name, lines).weight = name[0] == 'a' ? 3 : 1;
    }
    bench_.settings.classes = {"0", "1", "2"};
    data_ = bench_.prepare();
  }
  std::unique_ptr<BatchSource> source(int rank = 0, int world = 1) {
    return make_batch_source(data_, *bench_.tokenizer, {.seed = 11, .rank = rank, .world = world});
  }
  DataBench bench_;
  PreparedData data_;
};

TEST_P(EveryFormat, GoesOnBitExactlyFromAPosition) {
  const auto first = source();
  for (int i = 0; i < 30; ++i) check_batch(first->next(4, 48), 4 * 48, 48);
  const std::string saved = first->position().dump();
  EXPECT_LT(saved.size(), 4000U);
  const auto second = source();
  second->restore(Json::parse(saved));
  EXPECT_EQ(second->epochs(), first->epochs());
  for (int i = 0; i < 60; ++i) ASSERT_TRUE(same(first->next(4, 48), second->next(4, 48))) << i;
  EXPECT_GT(first->epochs(), 0.2);
}

TEST_P(EveryFormat, RanksTogetherAreOneProcess) {
  const auto whole = source();
  const auto left = source(0, 2), right = source(1, 2);
  for (int i = 0; i < 20; ++i) {
    const TrainingBatch all = whole->next(8, 48);
    TrainingBatch a = left->next(4, 48), b = right->next(4, 48);
    a.rows.tokens.insert(a.rows.tokens.end(), b.rows.tokens.begin(), b.rows.tokens.end());
    a.targets.insert(a.targets.end(), b.targets.begin(), b.targets.end());
    a.labels.insert(a.labels.end(), b.labels.begin(), b.labels.end());
    ASSERT_EQ(a.rows.tokens, all.rows.tokens);
    ASSERT_EQ(a.targets, all.targets);
    ASSERT_EQ(a.labels, all.labels);
  }
  EXPECT_EQ(left->position(), right->position());
}

TEST_P(EveryFormat, MixesAsWeighted) {
  const auto first = source();
  for (int i = 0; i < 200; ++i) first->next(4, 48);
  const Json sources = first->position()["packer"]["sources"];
  EXPECT_NEAR(sources[0]["taken"].get<double>() / sources[1]["taken"].get<double>(), 3.0, 0.1);
}

TEST_P(EveryFormat, RefusesAPositionOfOtherData) {
  const auto first = source();
  Json position = first->position();
  const auto other = make_batch_source(data_, *bench_.tokenizer, {.seed = 12});
  EXPECT_THROW(other->restore(position), Error);
  for (const char* part : {"window", "packer"}) {
    Json broken = position;
    broken[part] = "x";
    EXPECT_THROW(first->restore(broken), Error);
  }
  first->next(4, 48);
  position = first->position();
  for (int i = 0; i < 4; ++i) {
    Json broken = position;
    broken["packer"]["waiting"][0][static_cast<std::size_t>(i)] = 1 << 30;
    EXPECT_THROW(first->restore(broken), Error) << i;
  }
  EXPECT_THROW(first->next(0, 48), Error);
  EXPECT_THROW(first->restore(Json()), Error);
}

INSTANTIATE_TEST_SUITE_P(Formats, EveryFormat,
                         ::testing::Values(LearningFormat::next_token, LearningFormat::masked,
                                           LearningFormat::classify, LearningFormat::instruct,
                                           LearningFormat::preference),
                         [](const auto& test) { return name_of(test.param); });

TEST(BatchSource, HidesTokensAsBert) {
  DataBench bench;
  bench.settings.format = LearningFormat::masked;
  bench.add("a.txt", many_lines(3000, "word")).cut = TextCut::lines;
  const PreparedData data = bench.prepare();
  const auto source = make_batch_source(data, *bench.tokenizer, {.seed = 5});
  const Vocabulary& vocabulary = bench.tokenizer->vocabulary();
  const Token mask = *vocabulary.role(TokenRole::mask);
  double rows = 0, targets = 0, masked = 0, kept = 0;
  for (int i = 0; i < 60; ++i) {
    const TrainingBatch batch = source->next(8, 64);
    for (std::size_t r = 0; r < batch.targets.size(); ++r) {
      if (batch.targets[r] == TrainingBatch::kNoTarget) {
        rows += vocabulary.is_special(batch.rows.tokens[r]) ? 0 : 1;
        EXPECT_NE(batch.rows.tokens[r], mask);
        continue;
      }
      EXPECT_FALSE(vocabulary.is_special(batch.targets[r]));
      ++rows;
      ++targets;
      masked += batch.rows.tokens[r] == mask ? 1 : 0;
      kept += batch.rows.tokens[r] == batch.targets[r] ? 1 : 0;
    }
  }
  EXPECT_NEAR(targets / rows, 0.15, 0.01);
  EXPECT_NEAR(masked / targets, 0.8, 0.03);
  EXPECT_NEAR(kept / targets, 0.1, 0.03);
}

TEST(BatchSource, PairsStandSideBySide) {
  DataBench bench;
  bench.settings.format = LearningFormat::preference;
  std::string lines;
  for (int i = 0; i < 9; ++i) {
    lines +=
        fmt::format("{{\"prompt\":\"p{0}\",\"chosen\":\"yes{0}\",\"rejected\":\"no{0}\"}}\n", i);
  }
  bench.add("a.jsonl", lines);
  const PreparedData data = bench.prepare();
  const auto source = make_batch_source(data, *bench.tokenizer, {});
  const TrainingBatch batch = source->next(4, 60);
  ASSERT_EQ(batch.rows.sequences.size() % 2, 0U);
  ASSERT_GE(batch.rows.sequences.size(), 2U);
  for (std::size_t i = 0; i < batch.rows.sequences.size(); ++i) {
    const SequenceRows& sequence = batch.rows.sequences[i];
    std::vector<Token> answer;
    for (std::int64_t r = sequence.first_row; r < sequence.first_row + sequence.count; ++r) {
      const Token target = batch.targets[static_cast<std::size_t>(r)];
      if (target != TrainingBatch::kNoTarget) answer.push_back(target);
    }
    const std::string text = bench.tokenizer->decode(answer);
    EXPECT_EQ(text.rfind(i % 2 == 0 ? "yes" : "no", 0), 0U) << text;
  }
  EXPECT_THROW(source->next(3, 60), Error);
}

TEST(BatchSource, SaysWhenNothingCanBeLearnt) {
  DataBench bench;
  bench.settings.format = LearningFormat::instruct;
  bench.add("a.jsonl", "{\"prompt\":\"a long prompt before it\",\"completion\":\"yes\"}\n");
  const PreparedData data = bench.prepare();
  const auto source = make_batch_source(data, *bench.tokenizer, {});
  EXPECT_THROW(source->next(4, 3), Error);
  EXPECT_THROW(make_batch_source(data, *bench.tokenizer, {.held_out = true}), Error);
  EXPECT_THROW(make_batch_source(data, *bench.tokenizer, {.rank = 2, .world = 2}), Error);
}

}  // namespace
}  // namespace jielong
