#include "generate/model_pool.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "base/busy_error.h"
#include "base/file.h"
#include "base/scratch.h"
#include "facade/tiny_model.h"

namespace jielong {
namespace {

ModelPoolOptions small() {
  ModelPoolOptions options;
  options.threads = 2;
  options.context_length = 128;
  options.max_chains = 2;
  options.memory_bytes = std::uint64_t{1} << 30;
  return options;
}

std::vector<Token> answer(LoadedModel& model, const std::string& text) {
  std::promise<JobResult> done;
  Job job;
  job.prompt = model.model().tokenizer().encode(text);
  job.options.max_tokens = 12;
  job.options.ignore_end = true;
  job.on_end = [&](const JobResult& result) { done.set_value(result); };
  model.scheduler().submit(std::move(job));
  const JobResult result = done.get_future().get();
  EXPECT_FALSE(result.error);
  return result.chains[0].tokens;
}

/// Waits for what another thread does soon.
template <typename Condition>
void eventually(const Condition& condition) {
  while (!condition()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

TEST(ModelPool, LoadsOnceForAllWhoAsk) {
  const test::TinyModel tiny;
  ModelPool pool(small());
  EXPECT_TRUE(pool.loaded().empty());
  std::vector<std::future<std::shared_ptr<LoadedModel>>> waiting;
  for (int i = 0; i < 6; ++i) {
    waiting.push_back(std::async(std::launch::async, [&] { return pool.acquire(tiny.path()); }));
  }
  std::vector<std::shared_ptr<LoadedModel>> models;
  for (auto& each : waiting) models.push_back(each.get());
  for (const auto& model : models) EXPECT_EQ(model.get(), models[0].get());
  const auto loaded = pool.loaded();
  ASSERT_EQ(loaded.size(), 1U);
  EXPECT_TRUE(loaded[0].busy);
  EXPECT_FALSE(loaded[0].loading);
  EXPECT_GT(loaded[0].bytes, 0U);
  EXPECT_EQ(answer(*models[0], "abc").size(), 12U);
  EXPECT_NE(models[0]->chat_template().render_json("[{\"role\":\"user\",\"content\":\"x\"}]", {}),
            "");
}

TEST(ModelPool, TellsEveryoneOfAFailureAndTriesAgain) {
  const test::Scratch folder;
  write_file(folder / "config.json", "{\"model_type\": \"llama\"}");
  write_file(folder / "model.safetensors", "rubbish");
  ModelPool pool(small());
  std::vector<std::future<void>> waiting;
  for (int i = 0; i < 4; ++i) {
    waiting.push_back(
        std::async(std::launch::async, [&] { pool.acquire(folder.path().string()); }));
  }
  for (auto& each : waiting) EXPECT_THROW(each.get(), Error);
  EXPECT_TRUE(pool.loaded().empty());
  EXPECT_THROW(pool.acquire(folder.path().string()), Error);
  EXPECT_THROW(pool.acquire((folder / "missing.gguf").string()), Error);
}

TEST(ModelPool, MakesRoomByUnloadingTheOneUnusedForLongest) {
  const test::TinyModel a, b, c;
  ModelPoolOptions options = small();
  std::uint64_t bytes = 0;
  {
    ModelPool pool(options);
    pool.acquire(a.path());
    bytes = pool.loaded()[0].bytes;
  }
  options.memory_bytes = 2 * bytes;
  ModelPool pool(options);
  pool.acquire(a.path());
  pool.acquire(b.path());
  pool.acquire(a.path());
  EXPECT_EQ(pool.loaded().size(), 2U);
  const auto third = pool.acquire(c.path());
  auto loaded = pool.loaded();
  ASSERT_EQ(loaded.size(), 2U);
  for (const LoadedModelInfo& info : loaded) EXPECT_NE(info.path, b.path());
  // With both in use there is no room for another.
  const auto first = pool.acquire(a.path());
  EXPECT_THROW(pool.acquire(b.path()), BusyError);
  EXPECT_EQ(pool.loaded().size(), 2U);
}

TEST(ModelPool, AShorterCacheRatherThanNone) {
  const test::TinyModel tiny;
  ModelPoolOptions options = small();
  std::uint64_t two = 0, one = 0;
  {
    ModelPool pool(options);
    pool.acquire(tiny.path());
    two = pool.loaded()[0].bytes;
    options.max_chains = 1;
    ModelPool other(options);
    other.acquire(tiny.path());
    one = other.loaded()[0].bytes;
  }
  ASSERT_LT(one, two);
  options.max_chains = 2;
  options.memory_bytes = one;
  ModelPool pool(options);
  const auto model = pool.acquire(tiny.path());
  EXPECT_EQ(pool.loaded()[0].bytes, one);
  EXPECT_EQ(model->runner().cache().max_blocks(), 2U);  // 128 tokens
  options.memory_bytes = one - 1;
  ModelPool too_small(options);
  try {
    too_small.acquire(tiny.path());
    FAIL();
  } catch (const BusyError&) {
    FAIL() << "waiting would not help";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::limit);
  }
}

TEST(ModelPool, UnloadsWhenTheLastUserIsDone) {
  const test::TinyModel tiny;
  ModelPool pool(small());
  auto model = pool.acquire(tiny.path());
  pool.unload(tiny.path());
  EXPECT_EQ(answer(*model, "abc").size(), 12U);
  EXPECT_EQ(pool.loaded().size(), 1U);
  model.reset();
  eventually([&] { return pool.loaded().empty(); });
  pool.unload("no such model");
}

TEST(ModelPool, UnloadsWhatNobodyUsed) {
  const test::TinyModel tiny;
  ModelPoolOptions options = small();
  options.keep_alive = std::chrono::seconds(0);
  ModelPool pool(options);
  pool.acquire(tiny.path());
  eventually([&] { return pool.loaded().empty(); });
}

TEST(ModelPool, KeepsAModelAsLongAsItsUserAsks) {
  const test::TinyModel tiny;
  ModelPoolOptions options = small();
  options.keep_alive = std::chrono::seconds(0);
  ModelPool pool(options);
  std::shared_ptr<LoadedModel> model = pool.acquire(tiny.path());
  pool.keep_alive(tiny.path(), std::chrono::hours(1));
  model.reset();
  const std::vector<LoadedModelInfo> kept = pool.loaded();
  ASSERT_EQ(kept.size(), 1U);
  ASSERT_TRUE(kept[0].expires_in);
  EXPECT_GT(*kept[0].expires_in, std::chrono::minutes(50));
  pool.keep_alive(tiny.path(), std::chrono::milliseconds(-1));
  EXPECT_FALSE(pool.loaded().at(0).expires_in);
  pool.keep_alive(tiny.path(), std::chrono::milliseconds(1));
  eventually([&] { return pool.loaded().empty(); });
}

TEST(ModelPool, ModelsOutliveThePoolWhileTheyAreUsed) {
  const test::TinyModel tiny;
  std::shared_ptr<LoadedModel> model;
  {
    ModelPool pool(small());
    model = pool.acquire(tiny.path());
  }
  EXPECT_EQ(answer(*model, "abc").size(), 12U);
}

TEST(ModelPool, KeepsPrefixesOverRestarts) {
  const test::TinyModel tiny;
  const test::Scratch folder;
  ModelPoolOptions options = small();
  options.prefix_folder = folder / "prefixes";
  const std::string text(100, 'a');
  std::vector<Token> expected;
  {
    ModelPool pool(options);
    expected = answer(*pool.acquire(tiny.path()), text);
  }
  {
    ModelPool pool(options);
    const auto model = pool.acquire(tiny.path());
    EXPECT_GE(pool.loaded()[0].stats.cached_prefix_tokens, 64);
    EXPECT_EQ(answer(*model, text), expected);
    EXPECT_GE(model->scheduler().stats().reused_tokens, 64U);
  }
  for (const auto& file : std::filesystem::directory_iterator(options.prefix_folder)) {
    write_file(file.path(), "damaged");
  }
  ModelPool pool(options);
  const auto model = pool.acquire(tiny.path());
  EXPECT_NE(pool.loaded()[0].note, "");
  EXPECT_EQ(answer(*model, text), expected);
}

TEST(ModelPool, ModelsTakeTurnsOnOnePool) {
  const test::TinyModel a, b;
  ModelPool pool(small());
  const auto first = pool.acquire(a.path()), second = pool.acquire(b.path());
  const auto expected = answer(*first, "hello");
  std::vector<std::future<std::vector<Token>>> answers;
  for (int i = 0; i < 8; ++i) {
    LoadedModel& model = i % 2 == 0 ? *first : *second;
    answers.push_back(std::async(std::launch::async, [&] { return answer(model, "hello"); }));
  }
  for (auto& each : answers) EXPECT_EQ(each.get(), expected);
}

TEST(ModelPool, EncodersEmbedBetweenSteps) {
  const std::string path = std::string(JIELONG_TEST_DATA) + "/model/goldens/bert";
  ModelPool pool(small());
  const auto model = pool.acquire(path);
  Job job;
  job.prompt = {1, 2, 3};
  EXPECT_THROW(model->scheduler().submit(std::move(job)), Error);
  std::int64_t channels = 0;
  const std::vector<Token> tokens{1, 2, 3};
  model->scheduler().between_steps(
      [&] { channels = model->runner().hidden_states(tokens).channels; });
  EXPECT_EQ(channels, model->model().hyper().channels);
}

}  // namespace
}  // namespace jielong
