#include "evaluate/task.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/quote.h"

namespace jielong {
namespace {

constexpr std::size_t kMaxProblems = 10'000'000;

std::string text_field(const Json& json, const std::string& field, const std::string& where) {
  const auto found = json.find(field);
  if (found == json.end() || !found->is_string()) {
    throw bad_input("has no text " + in_quotes(field, 40), where);
  }
  return found->get<std::string>();
}

Problem problem_of(std::string_view line, const std::string& where, const ProblemFields& fields) {
  const Json json = parse_json(line, where);
  if (!json.is_object()) throw bad_input("is not a JSON object", where);
  Problem problem{
      text_field(json, fields.prompt, where), text_field(json, fields.answer, where), {}};
  if (problem.prompt.empty()) throw bad_input("the prompt is empty", where);
  const auto group = json.find(fields.group);
  if (group == json.end() || group->is_null()) return problem;
  if (group->is_string()) {
    problem.group = group->get<std::string>();
  } else if (group->is_number_integer()) {
    problem.group = std::to_string(group->get<std::int64_t>());
  } else {
    throw bad_input("the group must be a text or a whole number", where);
  }
  return problem;
}

std::optional<std::int64_t> number_of(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::vector<Problem> parse_problems(std::string_view lines, const std::string& where,
                                    const ProblemFields& fields) {
  std::vector<Problem> problems;
  std::size_t number = 0;
  while (!lines.empty()) {
    ++number;
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    const std::string_view line = lines.substr(0, end);
    lines.remove_prefix(std::min(end + 1, lines.size()));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    if (problems.size() == kMaxProblems) {
      throw Error(ErrorKind::limit, fmt::format("has more than {} problems", kMaxProblems), where);
    }
    problems.push_back(problem_of(line, fmt::format("{}:{}", where, number), fields));
  }
  if (problems.empty()) throw bad_input("holds no problems", where);
  return problems;
}

std::vector<Problem> read_problems(const std::filesystem::path& file, const ProblemFields& fields) {
  return parse_problems(read_file(file), file.string(), fields);
}

std::vector<Problem> problems_of(const std::vector<Exercise>& exercises) {
  std::vector<Problem> problems;
  problems.reserve(exercises.size());
  for (const Exercise& exercise : exercises) {
    problems.push_back({exercise.prompt, exercise.answer, std::to_string(exercise.group)});
  }
  return problems;
}

bool group_before(const std::string& a, const std::string& b) {
  const auto left = number_of(a), right = number_of(b);
  if (left && right && *left != *right) return *left < *right;
  if (left.has_value() != right.has_value()) return left.has_value();
  return a < b;
}

}  // namespace jielong
