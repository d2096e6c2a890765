#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "generate/generator.h"
#include "generate/scheduler/batcher.h"
#include "generate/scheduler/paged_runner.h"

namespace jielong {

/// A prompt whose tokens look random but are the same every time.
inline std::vector<Token> prompt_of(std::size_t count, std::uint64_t seed = 1,
                                    std::int64_t vocabulary = 16) {
  Rng rng(seed);
  std::vector<Token> tokens(count);
  for (Token& token : tokens) {
    token = static_cast<Token>(rng() % static_cast<std::uint64_t>(vocabulary));
  }
  return tokens;
}

inline GenerateOptions sampled(std::int64_t max_tokens, std::uint64_t seed = 7) {
  GenerateOptions options;
  options.sampling.temperature = 1;
  options.max_tokens = max_tokens;
  options.seed = seed;
  return options;
}

/// What became of a job whose callbacks were called.
struct Outcome {
  std::vector<TokenEvent> events;
  std::vector<std::vector<Token>> tokens;  ///< by chain, from the events
  int ends = 0;
  JobResult result;
};

/// A batcher and its jobs, stepped by hand.
class Bench {
 public:
  explicit Bench(Runner& runner, SchedulerOptions options = {},
                 const Tokenizer* tokenizer = nullptr)
      : batcher(runner, tokenizer, options) {}

  /// Returns the job's number, from 0.
  std::size_t add(std::vector<Token> prompt, const GenerateOptions& options, std::int64_t n = 1) {
    outcomes.push_back(std::make_unique<Outcome>());
    Outcome& outcome = *outcomes.back();
    outcome.tokens.resize(static_cast<std::size_t>(n));
    auto request = std::make_unique<Request>();
    request->id = outcomes.size();
    request->job.prompt = std::move(prompt);
    request->job.options = options;
    request->job.n = n;
    request->job.on_token = [&outcome](const TokenEvent& event) {
      outcome.events.push_back(event);
      if (event.token == TokenEvent::kNoToken) return;
      outcome.tokens[static_cast<std::size_t>(event.chain)].push_back(event.token);
    };
    batcher.check(request->job);
    batcher.enqueue(std::move(request));
    return outcomes.size() - 1;
  }

  void step() {
    batcher.step();
    end();
  }
  void cancel(std::size_t job) {
    batcher.cancel(job + 1);
    end();
  }
  void run() {
    while (!batcher.idle()) step();
  }

  Outcome& operator[](std::size_t job) { return *outcomes[job]; }
  std::size_t tokens(std::size_t job) { return outcomes[job]->tokens[0].size(); }

  Batcher batcher;
  std::vector<std::unique_ptr<Outcome>> outcomes;

 private:
  void end() {
    for (const auto& request : batcher.take_ended()) {
      Outcome& outcome = *outcomes[request->id - 1];
      ++outcome.ends;
      outcome.result = request->result();
    }
  }
};

/// What the job's chains say when nobody else is there.
inline std::vector<std::vector<Token>> alone(const std::vector<Token>& prompt,
                                             const GenerateOptions& options, std::int64_t n = 1,
                                             std::int64_t vocabulary = 16) {
  PagedRunner runner(100000, 2048, vocabulary);
  std::vector<std::vector<Token>> tokens;
  for (const ChainResult& chain : generate(runner, nullptr, prompt, options, n).chains) {
    tokens.push_back(chain.tokens);
  }
  return tokens;
}

}  // namespace jielong
