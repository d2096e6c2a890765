// How close the engine's quantized arithmetic stays to exact arithmetic on real models,
// beside what llama.cpp's does on the same text: JIELONG_TEST_MODELS names the folder with
// the files and their F32 twins. Method and figures: tests/model/goldens/README.md.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "evaluate/perplexity.h"
#include "model/model_runner.h"
#include "tensor/vector.h"

namespace jielong {
namespace {

namespace fs = std::filesystem;

const fs::path kGoldens = fs::path(JIELONG_TEST_DATA) / "model" / "goldens";
constexpr std::int64_t kWindow = 512;

struct Subject {
  const char* name;  ///< in the reference files
  const char* file;
  const char* exact_file;
};

class Quality : public testing::TestWithParam<Subject> {
 protected:
  void SetUp() override {
    const char* folder = std::getenv("JIELONG_TEST_MODELS");
    if (folder == nullptr) GTEST_SKIP() << "JIELONG_TEST_MODELS is not set";
    folder_ = folder;
    if (!fs::exists(folder_ / GetParam().file)) GTEST_SKIP() << "no " << GetParam().file;
  }

  std::shared_ptr<Model> load(const char* file) {
    auto model = Model::load(folder_ / file, {.context_length = kWindow});
    model->prepare(pool_);
    return model;
  }

  double reference(const char* file, const char* field) {
    const Json all = parse_json(read_file(kGoldens / file), file);
    return all.at(GetParam().name).at(field).get<double>();
  }

  fs::path folder_;
  ThreadPool pool_{2};
  std::string text_ = read_file(kGoldens / "perplexity_64k.txt");
};

TEST_P(Quality, PerplexityWithinThreeThousandthsOfLlamaCpp) {
  const auto model = load(GetParam().file);
  ModelRunner runner(model, pool_);
  const auto tokens = model->tokenizer().encode(text_);
  const auto result = measure_perplexity(runner, model->tokenizer(), tokens);
  const double expected = reference("perplexity.json", "perplexity");
  std::printf("%s: perplexity %.4f, llama.cpp %.4f\n", GetParam().name, result.perplexity,
              expected);
  EXPECT_NEAR(result.perplexity / expected, 1, 0.003);
}

TEST_P(Quality, DivergenceFromExactArithmeticNoLargerThanLlamaCpp) {
  if (GetParam().exact_file == nullptr || !fs::exists(folder_ / GetParam().exact_file)) {
    GTEST_SKIP() << "no F32 twin";
  }
  const auto quantized = load(GetParam().file), exact = load(GetParam().exact_file);
  ModelRunner of_quantized(quantized, pool_), of_exact(exact, pool_, {.kv_type = KvType::f32});
  const Tokenizer& tokenizer = quantized->tokenizer();
  const auto tokens = tokenizer.encode(text_);
  const auto vocabulary = of_quantized.vocabulary();

  // Logits for positions 256 … 510 of a window.
  const auto second_half = [&](ModelRunner& runner, std::span<const Token> window) {
    const SequenceId id = runner.open();
    const Slice first{id, window.first(kWindow / 2), false};
    runner.evaluate({&first, 1});
    const Slice second{id, window.subspan(kWindow / 2, kWindow / 2 - 1), true};
    const Logits logits = runner.evaluate({&second, 1});
    runner.close(id);
    return logits;
  };
  double sum = 0;
  std::int64_t scored = 0;
  for (std::size_t w = 0; (w + 1) * kWindow <= tokens.size(); w += 4) {
    std::vector<Token> window(tokens.begin() + static_cast<std::ptrdiff_t>(w * kWindow),
                              tokens.begin() + static_cast<std::ptrdiff_t>((w + 1) * kWindow));
    if (tokenizer.adds_bos()) window[0] = *tokenizer.vocabulary().role(TokenRole::bos);
    const Logits q = second_half(of_quantized, window), p = second_half(of_exact, window);
    for (std::int64_t i = 0; i < p.rows; ++i) {
      const auto exact_row = p.row(i), row = q.row(i);
      const double exact_total = vectors().log_sum_exp(exact_row.data(), vocabulary);
      const double total = vectors().log_sum_exp(row.data(), vocabulary);
      for (std::size_t t = 0; t < row.size(); ++t) {
        const double log_p = exact_row[t] - exact_total;
        sum += std::exp(log_p) * (log_p - (row[t] - total));
      }
      ++scored;
    }
  }
  const double mean = sum / static_cast<double>(scored);
  const double theirs = reference("kl_reference.json", "mean_kl");
  std::printf("%s: mean divergence %.6f nats, llama.cpp %.6f\n", GetParam().name, mean, theirs);
  EXPECT_LE(mean, theirs);
}

INSTANTIATE_TEST_SUITE_P(
    RealModels, Quality,
    testing::Values(Subject{"smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf",
                            "SmolLM2-135M-Instruct.Q4_1.f32.gguf"},
                    Subject{"gemma3", "gemma-3-270m-q4_k_m.gguf", "gemma-3-270m-q4_k_m.f32.gguf"},
                    Subject{"qwen2.5-coder", "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf", nullptr}),
    [](const auto& subject) {
      const std::string name = subject.param.name;
      return name.substr(0, name.find('.'));
    });

}  // namespace
}  // namespace jielong
