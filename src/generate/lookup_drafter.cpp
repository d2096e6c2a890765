#include <algorithm>

#include "base/error.h"
#include "generate/drafter.h"

namespace jielong {
namespace {

class LookupDrafter final : public Drafter {
 public:
  LookupDrafter(std::int64_t longest, std::int64_t shortest)
      : longest_(longest), shortest_(shortest) {}

  Draft propose(const SamplerChain& chain, std::int64_t most) override {
    const auto history = chain.history();
    const auto size = static_cast<std::int64_t>(history.size());
    // The latest occurrence of the longest suffix that occurred before.
    std::int64_t best_length = shortest_ - 1, best_end = -1;
    for (std::int64_t end = size - 1; end >= shortest_ && best_length < longest_; --end) {
      std::int64_t length = 0;
      while (length < longest_ && length < end &&
             history[static_cast<std::size_t>(end - 1 - length)] ==
                 history[static_cast<std::size_t>(size - 1 - length)]) {
        ++length;
      }
      if (length > best_length) {
        best_length = length;
        best_end = end;
      }
    }
    Draft draft;
    if (best_end < 0) return draft;
    const std::int64_t count = std::min(most, size - best_end);
    const auto followed =
        history.subspan(static_cast<std::size_t>(best_end),
                        static_cast<std::size_t>(std::max<std::int64_t>(count, 0)));
    draft.tokens.assign(followed.begin(), followed.end());
    return draft;
  }

 private:
  std::int64_t longest_, shortest_;
};

}  // namespace

std::unique_ptr<Drafter> make_lookup_drafter(std::int64_t longest, std::int64_t shortest) {
  if (shortest < 1 || longest < shortest) {
    throw bad_input("the shortest look-up must be at least 1 and at most the longest",
                    "prompt look-up");
  }
  return std::make_unique<LookupDrafter>(longest, shortest);
}

}  // namespace jielong
