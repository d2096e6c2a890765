#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "train/data/synthetic.h"

namespace jielong {

/// One question with the answer that counts as right.
struct Problem {
  std::string prompt, answer;
  std::string group;  ///< what it is counted under; may be empty
};

/// Which fields of a JSON object hold what.
struct ProblemFields {
  std::string prompt = "prompt", answer = "answer", group = "group";
};

/// A task from JSON, one problem a line: {"prompt": …, "answer": …, "group": …}. The group, a text
/// or a whole number, may be missing; further fields are ignored. Throws Error with the line for
/// what is malformed, Error(limit) for more than 10 million problems, Error(bad_input) for none.
std::vector<Problem> parse_problems(std::string_view lines, const std::string& where,
                                    const ProblemFields& fields = {});
/// The same for a file of at most 1 GiB.
std::vector<Problem> read_problems(const std::filesystem::path& file,
                                   const ProblemFields& fields = {});

std::vector<Problem> problems_of(const std::vector<Exercise>& exercises);

/// Groups in the order they are shown in: numbers by their size, before other names.
bool group_before(const std::string& a, const std::string& b);

}  // namespace jielong
