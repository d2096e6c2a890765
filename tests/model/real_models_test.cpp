// Greedy continuations of real models against llama.cpp's, where their files are at hand:
// JIELONG_TEST_MODELS names the folder. See tests/model/goldens/README.md.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/json.h"
#include "model/model_runner.h"
#include "tensor/vector.h"

namespace jielong {
namespace {

namespace fs = std::filesystem;

struct RealModel {
  const char* file;
  const char* continuations;
};

class Continuations : public testing::TestWithParam<RealModel> {};

/// Two tokens this close in log-probability may change places between exact and rounded
/// arithmetic.
constexpr double kTie = 0.1;

TEST_P(Continuations, EqualLlamaCppUpToTies) {
  const char* folder = std::getenv("JIELONG_TEST_MODELS");
  if (folder == nullptr) GTEST_SKIP() << "JIELONG_TEST_MODELS is not set";
  const fs::path path = fs::path(folder) / GetParam().file;
  if (!fs::exists(path)) GTEST_SKIP() << path << " is not there";
  const fs::path golden =
      fs::path(JIELONG_TEST_DATA) / "model" / "goldens" / GetParam().continuations;
  const Json reference = parse_json(read_file(golden), golden.string());

  ThreadPool pool(2);
  const auto model = Model::load(path, {.context_length = 1024});
  model->prepare(pool);
  ModelRunner runner(model, pool);
  int identical = 0, ties = 0, prompts = 0;
  for (const Json& entry : reference.at("continuations")) {
    const auto prompt = entry.at("prompt").get<std::vector<Token>>();
    const auto ids = entry.at("ids").get<std::vector<Token>>();
    const auto best = entry.at("logprobs").get<std::vector<double>>();
    const auto second = entry.at("second_logprobs").get<std::vector<double>>();
    // Fed llama.cpp's own tokens, every step must choose the same next one. Up to the
    // first difference this is what a greedy continuation does.
    std::vector<Token> chain = prompt;
    chain.insert(chain.end(), ids.begin(), ids.end() - 1);
    const Slice slice{runner.open(), chain, true};
    const Logits logits = runner.evaluate({&slice, 1});
    ++prompts;
    std::size_t step = 0;
    for (; step < ids.size(); ++step) {
      const auto row = logits.row(static_cast<std::int64_t>(prompt.size() - 1 + step));
      if (vectors().argmax(row.data(), logits.vocabulary) != ids[step]) break;
    }
    if (step == ids.size()) {
      ++identical;
    } else {
      EXPECT_LE(best[step] - second[step], kTie) << "prompt " << prompts << ", step " << step;
      ++ties;
    }
    runner.close(slice.sequence);
  }
  RecordProperty("identical", identical);
  std::printf("%s: %d of %d continuations identical, %d part at a tie\n", GetParam().file,
              identical, prompts, ties);
}

INSTANTIATE_TEST_SUITE_P(
    LlamaCpp, Continuations,
    testing::Values(RealModel{"SmolLM2-135M-Instruct.Q4_1.gguf", "continuations_smollm2.json"},
                    RealModel{"gemma-3-270m-q4_k_m.gguf", "continuations_gemma3.json"},
                    RealModel{"qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
                              "continuations_qwen2.5-coder.json"}),
    [](const auto& model) {
      std::string name = model.param.file;
      name = name.substr(0, name.find_first_of("-."));
      return name;
    });

}  // namespace
}  // namespace jielong
