// From files to shards.
#include "train/data/prepare.h"

#include <gmock/gmock.h>

#include <set>
#include <string>

#include "base/error.h"
#include "base/file.h"
#include "train/data/support.h"

namespace jielong {
namespace {

using test::DataBench;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string failure(DataBench& bench) {
  try {
    bench.prepare();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

TEST(Prepare, SurroundsDocuments) {
  DataBench bench;
  bench.add("a.txt", "the cat\n\nthe dog").cut = TextCut::paragraphs;
  const PreparedData data = bench.prepare();
  const TokenShard& shard = data.sources[0].training;
  ASSERT_EQ(shard.documents(), 2);
  EXPECT_EQ(bench.text(shard, 0), "<s>the cat</s>");
  EXPECT_EQ(bench.text(shard, 1), "<s>the dog</s>");
  EXPECT_EQ(shard.info().text_bytes, 14U);
  EXPECT_EQ(data.training_tokens(), shard.tokens());
}

TEST(Prepare, HoldsOutTheSameDocumentsWhereverTheyStand) {
  std::string lines, reversed;
  for (int i = 0; i < 2000; ++i) {
    const std::string line = "document number " + std::to_string(i) + "\n";
    lines += line;
    reversed.insert(0, line);
  }
  std::set<std::string> held[2];
  for (int round = 0; round < 2; ++round) {
    DataBench bench;
    bench.settings.held_out = 0.1;
    bench.add("a.txt", round == 0 ? lines : reversed + "one more\n").cut = TextCut::lines;
    const PreparedData data = bench.prepare();
    const TokenShard& shard = data.sources[0].held_out;
    EXPECT_GT(shard.documents(), 140);
    EXPECT_LT(shard.documents(), 260);
    EXPECT_GE(shard.documents() + data.sources[0].training.documents(), 2000);
    for (std::int64_t i = 0; i < shard.documents(); ++i) held[round].insert(bench.text(shard, i));
  }
  for (const std::string& text : held[0]) EXPECT_EQ(held[1].count(text), 1U) << text;
}

TEST(Prepare, IsTheSameAtAnyNumberOfThreads) {
  DataBench bench;
  std::string lines;
  for (int i = 0; i < 10000; ++i) lines += "the cat and dog " + std::to_string(i * i) + "\n";
  bench.add("a.txt", lines).cut = TextCut::lines;
  bench.settings.held_out = 0.2;
  bench.prepare("one");
  ThreadPool many(5);
  prepare_data(bench.settings, *bench.tokenizer, nullptr, bench.folder / "many", many);
  // Without a chat template the key differs, the tokens must not.
  const auto a = TokenShard::open(bench.folder / "one/a.training.tokens");
  const auto b = TokenShard::open(bench.folder / "many/a.training.tokens");
  ASSERT_EQ(a.tokens(), b.tokens());
  for (std::int64_t i = 0; i < a.tokens(); ++i) ASSERT_EQ(a.token(i), b.token(i));
}

TEST(Prepare, UsesWhatIsThere) {
  DataBench bench;
  bench.add("a.txt", "the cat");
  bench.prepare();
  const auto path = bench.folder / "shards/a.training.tokens";
  const auto written = std::filesystem::last_write_time(path);
  bench.prepare();
  EXPECT_EQ(std::filesystem::last_write_time(path), written);
  write_file(bench.folder / "a.txt", "the dogs");
  const PreparedData data = bench.prepare();
  EXPECT_EQ(bench.text(data.sources[0].training, 0), "<s>the dogs</s>");
  write_file(path, "damaged");
  EXPECT_EQ(bench.text(bench.prepare().sources[0].training, 0), "<s>the dogs</s>");
}

TEST(Prepare, CountsDuplicatesAndEmptyDocuments) {
  DataBench bench;
  bench.add("a.jsonl",
            "{\"text\":\"a cat\"}\n{\"text\":\"a cat\"}\n{\"text\":\"\"}\n{\"text\":\"b\"}\n");
  PreparedData data = bench.prepare();
  EXPECT_EQ(data.sources[0].training.documents(), 4);  // BOS and EOS are to learn, too
  EXPECT_EQ(data.sources[0].training.info().counts.duplicates, 1U);
  bench.settings.drop_duplicates = true;
  data = bench.prepare();
  EXPECT_EQ(data.sources[0].training.documents(), 3);
  EXPECT_EQ(data.sources[0].training.info().counts.records, 4U);
}

TEST(Prepare, ReplacesOrRefusesWhatIsNotUtf8) {
  DataBench bench;
  bench
      .add("a.txt",
           "good\nb\xFF"
           "d\n")
      .cut = TextCut::lines;
  const PreparedData data = bench.prepare();
  EXPECT_EQ(bench.text(data.sources[0].training, 1),
            "<s>b\xEF\xBF\xBD"
            "d</s>");
  EXPECT_EQ(data.sources[0].training.info().counts.repaired, 1U);
  bench.settings.invalid_utf8 = InvalidUtf8::refuse;
  EXPECT_THAT(failure(bench), HasSubstr("a.txt:2: is not UTF-8"));
}

TEST(Prepare, NamesTheLineThatIsWrong) {
  const std::string good = "{\"text\": \"a\"}\n";
  const std::pair<std::string, std::string> cases[] = {
      {"{\"text\": \n", "a.jsonl:3"},
      {"[1]\n", "is not a JSON object"},
      {"{\"txt\": \"a\", \"id\": 1}\n", "has no field \"text\""},
      {"{\"txt\": \"a\", \"id\": 1}\n", "there is: txt, id"},
      {"{\"text\": 5}\n", "is not a text"}};
  for (const auto& [bad, expected] : cases) {
    DataBench bench;
    bench.add("a.jsonl", good + good + bad + good);
    EXPECT_THAT(failure(bench), HasSubstr(expected));
    EXPECT_THAT(failure(bench), HasSubstr("a.jsonl:3"));
    EXPECT_FALSE(std::filesystem::exists(bench.folder / "shards/a.training.tokens"));
  }
}

TEST(Prepare, RefusesSettingsThatCannotBe) {
  const auto refused = [](auto change) {
    DataBench bench;
    bench.add("a.txt", "text");
    change(bench);
    return failure(bench);
  };
  EXPECT_THAT(refused([](auto& b) { b.settings.sources.clear(); }), HasSubstr("sources"));
  EXPECT_THAT(refused([](auto& b) { b.settings.sources[0].name = "../x"; }), HasSubstr("sources"));
  EXPECT_THAT(refused([](auto& b) { b.settings.sources.push_back(b.settings.sources[0]); }),
              HasSubstr("two are called"));
  EXPECT_THAT(refused([](auto& b) { b.settings.sources[0].weight = 0; }), HasSubstr("weight"));
  EXPECT_THAT(refused([](auto& b) { b.settings.held_out = 1.5; }), HasSubstr("held_out"));
  EXPECT_THAT(refused([](auto& b) { b.settings.format = LearningFormat::instruct; }),
              HasSubstr("plain text cannot be learnt as instruct"));
  EXPECT_THAT(refused([](auto& b) { b.add("b.txt", ""); }), HasSubstr("nothing to learn"));
}

TEST(Prepare, ClassesAreNumberedInOrder) {
  DataBench bench;
  bench.settings.format = LearningFormat::classify;
  bench.add("a.jsonl",
            "{\"text\":\"x\",\"label\":10}\n{\"text\":\"y\",\"label\":\"9\"}\n"
            "{\"text\":\"z\",\"label\":10}\n");
  PreparedData data = bench.prepare();
  EXPECT_THAT(data.classes, ElementsAre("9", "10"));
  EXPECT_EQ(data.sources[0].training.label(0), 1);
  EXPECT_EQ(data.sources[0].training.label(1), 0);
  EXPECT_EQ(bench.text(data.sources[0].training, 0), "<s>x");
  bench.settings.classes = {"10", "7"};
  EXPECT_THAT(failure(bench), HasSubstr("the label \"9\" is none of the classes"));
  bench.settings.classes = {"10", "9"};
  EXPECT_EQ(bench.prepare().sources[0].training.label(0), 0);
}

TEST(Prepare, OfChatsOnlyAnswersAreLearnt) {
  DataBench bench;
  bench.settings.format = LearningFormat::instruct;
  bench.add("a.jsonl",
            R"({"messages":[{"role":"system","content":"S"},{"role":"user","content":"the cat"},)"
            R"({"role":"assistant","content":"sat"},{"role":"user","content":"more"},)"
            R"({"role":"assistant","content":"and sang"}]})"
            "\n"
            R"({"prompt":"the dog","completion":"ran"})"
            "\n");
  const PreparedData data = bench.prepare();
  const TokenShard& shard = data.sources[0].training;
  EXPECT_EQ(bench.text(shard, 1),
            "<|im_start|>user\nthe dog<|im_end|>\n<|im_start|>assistant\nran<|im_end|>\n");
  EXPECT_EQ(bench.learnt_text(shard, 0), "sat<|im_end|>\nand sang<|im_end|>\n");
  EXPECT_EQ(bench.learnt_text(shard, 1), "ran<|im_end|>\n");
}

TEST(Prepare, OfPairsBothAnswersStandBehindThePrompt) {
  DataBench bench;
  bench.settings.format = LearningFormat::preference;
  bench.add("a.jsonl", "{\"prompt\":\"the\",\"chosen\":\"cat\",\"rejected\":\"dog\"}\n");
  const PreparedData data = bench.prepare();
  const TokenShard& shard = data.sources[0].training;
  ASSERT_EQ(shard.documents(), 2);
  EXPECT_EQ(bench.learnt_text(shard, 0), "cat<|im_end|>\n");
  EXPECT_EQ(bench.learnt_text(shard, 1), "dog<|im_end|>\n");
}

TEST(Prepare, WithoutTemplatePromptAndAnswerAreJoined) {
  DataBench bench;
  bench.settings.format = LearningFormat::instruct;
  bench.add("a.jsonl", "{\"prompt\":\"the cat\",\"completion\":\" sat\"}\n");
  const PreparedData data =
      prepare_data(bench.settings, *bench.tokenizer, nullptr, bench.folder / "s", bench.pool);
  EXPECT_EQ(bench.text(data.sources[0].training, 0), "<s>the cat sat</s>");
  EXPECT_EQ(bench.learnt_text(data.sources[0].training, 0), " sat</s>");
  bench.add("b.jsonl", "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}\n");
  EXPECT_THAT(failure(bench), HasSubstr("no turn of the assistant"));
}

}  // namespace
}  // namespace jielong
