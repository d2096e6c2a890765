#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "cli/run_program.h"
#include "facade/tiny_model.h"

namespace jielong::test {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

Json json_of(const Outcome& outcome) { return parse_json(outcome.out, "standard output"); }

const std::vector<std::string> kCommands{
    "run",       "serve",      "pull",  "list",  "show",   "rm",         "convert", "tokenize",
    "tokenizer", "perplexity", "bench", "embed", "doctor", "completion", "train",   "runs"};

TEST(Cli, HelpAndVersion) {
  Program program;
  const Outcome help = program.run({});
  EXPECT_EQ(help.code, 0);
  for (const auto& command : kCommands) EXPECT_THAT(help.out, HasSubstr("  " + command + " "));
  EXPECT_THAT(program.run({"--version"}).out, StartsWith("jielong "));
  for (const auto& command : kCommands) {
    const Outcome outcome = program.run({command, "--help"});
    EXPECT_EQ(outcome.code, 0) << command;
    EXPECT_THAT(outcome.out, HasSubstr("Examples:")) << command;
  }
}

TEST(Cli, WrongUsageIsTwoAndNamesTheHelp) {
  Program program;
  for (const std::vector<std::string>& words : {std::vector<std::string>{"nonsense"},
                                                {"run", "--nonsense"},
                                                {"run", "--top-k", "many"},
                                                {"embed"},
                                                {"run", "--kv-type", "q1"}}) {
    const Outcome outcome = program.run(words);
    EXPECT_EQ(outcome.code, 2) << words.back();
    EXPECT_THAT(outcome.error, StartsWith("error: "));
    EXPECT_THAT(outcome.error, HasSubstr("\nfix: "));
    EXPECT_EQ(outcome.out, "");
  }
}

TEST(Cli, ErrorsAreOneAndSayWhatToDo) {
  Program program;
  const Outcome outcome = program.run({"show", "no-such-model"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.error, StartsWith("error: "));
  EXPECT_THAT(outcome.error, HasSubstr("fix: "));
  EXPECT_THAT(outcome.error, Not(HasSubstr("\x1b[")));
  const Outcome json = program.run({"show", "no-such-model", "--json"});
  EXPECT_EQ(json.code, 1);
  EXPECT_EQ(parse_json(json.error, "standard error")["error"]["kind"], "not_found");
}

TEST(Cli, DoctorExplains) {
  Program program;
  const Outcome outcome = program.run({"doctor"});
  EXPECT_EQ(outcome.code, 0);
  for (const char* word : {"kernels", "threads", "memory", "models"}) {
    EXPECT_THAT(outcome.out, HasSubstr(word));
  }
  const Json json = json_of(program.run({"doctor", "--json"}));
  EXPECT_GE(json["threads"].get<int>(), 1);
  EXPECT_FALSE(json["isa_choice"].empty());
  program.environment["JIELONG_ISA"] = "nonsense";
  EXPECT_EQ(program.run({"doctor"}).code, 1);
}

TEST(Cli, ListIsEmptyAtFirst) {
  Program program;
  const Outcome outcome = program.run({"list"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.error, HasSubstr("jielong pull"));
  EXPECT_EQ(json_of(program.run({"list", "--json"})), Json::array());
}

TEST(Cli, ModelsInOurFolderAreListedAndShown) {
  Program program;
  const Json known = json_of(program.run({"pull", "--known", "--json"}));
  EXPECT_FALSE(known.empty());
  EXPECT_EQ(program.run({"pull", "smollm2"}).code, 1);  // offline here
  EXPECT_EQ(program.run({"rm", "smollm2"}).code, 1);
}

TEST(Cli, ShowTellsSizes) {
  Program program;
  const TinyModel model;
  const Json json = json_of(program.run({"show", model.path(), "--json"}));
  EXPECT_EQ(json["family"], "llama");
  EXPECT_EQ(json["vocabulary"], 80);
  EXPECT_EQ(json["chat_template"], true);
  EXPECT_THAT(program.run({"show", model.path()}).out, HasSubstr("llama"));
  EXPECT_THAT(program.run({"show", model.path(), "--template"}).out, HasSubstr("{% for m in"));
  EXPECT_THAT(program.run({"show", model.path(), "--tensors"}).out, HasSubstr("embed_tokens"));
  EXPECT_THAT(program.run({"show", model.path(), "--metadata"}).out, HasSubstr("hidden_size"));
}

TEST(Cli, TokenizeThereAndBack) {
  Program program;
  const TinyModel model;
  const Outcome ids = program.run({"tokenize", model.path(), "--ids", "abc z"});
  EXPECT_EQ(ids.out, "4 5 6 3 29\n");
  EXPECT_EQ(program.run({"tokenize", model.path(), "-d"}, ids.out).out, "abc z\n");
  EXPECT_EQ(program.run({"tokenize", model.path(), "--count"}, "hello\n").out, "5\n");
  const Json json = json_of(program.run({"tokenize", model.path(), "ab", "--json"}));
  EXPECT_EQ(json["count"], 2);
  EXPECT_EQ(json["tokens"][1]["text"], "b");
  EXPECT_THAT(program.run({"tokenize", model.path(), "a b"}).out, HasSubstr("␣"));
  EXPECT_EQ(program.run({"tokenize", model.path(), "-d", "99999"}).code, 1);
  EXPECT_EQ(program.run({"tokenize", model.path(), "-d", "x"}).code, 1);
}

TEST(Cli, RunAnswersOnceAndTheSameWithOneSeed) {
  Program program;
  const TinyModel model;
  const std::vector<std::string> words{"run", model.path(), "-n", "12", "--seed", "5", "hello"};
  const Outcome first = program.run(words);
  EXPECT_EQ(first.code, 0) << first.error;
  EXPECT_GT(first.out.size(), 1U);
  EXPECT_EQ(program.run(words).out, first.out);
  std::vector<std::string> threads = words;
  threads.insert(threads.end(), {"--threads", "1"});
  EXPECT_EQ(program.run(threads).out, first.out);
  EXPECT_EQ(program.run({"run", model.path(), "-n", "12", "--seed", "5"}, "hello\n").out,
            first.out);
  std::vector<std::string> lookup = words;
  lookup.push_back("--lookup");
  EXPECT_EQ(program.run(lookup).out, first.out);
}

TEST(Cli, RunAsksItselfWhenNobodyDoes) {
  Program program;
  const TinyModel model;
  const Outcome outcome = program.run({"run", model.path(), "-n", "5"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.error, HasSubstr("You: What is the capital of France?"));
}

TEST(Cli, RunWorksWithoutAChatTemplate) {
  Program program;
  const TinyModel model;
  std::filesystem::remove(std::filesystem::path(model.path()) / "chat_template.jinja");
  for (const bool raw : {false, true}) {
    std::vector<std::string> words{"run", model.path(), "-n", "4", "--ignore-end", "hello"};
    if (raw) words.push_back("--raw");
    const Outcome outcome = program.run(words);
    EXPECT_EQ(outcome.code, 0) << outcome.error;
    EXPECT_GT(outcome.out.size(), 1U);
  }
}

TEST(Cli, RunAsJson) {
  Program program;
  const TinyModel model;
  const Outcome outcome =
      program.run({"run", model.path(), "-n", "4", "--ignore-end", "--seed", "1", "--answers", "2",
                   "--logprobs", "2", "--show-dice=3", "--json", "hello"});
  ASSERT_EQ(outcome.code, 0) << outcome.error;
  const Json json = json_of(outcome);
  EXPECT_EQ(json["seed"], 1);
  ASSERT_EQ(json["answers"].size(), 2U);
  const Json& answer = json["answers"][0];
  EXPECT_EQ(answer["tokens"].size(), 4U);
  EXPECT_EQ(answer["finish_reason"], "length");
  EXPECT_EQ(answer["logprobs"].size(), 4U);
  EXPECT_EQ(answer["logprobs"][0]["top"].size(), 2U);
  ASSERT_EQ(answer["dice"].size(), 4U);
  EXPECT_EQ(answer["dice"][0]["steps"][0]["sampler"], "model");
  EXPECT_EQ(answer["dice"][0]["steps"][0]["top"].size(), 3U);
  EXPECT_EQ(json["stats"]["generated_tokens"], 8);
}

TEST(Cli, RunDrawsDice) {
  Program program;
  const TinyModel model;
  const Outcome outcome =
      program.run({"run", model.path(), "--raw", "-n", "2", "--show-dice", "hello"});
  ASSERT_EQ(outcome.code, 0) << outcome.error;
  EXPECT_THAT(outcome.out, HasSubstr("hello → "));
  EXPECT_THAT(outcome.out, HasSubstr("model (80)"));
  EXPECT_THAT(outcome.out, HasSubstr("◀"));
}

TEST(Cli, BeamsAndRawText) {
  Program program;
  const TinyModel model;
  const Json json = json_of(program.run({"run", model.path(), "--raw", "--beams", "4", "--answers",
                                         "2", "-n", "6", "--json", "abc"}));
  EXPECT_EQ(json["answers"].size(), 2U);
  EXPECT_EQ(program.run({"run", model.path(), "--beams", "2", "--answers", "3", "abc"}).code, 1);
}

TEST(Cli, EnvironmentTwinsAndTheFlagWins) {
  Program program;
  const TinyModel model;
  const auto tokens = [&](std::vector<std::string> more) {
    std::vector<std::string> words{"run", model.path(), "--ignore-end", "--json", "hello"};
    words.insert(words.end(), more.begin(), more.end());
    const Outcome outcome = program.run(words);
    EXPECT_EQ(outcome.code, 0) << outcome.error;
    return json_of(outcome)["answers"][0]["tokens"].size();
  };
  program.environment["JIELONG_MAX_TOKENS"] = "3";
  EXPECT_EQ(tokens({}), 3U);
  EXPECT_EQ(tokens({"-n", "5"}), 5U);
  program.environment["JIELONG_MAX_TOKENS"] = "many";
  EXPECT_EQ(program.run({"run", model.path(), "hello"}).code, 2);
}

TEST(Cli, BadValuesNameTheFlag) {
  Program program;
  const TinyModel model;
  for (const std::vector<std::string>& flags : {std::vector<std::string>{"--top-p", "2"},
                                                {"--logit-bias", "x"},
                                                {"--samplers", "nope"},
                                                {"--logit-bias", "99999+1"},
                                                {"--mirostat", "1"},
                                                {"--context", "-1"},
                                                {"--answers", "0"},
                                                {"--template", "nope"}}) {
    std::vector<std::string> words{"run", model.path(), "hello"};
    words.insert(words.end(), flags.begin(), flags.end());
    const Outcome outcome = program.run(words);
    EXPECT_EQ(outcome.code, 1) << flags[0];
    EXPECT_THAT(outcome.error, StartsWith("error: ")) << flags[0];
  }
}

TEST(Cli, TooLongPromptsAreRefusedClearly) {
  Program program;
  const TinyModel model;
  const Outcome outcome = program.run({"run", model.path(), "-n", "3"}, std::string(500, 'a'));
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.error, HasSubstr("context"));
  EXPECT_EQ(
      program.run({"run", model.path(), "-n", "3", "--context-shift"}, std::string(500, 'a')).code,
      0);
}

TEST(Cli, CtrlCInOneAnswerIs130) {
  Program program;
  const TinyModel model;
  program.interrupt = true;
  const Outcome outcome = program.run(
      {"run", model.path(), "-n", "-1", "--ignore-end", "--context-shift", "--raw", "hello"});
  EXPECT_EQ(outcome.code, 130);
  EXPECT_THAT(outcome.error, Not(HasSubstr("error")));
}

TEST(Cli, PerplexityBenchAndEmbed) {
  Program program;
  const TinyModel model;
  std::string text;
  for (int i = 0; i < 40; ++i) text += "the cat sat on the mat. ";
  const Json perplexity =
      json_of(program.run({"perplexity", model.path(), "--window", "64", "--json"}, text));
  EXPECT_GT(perplexity["perplexity"].get<double>(), 20);
  EXPECT_LT(perplexity["perplexity"].get<double>(), 5000);
  EXPECT_EQ(program.run({"perplexity", model.path()}, "short").code, 1);

  const Json bench = json_of(program.run({"bench", model.path(), "-p", "8", "-n", "4", "-d", "0,16",
                                          "-r", "2", "--no-bandwidth", "--json"}));
  EXPECT_EQ(bench["tests"].size(), 4U);
  EXPECT_GT(bench["tests"][0]["tokens_per_second"].get<double>(), 0);
  EXPECT_EQ(program.run({"bench", model.path(), "-p", "x"}).code, 1);

  const Json embedding = json_of(
      program.run({"embed", model.path(), "a cat", "a dog", "--pooling", "mean", "--json"}));
  EXPECT_EQ(embedding["dimensions"], 32);
  EXPECT_EQ(embedding["embeddings"].size(), 2U);
  EXPECT_THAT(program.run({"embed", model.path(), "abc", "abc", "--similarity"}).out,
              HasSubstr(" 1.000  1.000"));
}

TEST(Cli, ConvertMakesAFileThatRuns) {
  Program program;
  const TinyModel model;
  const std::string file = (program.folder() / "tiny.gguf").string();
  const Outcome outcome = program.run({"convert", model.path(), file, "--type", "f16"});
  ASSERT_EQ(outcome.code, 0) << outcome.error;
  EXPECT_EQ(program.run({"convert", model.path(), file, "--type", "f16"}).code, 1);  // is there
  EXPECT_EQ(program.run({"run", file, "-n", "3", "hello"}).code, 0);
  EXPECT_THAT(program.run({"convert", "--types"}).out, HasSubstr("q4_k_m\n"));
}

TEST(Cli, AFullDiskIsAnError) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full";
  const std::string command =
      std::string(JIELONG_PROGRAM) + " completion bash >/dev/full 2>/dev/null";
  const int status = std::system(command.c_str());
  EXPECT_EQ(WEXITSTATUS(status), 1);
}

TEST(Cli, CompletionScriptsParse) {
  Program program;
  for (const std::string shell : {"bash", "zsh", "fish"}) {
    const Outcome outcome = program.run({"completion", shell});
    EXPECT_EQ(outcome.code, 0);
    for (const char* word : {"run", "top-k", "perplexity"}) {
      EXPECT_THAT(outcome.out, HasSubstr(word));
    }
    const std::string which = "command -v " + shell + " >/dev/null";
    if (std::system(which.c_str()) != 0) continue;
    write_file(program.folder() / "script", outcome.out);
    const std::string check = shell + " -n " + (program.folder() / "script").string();
    EXPECT_EQ(std::system(check.c_str()), 0) << shell;
  }
  EXPECT_EQ(program.run({"completion", "csh"}).code, 1);
}

TEST(Cli, BashCompletesCommandsFlagsAndChoices) {
  Program program;
  write_file(program.folder() / "script", program.run({"completion", "bash"}).out);
  const auto complete = [&](const std::string& words, int at) {
    const std::string out = (program.folder() / "completed").string();
    const std::string line =
        "bash -c 'source " + (program.folder() / "script").string() + "; COMP_WORDS=(jielong " +
        words + "); COMP_CWORD=" + std::to_string(at) + "; _jielong; echo ${COMPREPLY[@]}' >" + out;
    EXPECT_EQ(std::system(line.c_str()), 0);
    return read_file(out);
  };
  EXPECT_EQ(complete("perp", 1), "perplexity\n");
  EXPECT_EQ(complete("run --top-", 2), "--top-k --top-p --top-n-sigma\n");
  EXPECT_EQ(complete("run --kv-type q", 3), "q8_0\n");
}

constexpr const char* kTinyRecipe = R"(about: tiny
model: {layers: 1, channels: 16, heads: 2, context: 16}
tokenizer: {train: bytes}
data: {sources: [{path: text.txt, cut: lines}], held_out: 0.2}
batch: {sequences: 2, length: 16}
budget: {steps: 4}
evaluation: {every: 2, batches: 1}
)";

TEST(Cli, TrainsListsAndGoesOn) {
  Program program;
  std::string text;
  for (int i = 0; i < 50; ++i) text += "line " + std::to_string(i) + " of a text\n";
  write_file(program.folder() / "text.txt", text);
  write_file(program.folder() / "tiny.yaml", kTinyRecipe);
  EXPECT_THAT(program.run({"runs"}).error, HasSubstr("jielong train"));

  const Json plan = json_of(program.run({"train", "tiny.yaml", "--dry-run", "--json"}));
  EXPECT_GT(plan["parameters"], 1000);
  EXPECT_GT(plan["memory"]["total"], 0);
  EXPECT_GT(plan["seconds"], 0);
  EXPECT_EQ(json_of(program.run({"runs", "--json"})), Json::array());

  const Outcome outcome = program.run({"train", "tiny.yaml", "--threads", "1", "--json"});
  ASSERT_EQ(outcome.code, 0) << outcome.error;
  const Json run = json_of(outcome);
  EXPECT_EQ(run["state"], "finished");
  EXPECT_EQ(run["steps_done"], 4);
  EXPECT_TRUE(std::filesystem::exists(run["report"].get<std::string>()));
  EXPECT_EQ(program.run({"runs", "--quiet"}).out, run["name"].get<std::string>() + "\n");
  EXPECT_THAT(program.run({"runs"}).out, HasSubstr("4/4"));
  EXPECT_THAT(program.run({"runs", "show", "tiny"}).out, HasSubstr("report.html"));
  const Outcome shown = program.run({"show", run["model"].get<std::string>(), "--json"});
  EXPECT_EQ(json_of(shown)["family"], "llama");

  const Outcome more = program.run(
      {"train", "tiny.yaml", "--resume", "--set", "budget.steps=6", "--threads", "1", "--json"});
  ASSERT_EQ(more.code, 0) << more.error;
  EXPECT_EQ(json_of(more)["name"], run["name"]);
  EXPECT_EQ(json_of(more)["resumed_from"], 4);
  EXPECT_EQ(json_of(more)["steps_done"], 6);
}

TEST(Cli, RecipesAreCheckedBeforeAnythingIsDone) {
  Program program;
  write_file(program.folder() / "bad.yaml", "model:\n  laeyrs: 2\n");
  const Outcome outcome = program.run({"train", "bad.yaml"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.error, HasSubstr("bad.yaml:2"));
  EXPECT_THAT(outcome.error, HasSubstr("did you mean \"layers\"?"));
  for (const std::vector<std::string>& words : {std::vector<std::string>{"train"},
                                                {"train", "absent.yaml"},
                                                {"train", "--resume"},
                                                {"train", "--resume", "nothing"},
                                                {"runs", "show", "nothing"},
                                                {"runs", "frobnicate"}}) {
    const Outcome wrong = program.run(words);
    EXPECT_EQ(wrong.code, 1) << words.back();
    EXPECT_THAT(wrong.error, HasSubstr("fix: ")) << words.back();
  }
  const Outcome schema = program.run({"train", "--schema"});
  EXPECT_EQ(parse_json(schema.out, "schema")["type"], "object");
}

}  // namespace
}  // namespace jielong::test
