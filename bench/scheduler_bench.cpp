// What continuous batching brings: tokens a second of 1, 16 and 64 chains that decode at once,
// and the scheduler's own time in a step. The first argument is a model file, the second a
// number of threads; without a model only the scheduler itself is measured.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <future>
#include <memory>
#include <vector>

#include "base/machine.h"
#include "base/random.h"
#include "base/thread_pool.h"
#include "generate/scheduler/scheduler.h"
#include "model/model_runner.h"

namespace jielong {
namespace {

/// Answers at once, always the same.
class FreeRunner : public Runner {
 public:
  std::int64_t vocabulary() const override { return 256; }
  std::int64_t context_length() const override { return 4096; }
  SequenceId open() override { return next_++; }
  SequenceId fork(SequenceId, std::int64_t) override { return next_++; }
  void truncate(SequenceId, std::int64_t) override {}
  void close(SequenceId) override {}
  std::int64_t length(SequenceId) const override { return 0; }
  Logits evaluate(std::span<const Slice> slices) override {
    rows_.resize(slices.size() * 256);
    return {rows_.data(), static_cast<std::int64_t>(slices.size()), 256};
  }

 private:
  SequenceId next_ = 0;
  std::vector<float> rows_;
};

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void measure(const char* name, Runner& runner, ThreadPool* pool, std::int64_t chains,
             std::int64_t tokens, std::size_t prompt, double temperature) {
  SchedulerOptions options;
  options.max_active = chains;
  options.pool = pool;
  options.prefix_tokens = 0;
  Scheduler scheduler(runner, nullptr, options);
  std::vector<std::promise<void>> ends(static_cast<std::size_t>(chains));
  Rng rng(1);
  std::promise<void> decoding;
  std::int64_t first = 0;  // of the scheduler's thread
  for (auto& end : ends) {
    Job job;
    job.prompt.resize(prompt);
    for (Token& token : job.prompt) {
      token = static_cast<Token>(rng() % static_cast<std::uint64_t>(runner.vocabulary()));
    }
    job.options.sampling.temperature = temperature;
    job.options.max_tokens = tokens;
    job.options.seed = rng();
    job.on_token = [&, begun = false](const TokenEvent&) mutable {
      if (begun) return;
      begun = true;
      if (++first == chains) decoding.set_value();
    };
    job.on_end = [&](const JobResult&) { end.set_value(); };
    scheduler.submit(std::move(job));
  }
  decoding.get_future().wait();
  const SchedulerStats before = scheduler.stats();
  const Clock::time_point start = Clock::now();
  const std::clock_t processor = std::clock();
  for (auto& end : ends) end.get_future().wait();
  const double seconds = seconds_since(start);
  // Of all threads: with one thread this is the time without what other programs took.
  const double worked =
      static_cast<double>(std::clock() - processor) / static_cast<double>(CLOCKS_PER_SEC);
  const SchedulerStats after = scheduler.stats();
  const auto generated = static_cast<double>(after.generated_tokens - before.generated_tokens);
  const auto steps = static_cast<double>(after.steps - before.steps);
  fmt::print("{:24} {:3} chains: {:9.1f} tokens/s, a step {:8.3f} ms, of the processor {:8.3f}\n",
             name, chains, generated / seconds, 1e3 * seconds / steps, 1e3 * worked / steps);
}

}  // namespace
}  // namespace jielong

int main(int argc, char** argv) {
  using namespace jielong;
  FreeRunner free_runner;
  for (const std::int64_t chains : {1, 16, 64}) {
    measure("scheduler alone", free_runner, nullptr, chains, 2000, 20, 0.8);
  }
  if (argc < 2) return 0;
  ThreadPool pool(argc > 2 ? std::atoi(argv[2]) : default_threads());
  const auto model = Model::load(argv[1]);
  model->prepare(pool);
  RunnerOptions options;
  options.context_length = std::min<std::int64_t>(model->context_length(), 1024);
  options.max_chains = 64;
  ModelRunner runner(model, pool, options);
  for (const double temperature : {0.0, 0.8}) {
    for (const std::int64_t chains : {1, 16, 64}) {
      measure(temperature > 0 ? "model, default samplers" : "model, greedy", runner, &pool, chains,
              128, 32, temperature);
    }
  }
  return 0;
}
