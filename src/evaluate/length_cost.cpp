#include "evaluate/length_cost.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/error.h"
#include "evaluate/test_chain.h"

namespace jielong {

std::vector<LengthCost> measure_length_cost(
    ModelRunner& runner, std::span<const std::int64_t> lengths, std::int64_t tokens,
    const std::function<void(std::int64_t length)>& on_length, const std::atomic<bool>* cancel) {
  if (lengths.empty() || lengths.front() < 0 || tokens < 1 ||
      !std::is_sorted(lengths.begin(), lengths.end())) {
    throw bad_input("lengths must ascend from 0, and at least one token is timed", "length cost");
  }
  if (lengths.back() + tokens > runner.context_length()) {
    throw Error(ErrorKind::limit,
                fmt::format("needs {} tokens, the context holds {}", lengths.back() + tokens,
                            runner.context_length()),
                "length cost");
  }
  std::vector<LengthCost> costs;
  TestChain chain(runner);
  std::int64_t held = 0;
  for (const std::int64_t length : lengths) {
    if (on_length) on_length(length);
    if (length > held) chain.grow(length - held, cancel);
    held = std::max(held, length);
    std::vector<double> seconds;
    for (std::int64_t i = 0; i < tokens; ++i) {
      const auto start = std::chrono::steady_clock::now();
      chain.append(1, cancel);
      seconds.push_back(
          std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    held += tokens;
    std::nth_element(seconds.begin(), seconds.begin() + tokens / 2, seconds.end());
    costs.push_back({length, seconds[static_cast<std::size_t>(tokens / 2)],
                     runner.cache().used_blocks() * runner.cache().block_bytes() +
                         runner.cache().states().bytes()});
  }
  return costs;
}

}  // namespace jielong
