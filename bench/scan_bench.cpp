// Linear-time mixers: training for bench/scan.py, and the cost of a token far into a text.
//
//   bench_scan train mamba|mamba2|delta THREADS   one layer of 768 channels, 2 sequences of 512
//   bench_scan decode [THREADS=2] [TOKENS=65536]   Mamba, Mamba-2, gated DeltaNet, a Transformer
//                                                  and hybrids, 8 sublayers of 256 channels
//
// train prints "ready" after two rounds and then obeys lines on standard input: a number runs so
// many forward and backward passes and prints their seconds. decode prints a Markdown table:
// milliseconds for a token after so many others, and what the chain keeps in memory by then.

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "model/model.h"
#include "model/model_runner.h"
#include "tensor/ops/cross_entropy.h"
#include "tensor/tape.h"

namespace {

using namespace jielong;

double seconds_now(int threads) {
  timespec t{};
  clock_gettime(threads == 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

/// The layer of bench/scan_twin.py, between an embedding and a head of 64 tokens.
std::shared_ptr<Model> one_layer(std::string_view kind, ThreadPool& pool) {
  Hyperparameters hyper;
  hyper.family = "jielong";
  hyper.pattern = kind == "mamba" ? "M" : kind == "mamba2" ? "S" : "D";
  hyper.layers = 1, hyper.channels = 768, hyper.heads = 12, hyper.vocabulary = 64;
  hyper.context_length = 512;
  if (kind == "mamba2") hyper.mamba2.states = 128;
  if (kind == "delta") hyper.delta_net.inner = 1536;
  return Model::create(hyper, {}, pool);
}

int train(std::string_view kind, int threads) {
  ThreadPool pool(threads);
  const auto model = one_layer(kind, pool);
  Workspace workspace(pool);
  Tape tape(*model->parameters());
  Batch batch;
  std::vector<Token> targets;
  Rng rng(1);
  for (std::int64_t s = 0; s < 2; ++s) {
    batch.sequences.push_back({batch.rows(), 512, 0, nullptr});
    for (std::int64_t t = 0; t < 512; ++t) {
      batch.output_rows.push_back(batch.rows());
      batch.tokens.push_back(static_cast<Token>(rng.uniform() * 64));
      batch.positions.push_back(t);
      targets.push_back(static_cast<Token>(rng.uniform() * 64));
    }
  }
  const auto run = [&] {
    workspace.arena().release({});
    model->parameters()->zero_gradients(pool);
    Pass pass(workspace, nullptr, &tape);
    ModelPass model_pass(pass, batch);
    PredictionLoss loss;
    loss.targets = targets;
    loss.scale = 1.0f / 1024;
    cross_entropy(pass, model->stack().hidden(model_pass), model->stack().head, loss);
    tape.backward();
  };
  run();
  run();
  fmt::print("ready\n");
  std::fflush(stdout);
  char line[64];
  while (std::fgets(line, sizeof line, stdin) != nullptr) {
    const int rounds = std::atoi(line);
    const double begin = seconds_now(threads);
    for (int i = 0; i < rounds; ++i) run();
    fmt::print("{}\n", seconds_now(threads) - begin);
    std::fflush(stdout);
  }
  return 0;
}

std::shared_ptr<Model> stack_of(const std::string& pattern, std::int64_t tokens, ThreadPool& pool) {
  Hyperparameters hyper;
  hyper.family = "jielong";
  hyper.pattern = pattern;
  hyper.layers = 8, hyper.channels = 256, hyper.heads = 4, hyper.vocabulary = 256;
  hyper.context_length = tokens + 64;
  auto model = Model::create(hyper, {}, pool);
  model->prepare(pool);
  return model;
}

int decode(int threads, std::int64_t tokens) {
  ThreadPool pool(threads);
  std::vector<std::int64_t> places;
  for (std::int64_t place = tokens; place >= 256; place /= 4) places.push_back(place);
  std::reverse(places.begin(), places.end());
  fmt::print("| Pattern |");
  for (const std::int64_t place : places) fmt::print(" after {} |", place);
  fmt::print("\n|---|");
  for (std::size_t i = 0; i < places.size(); ++i) fmt::print("--:|");
  fmt::print("\n");
  for (const char* pattern : {"MF", "SF", "DF", "AF", "MFMFMFAF"}) {
    const auto model = stack_of(pattern, tokens, pool);
    ModelRunner runner(model, pool, {.max_chains = 1});
    const SequenceId id = runner.open();
    Rng rng(1);
    const auto some = [&](std::int64_t count) {
      std::vector<Token> result;
      for (std::int64_t i = 0; i < count; ++i) {
        result.push_back(static_cast<Token>(rng.uniform() * 256));
      }
      return result;
    };
    fmt::print("| {} |", pattern);
    for (const std::int64_t place : places) {
      const std::vector<Token> rest = some(place - runner.length(id));
      const Slice slice{id, rest, false};
      runner.evaluate({&slice, 1});
      std::vector<double> times;
      for (int i = 0; i < 33; ++i) {
        const std::vector<Token> one = some(1);
        const Slice next{id, one, false};
        const double begin = seconds_now(threads);
        runner.evaluate({&next, 1});
        times.push_back(seconds_now(threads) - begin);
      }
      std::nth_element(times.begin(), times.begin() + 16, times.end());
      const KvCache& cache = runner.cache();
      const double bytes =
          static_cast<double>(cache.used_blocks() * cache.block_bytes() + cache.states().bytes());
      fmt::print(" {:.2f} ms, {:.1f} MB |", times[16] * 1e3, bytes / 1e6);
      std::fflush(stdout);
    }
    fmt::print("\n");
  }
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  const std::vector<std::string_view> words(arguments + 1, arguments + count);
  if (words.size() == 3 && words[0] == "train") return train(words[1], std::atoi(arguments[3]));
  if (!words.empty() && words[0] == "decode") {
    return decode(words.size() > 1 ? std::atoi(arguments[2]) : 2,
                  words.size() > 2 ? std::atoll(arguments[3]) : 65536);
  }
  fmt::print(stderr, "usage: bench_scan train KIND THREADS | decode [THREADS] [TOKENS]\n");
  return 2;
}
