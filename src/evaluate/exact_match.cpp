#include "evaluate/exact_match.h"

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "generate/generator.h"

namespace jielong {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::vector<Token> prompt_tokens(const Tokenizer& tokenizer, const std::string& prompt) {
  std::vector<Token> tokens = tokenizer.encode(prompt);
  // The answer follows: what ends a text does not belong here.
  if (tokenizer.adds_eos() && !tokens.empty() && tokenizer.vocabulary().is_end(tokens.back())) {
    tokens.pop_back();
  }
  return tokens;
}

bool matches(const std::string& answer, const Problem& problem, bool final_only) {
  std::string_view given = answer, right = problem.answer;
  if (final_only) {
    given = final_answer(given);
    right = final_answer(right);
  }
  return trimmed(given) == trimmed(right);
}

}  // namespace

ExactMatchResult measure_exact_match(Runner& runner, const Tokenizer& tokenizer,
                                     std::span<const Problem> problems,
                                     const ExactMatchOptions& options,
                                     const OnProblems& on_problems,
                                     const std::atomic<bool>* cancel) {
  if (problems.empty()) throw bad_input("there are no problems", "exact match");
  if (options.batch < 1) throw bad_input("batch must be at least 1", "exact match");
  const auto start = std::chrono::steady_clock::now();
  ExactMatchResult result;
  const auto batch = static_cast<std::size_t>(options.batch);
  for (std::size_t begin = 0; begin < problems.size(); begin += batch) {
    const auto some = problems.subspan(begin, std::min(batch, problems.size() - begin));
    Generator generator(runner, &tokenizer);
    for (const Problem& problem : some) {
      GenerateOptions generation;
      generation.sampling.temperature = 0;
      generation.max_tokens = options.max_tokens;
      if (options.max_tokens == 0) {
        generation.max_tokens = static_cast<std::int64_t>(
            tokenizer.encode(problem.answer, {.add_special = false}).size() + 1);
      }
      generator.add(prompt_tokens(tokenizer, problem.prompt), generation);
    }
    generator.run({}, cancel);
    if (cancel != nullptr && cancel->load(std::memory_order_relaxed)) {
      throw Error(ErrorKind::cancelled, "the measurement was stopped");
    }
    for (std::size_t i = 0; i < some.size(); ++i) {
      const Problem& problem = some[i];
      std::string answer = generator.result(i).text;
      const bool right = matches(answer, problem, options.final_only);
      result.all.add(right);
      result.groups[problem.group].add(right);
      if (!right && result.misses.size() < options.kept_misses) {
        result.misses.push_back({problem, std::move(answer)});
      }
    }
    result.generated_tokens += generator.stats().generated_tokens;
    if (on_problems) on_problems(result.all.count, static_cast<std::int64_t>(problems.size()));
  }
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace jielong
