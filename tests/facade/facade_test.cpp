// The public interfaces on a whole tiny model. Only public headers are used: what these
// tests do, any program can do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <jielong/jielong.hpp>

#include <cmath>
#include <cstring>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "facade/tiny_model.h"

namespace {

using jielong::Chain;
using jielong::Error;
using jielong::GenerateOptions;
using jielong::Model;
using jielong::Token;
using testing::HasSubstr;

class Facade : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    files_ = new jielong::test::TinyModel;
    model_ = new Model(files_->path(), {.threads = 2});
  }
  static void TearDownTestSuite() {
    delete model_;
    delete files_;
  }

  static const Model& model() { return *model_; }
  static const std::string path() { return files_->path(); }

  static GenerateOptions greedy(std::int64_t tokens) {
    GenerateOptions options;
    options.temperature = 0;
    options.max_tokens = tokens;
    options.ignore_end = true;
    return options;
  }

 private:
  static inline jielong::test::TinyModel* files_ = nullptr;
  static inline Model* model_ = nullptr;
};

TEST_F(Facade, TellsAboutTheModel) {
  const jielong_model_info info = model().info();
  EXPECT_STREQ(info.architecture, "llama");
  EXPECT_EQ(info.vocabulary, 80);
  EXPECT_EQ(info.layers, 2);
  EXPECT_EQ(info.width, 32);
  EXPECT_EQ(info.context_length, 128);
  EXPECT_EQ(info.generates, 1);
  EXPECT_GT(info.parameters, 10'000);
  EXPECT_THAT(jielong_version(), testing::MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
  EXPECT_STRNE(jielong_isa(), "");
}

TEST_F(Facade, TextToTokensAndBack) {
  const std::string text = "Hello, world";
  const std::vector<Token> tokens = model().tokenize(text, 0);
  EXPECT_EQ(tokens.size(), text.size());
  EXPECT_EQ(model().detokenize(tokens), text);
  EXPECT_TRUE(model().tokenize("", 0).empty());
  EXPECT_EQ(model().detokenize({}), "");
  EXPECT_EQ(model().tokenize("</s>", JIELONG_PARSE_SPECIAL), std::vector<Token>{2});
  EXPECT_EQ(model().tokenize("</s>", 0).size(), 4U);
  EXPECT_TRUE(model().is_end(2));
  EXPECT_FALSE(model().is_end(5));
  EXPECT_FALSE(model().is_end(-1));
  EXPECT_EQ(model().detokenize({2}), "");
  EXPECT_EQ(model().detokenize({2}, JIELONG_SHOW_SPECIAL), "</s>");
}

TEST_F(Facade, LongTextNeedsTheSecondCall) {
  const std::string text(5000, 'x');
  EXPECT_EQ(model().detokenize(model().tokenize(text, 0)), text);
}

TEST_F(Facade, SameSeedSameBytes) {
  GenerateOptions options;
  options.max_tokens = 40;
  options.temperature = 1.5;
  options.ignore_end = true;
  options.seed = 7;
  const auto continuation = [&] {
    Chain chain(model());
    chain.append(model().tokenize("Once upon", 0));
    return chain.generate(options).text;
  };
  const std::string first = continuation();
  EXPECT_EQ(continuation(), first);
  options.seed = 8;
  EXPECT_NE(continuation(), first);
}

TEST_F(Facade, StreamsWhatItReturns) {
  Chain chain(model());
  chain.append(model().tokenize("abc", 0));
  std::string streamed;
  int events = 0;
  GenerateOptions options = greedy(10);
  options.top_logprobs = 3;
  const auto answer = chain.generate(options, [&](const jielong_event& event) {
    streamed.append(event.text, event.text_length);
    EXPECT_EQ(std::strlen(event.text), event.text_length);
    EXPECT_EQ(event.top_count, 3U);
    EXPECT_EQ(event.top[0].token, event.token) << "greedy takes the best";
    EXPECT_DOUBLE_EQ(event.top[0].logprob, event.logprob);
    EXPECT_EQ(event.finish, ++events == 10 ? JIELONG_FINISH_LENGTH : JIELONG_FINISH_NONE);
    return true;
  });
  EXPECT_EQ(events, 10);
  EXPECT_EQ(streamed, answer.text);
  EXPECT_EQ(answer.result.finish, JIELONG_FINISH_LENGTH);
  EXPECT_EQ(answer.result.prompt_tokens, 3);
  EXPECT_EQ(answer.result.generated_tokens, 10);
  EXPECT_EQ(chain.tokens().size(), 13U);
}

TEST_F(Facade, StoppedChainsGoOnAsIfNothingHappened) {
  Chain whole(model()), parts(model());
  const auto prompt = model().tokenize("abc", 0);
  whole.append(prompt);
  parts.append(prompt);
  const std::string expected = whole.generate(greedy(12)).text;
  int events = 0;
  const auto first = parts.generate(greedy(12), [&](const jielong_event&) { return ++events < 5; });
  EXPECT_EQ(first.result.finish, JIELONG_FINISH_CANCELLED);
  const auto left = 12 - first.result.generated_tokens;
  const auto second = parts.generate(greedy(left));
  EXPECT_GT(second.result.reused_tokens, 0);
  EXPECT_EQ(first.text + second.text, expected);
  EXPECT_EQ(parts.tokens(), whole.tokens());
}

TEST_F(Facade, CancelEndsTheNextGeneration) {
  Chain chain(model());
  chain.append(model().tokenize("abc", 0));
  std::thread([&] { chain.cancel(); }).join();
  EXPECT_EQ(chain.generate(greedy(50)).result.finish, JIELONG_FINISH_CANCELLED);
  EXPECT_EQ(chain.generate(greedy(3)).result.finish, JIELONG_FINISH_LENGTH);
}

TEST_F(Facade, CallbackMayThrow) {
  Chain chain(model());
  chain.append(model().tokenize("abc", 0));
  EXPECT_THROW(
      chain.generate(greedy(5),
                     [](const jielong_event&) -> bool { throw std::out_of_range("callback"); }),
      std::out_of_range);
  EXPECT_EQ(chain.generate(greedy(2)).result.generated_tokens, 2);
}

TEST_F(Facade, ForksContinueAlike) {
  Chain chain(model());
  chain.append(model().tokenize("abcdef", 0));
  chain.generate(greedy(3));
  Chain fork = chain.fork();
  EXPECT_EQ(fork.tokens(), chain.tokens());
  const auto a = chain.generate(greedy(8));
  const auto b = fork.generate(greedy(8));
  EXPECT_EQ(a.text, b.text);
  EXPECT_EQ(b.result.reused_tokens, a.result.reused_tokens);
}

TEST_F(Facade, AssignKeepsACommonBeginning) {
  Chain chain(model());
  chain.append(model().tokenize("The quick brown fox", 0));
  chain.generate(greedy(1));
  chain.assign(model().tokenize("The quick red fox", 0));
  const auto answer = chain.generate(greedy(4));
  EXPECT_GE(answer.result.reused_tokens, 10);
  Chain fresh(model());
  fresh.append(model().tokenize("The quick red fox", 0));
  EXPECT_EQ(fresh.generate(greedy(4)).text, answer.text);
}

TEST_F(Facade, NextShowsTheDistributionBeforeAndAfterTheSamplers) {
  Chain chain(model());
  chain.append(model().tokenize("abc", 0));
  const auto all = chain.next(1000);
  ASSERT_EQ(all.size(), 80U);
  double sum = 0;
  for (const auto& candidate : all) sum += candidate.probability;
  EXPECT_NEAR(sum, 1, 1e-6);
  for (std::size_t i = 1; i < all.size(); ++i) {
    EXPECT_GE(all[i - 1].probability, all[i].probability);
  }
  GenerateOptions options;
  options.top_k = 3;
  options.top_p = 1;
  options.min_p = 0;
  options.temperature = 1;
  const auto cut = chain.next(1000, options);
  ASSERT_EQ(cut.size(), 3U);
  const double kept = all[0].probability + all[1].probability + all[2].probability;
  EXPECT_EQ(cut[0].token, all[0].token);
  EXPECT_NEAR(cut[0].probability, all[0].probability / kept, 1e-6);
  EXPECT_EQ(chain.next(1).size(), 1U);
  // Looking changes nothing.
  chain.generate(greedy(1));
  EXPECT_EQ(chain.tokens().back(), all[0].token);
}

TEST_F(Facade, ChatRemembersAndReuses) {
  jielong::Chat chat(model(), "Be brief");
  const auto first = chat.say("hello", greedy(5));
  EXPECT_EQ(first.result.prompt_tokens, std::ssize(std::string("s:Be brief_u:hello_a:")));
  const auto second = chat.say("again", greedy(5));
  EXPECT_GE(second.result.reused_tokens, first.result.prompt_tokens);
  ASSERT_EQ(chat.messages().size(), 5U);
  EXPECT_EQ(chat.messages()[2].content, first.text);
  EXPECT_EQ(model().chat_prompt({{"user", "hi"}}), "u:hi</s>a:");
}

TEST_F(Facade, EmbeddingsHaveLengthOne) {
  const std::vector<float> a = model().embed("hello world");
  ASSERT_EQ(a.size(), 32U);
  double squares = 0;
  for (const float x : a) squares += x * x;
  EXPECT_NEAR(squares, 1, 1e-5);
  EXPECT_EQ(model().embed("hello world"), a);
  EXPECT_NE(model().embed("hello there"), a);
  EXPECT_NE(model().embed("hello world", JIELONG_POOL_LAST), a);
}

TEST_F(Facade, ErrorsSayWhatIsWrong) {
  try {
    Model("/nothing/here.gguf");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), JIELONG_NOT_FOUND);
    EXPECT_THAT(error.what(), HasSubstr("/nothing/here.gguf"));
  }
  Chain chain(model());
  EXPECT_THROW(chain.generate(), Error) << "without any tokens";
  EXPECT_THROW(chain.next(5), Error);
  EXPECT_THROW(chain.append({80}), Error);
  EXPECT_THROW(chain.append({-1}), Error);
  EXPECT_THROW(model().detokenize({1234}), Error);
  EXPECT_THROW(model().embed(""), Error);
  GenerateOptions wrong;
  wrong.top_p = -3;
  chain.append({5});
  EXPECT_THROW(chain.generate(wrong), Error);
  chain.append(std::vector<Token>(500, 5));
  try {
    chain.generate();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), JIELONG_LIMIT) << error.what();
  }
  EXPECT_THROW(Model(path(), {.threads = -2}), Error);
  // A C program can pass a number that is no jielong_kv_type.
  jielong_model_options options;
  jielong_model_options_init(&options, sizeof options);
  options.kv_type = 9;
  jielong_model* loaded = nullptr;
  EXPECT_EQ(jielong_model_load(path().c_str(), &options, &loaded), JIELONG_BAD_INPUT);
}

