// A model that trains when asked to, for bench/training.py.
//
//   bench_training gpt2|10m f32|bf16 THREADS
//
// Prints "ready" after two steps, then obeys lines on standard input: a number runs so many steps
// and prints their seconds, "memory" prints the peak RSS in bytes. Tokens are random; steps are
// whole: forward, backward and AdamW.

#include <fmt/format.h>
#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/random.h"
#include "model/model.h"
#include "train/objective.h"
#include "train/trainer.h"

namespace {

using namespace jielong;

/// Whole sequences of random tokens.
class RandomTokens : public BatchSource {
 public:
  explicit RandomTokens(std::int64_t vocabulary) : vocabulary_(vocabulary) {}

  TrainingBatch next(std::int64_t sequences, std::int64_t length) override {
    TrainingBatch batch;
    for (std::int64_t s = 0; s < sequences; ++s) {
      batch.rows.sequences.push_back({s * length, length, 0, nullptr});
      for (std::int64_t t = 0; t < length; ++t) {
        batch.rows.output_rows.push_back(s * length + t);
        batch.rows.positions.push_back(t);
        batch.rows.tokens.push_back(token());
        batch.targets.push_back(token());
      }
    }
    return batch;
  }
  Json position() const override { return {}; }
  void restore(const Json&) override {}
  double epochs() const override { return 0; }

 private:
  Token token() { return static_cast<Token>(rng_.uniform() * static_cast<double>(vocabulary_)); }
  std::int64_t vocabulary_;
  Rng rng_{1};
};

/// The models of bench/training_twin.py.
Hyperparameters model_named(std::string_view name) {
  Hyperparameters hyper;
  if (name == "gpt2") {
    hyper.family = "gpt2";
    hyper.layers = 12, hyper.channels = 768, hyper.vocabulary = 50257, hyper.heads = 12;
    hyper.context_length = 1024, hyper.feed_forward = 3072;
    hyper.activation = Activation::gelu_tanh;
  } else {
    hyper.family = "llama";
    hyper.layers = 10, hyper.channels = 256, hyper.vocabulary = 8192, hyper.heads = 8;
    hyper.context_length = 256, hyper.feed_forward = 768;
  }
  return hyper;
}

double seconds_now(int threads) {
  timespec t{};
  clock_gettime(threads == 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

double peak_rss() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) * 1024;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    fmt::print(stderr, "usage: bench_training gpt2|10m f32|bf16 THREADS\n");
    return 2;
  }
  const std::string_view name = argv[1];
  ThreadPool pool(std::max(1, std::atoi(argv[3])));
  const auto hyper = model_named(name);
  const auto model = Model::create(hyper, {}, pool);
  TokenObjective objective(model);
  RandomTokens source(hyper.vocabulary);
  TrainerOptions options;
  options.steps = 1 << 30;
  options.sequences = 4;
  options.length = name == "gpt2" ? 64 : 256;
  options.precision = argv[2] == std::string_view("bf16") ? Precision::bf16 : Precision::f32;
  options.clip_norm = 0;
  Trainer trainer(pool, *model->parameters(), objective, source, options);
  trainer.step();
  trainer.step();
  fmt::print("ready\n");
  std::fflush(stdout);
  char line[64];
  while (std::fgets(line, sizeof line, stdin) != nullptr) {
    if (std::string_view(line).starts_with("memory")) {
      fmt::print("{:.0f}\n", peak_rss());
    } else {
      const double start = seconds_now(pool.size());
      for (int i = std::atoi(line); i > 0; --i) trainer.step();
      fmt::print("{}\n", seconds_now(pool.size()) - start);
    }
    std::fflush(stdout);
  }
}
