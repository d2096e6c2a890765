#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "evaluate/share.h"
#include "evaluate/task.h"
#include "model/runner.h"
#include "token/tokenizer.h"

namespace jielong {

struct ExactMatchOptions {
  std::int64_t batch =
      64;  ///< problems answered at the same time; the runner needs that many chains
  /// The longest answer in tokens; 0: as many as the right answer has, and one for END.
  std::int64_t max_tokens = 0;
  /// Compare what follows the last written-out step only (final_answer).
  bool final_only = false;
  std::size_t kept_misses = 8;  ///< wrong answers reported
};

struct ExactMatchResult {
  struct Miss {
    Problem problem;
    std::string answer;  ///< the model's
  };
  struct GroupBefore {
    bool operator()(const std::string& a, const std::string& b) const { return group_before(a, b); }
  };

  Share all;
  std::map<std::string, Share, GroupBefore> groups;
  std::vector<Miss> misses;  ///< the first ones
  std::int64_t generated_tokens = 0;
  double seconds = 0;
};

/// Called after each batch with the number of problems done.
using OnProblems = std::function<void(std::int64_t done, std::int64_t all)>;

/// How often the model, always taking the most probable token, answers with exactly the right
/// text, up to white space around it. An answer ends with an END token or where it is as long as
/// the right one. Throws Error(cancelled) once `cancel` is true.
ExactMatchResult measure_exact_match(Runner& runner, const Tokenizer& tokenizer,
                                     std::span<const Problem> problems,
                                     const ExactMatchOptions& options = {},
                                     const OnProblems& on_problems = {},
                                     const std::atomic<bool>* cancel = nullptr);

}  // namespace jielong