TEST_F(Facade, NullPointersAreErrorsNotCrashes) {
  EXPECT_EQ(jielong_model_load(nullptr, nullptr, nullptr), JIELONG_BAD_INPUT);
  jielong_model* loaded = nullptr;
  EXPECT_EQ(jielong_model_load(nullptr, nullptr, &loaded), JIELONG_BAD_INPUT);
  EXPECT_THAT(jielong_last_error(), HasSubstr("name"));
  size_t count = 0;
  EXPECT_EQ(jielong_tokenize(model().get(), nullptr, 3, 0, nullptr, 0, &count), JIELONG_BAD_INPUT);
  EXPECT_EQ(jielong_tokenize(nullptr, "abc", 3, 0, nullptr, 0, &count), JIELONG_BAD_INPUT);
  EXPECT_EQ(jielong_tokenize(model().get(), "abc", 3, 0, nullptr, 0, nullptr), JIELONG_BAD_INPUT);
  EXPECT_EQ(jielong_chain_generate(nullptr, nullptr, nullptr, nullptr, nullptr), JIELONG_BAD_INPUT);
  EXPECT_EQ(jielong_model_get_info(model().get(), nullptr), JIELONG_BAD_INPUT);
  EXPECT_EQ(jielong_is_end(nullptr, 1), 0);
  jielong_model_free(nullptr);
  jielong_chain_free(nullptr);
  jielong_chain_cancel(nullptr);
  jielong_generation_init(nullptr, 8);
}

TEST_F(Facade, BuffersTellTheirSize) {
  size_t count = 0;
  EXPECT_EQ(jielong_tokenize(model().get(), "abc", 3, 0, nullptr, 0, &count),
            JIELONG_BUFFER_TOO_SMALL);
  EXPECT_EQ(count, 3U);
  const std::vector<Token> abc = model().tokenize("abc", 0);
  char text[4] = "???";
  EXPECT_EQ(jielong_detokenize(model().get(), abc.data(), 3, 0, text, 3, &count),
            JIELONG_BUFFER_TOO_SMALL)
      << "no room for the zero";
  EXPECT_EQ(jielong_detokenize(model().get(), abc.data(), 3, 0, text, 4, &count), JIELONG_OK);
  EXPECT_EQ(std::strlen(text), 3U);
}

TEST_F(Facade, StructsOfOtherVersionsWork) {
  // An older program's shorter struct: members it does not know have their defaults, and
  // nothing is written behind its end.
  struct Older {
    size_t struct_size;
    int64_t max_tokens;
    int64_t guard;
  } older{0, 0, 42};
  jielong_generation_init(reinterpret_cast<jielong_generation*>(&older), 16);
  EXPECT_EQ(older.struct_size, 16U);
  EXPECT_EQ(older.max_tokens, -1);
  EXPECT_EQ(older.guard, 42);
  older.max_tokens = 2;
  jielong_chain* chain = nullptr;
  ASSERT_EQ(jielong_chain_open(model().get(), &chain), JIELONG_OK);
  const Token a = model().tokenize("a", 0)[0];
  ASSERT_EQ(jielong_chain_append(chain, &a, 1), JIELONG_OK);
  EXPECT_EQ(jielong_chain_generate(chain, reinterpret_cast<jielong_generation*>(&older), nullptr,
                                   nullptr, nullptr),
            JIELONG_OK);
  size_t count = 0;
  jielong_chain_tokens(chain, nullptr, 0, &count);
  EXPECT_LE(count, 3U);
  // A struct that was never initialised is refused.
  jielong_generation empty;
  std::memset(&empty, 0, sizeof empty);
  EXPECT_EQ(jielong_chain_generate(chain, &empty, nullptr, nullptr, nullptr), JIELONG_BAD_INPUT);
  EXPECT_THAT(jielong_last_error(), HasSubstr("_init"));
  jielong_chain_free(chain);
}

TEST_F(Facade, ThreadsTakeTurnsOnOneModel) {
  Chain alone(model());
  alone.append(model().tokenize("abc", 0));
  const std::string expected = alone.generate(greedy(20)).text;
  std::vector<std::string> answers(3);
  std::vector<std::thread> threads;
  for (auto& answer : answers) {
    threads.emplace_back([&] {
      Chain chain(model());
      chain.append(model().tokenize("abc", 0));
      answer = chain.generate(greedy(20)).text;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_THAT(answers, testing::Each(expected));
}

TEST_F(Facade, ChainsOutliveTheirModel) {
  auto short_lived = std::make_unique<Model>(path());
  jielong_chain* chain = nullptr;
  ASSERT_EQ(jielong_chain_open(short_lived->get(), &chain), JIELONG_OK);
  short_lived.reset();
  const Token a = model().tokenize("a", 0)[0];
  EXPECT_EQ(jielong_chain_append(chain, &a, 1), JIELONG_OK);
  size_t count = 0;
  jielong_candidate best;
  EXPECT_EQ(jielong_chain_next(chain, nullptr, &best, 1, &count), JIELONG_OK);
  jielong_chain_free(chain);
}

}  // namespace
