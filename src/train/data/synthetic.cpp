#include "train/data/synthetic.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/quote.h"
#include "base/random.h"

namespace jielong {
namespace {

constexpr std::pair<std::string_view, SyntheticTask> kTasks[] = {
    {"sum-of-three", SyntheticTask::sum_of_three},
    {"addition", SyntheticTask::addition},
    {"multiplication", SyntheticTask::multiplication},
    {"copy", SyntheticTask::copy},
    {"recall", SyntheticTask::recall}};

constexpr std::int64_t kMaxExercises = 10'000'000;
constexpr std::int64_t kMaxAddends = 18, kMaxFactors = 9;  // results fit 64 bits
constexpr std::int64_t kMaxLength = 1 << 20;
constexpr std::int64_t kRecallPairs = 4, kShortestRecall = 2 * kRecallPairs + 2;
// Tries for each exercise before a part counts as empty.
constexpr int kMaxTries = 10'000;

bool is_arithmetic(SyntheticTask task) {
  return task == SyntheticTask::addition || task == SyntheticTask::multiplication;
}

std::int64_t width_of(const SyntheticSet& set) { return set.width > 0 ? set.width : set.largest; }

/// Whether an exercise is one to test with: by its prompt alone (FNV-1a, then mixed).
bool is_test(std::string_view prompt, double share) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : prompt) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return Rng(hash).uniform() < share;
}

bool belongs(const SyntheticSet& set, const Exercise& exercise) {
  return set.part == ExercisePart::all ||
         is_test(exercise.prompt, set.test_share) == (set.part == ExercisePart::test);
}

std::int64_t between(Rng& rng, std::int64_t low, std::int64_t high) {
  return low + static_cast<std::int64_t>(rng() % static_cast<std::uint64_t>(high - low + 1));
}

Exercise sum_of_three(std::int64_t number) {
  const std::int64_t a = number / 100, b = number / 10 % 10, c = number % 10;
  return {fmt::format("{}+{}+{}=", a, b, c), fmt::format("{:02}", a + b + c), 1};
}

/// The digits of a number, the ones first.
std::vector<int> digits_of(std::int64_t number, std::int64_t width) {
  std::vector<int> digits(static_cast<std::size_t>(width));
  for (int& digit : digits) {
    digit = static_cast<int>(number % 10);
    number /= 10;
  }
  return digits;
}

std::string steps_of_addition(const std::vector<int>& a, const std::vector<int>& b) {
  std::string text;
  int carry = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const int sum = a[i] + b[i] + carry;
    text += fmt::format("{}+{}+{}={:02};", a[i], b[i], carry, sum);
    carry = sum / 10;
  }
  return text;
}

std::string steps_of_multiplication(const std::vector<int>& a, const std::vector<int>& b) {
  std::string text;
  std::vector<int> places(a.size() + b.size());
  for (std::size_t j = 0; j < b.size(); ++j) {
    int carry = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      int& place = places[i + j];
      const int product = a[i] * b[j], sum = product + place + carry;
      text += fmt::format("{}*{}={:02}+{}+{}={:02};", a[i], b[j], product, place, carry, sum);
      place = sum % 10;
      carry = sum / 10;
    }
    places[j + a.size()] = carry;
  }
  return text;
}

/// Any number of exactly `digits` digits, of 0 … 9 for one.
std::int64_t number_of(Rng& rng, std::int64_t digits) {
  std::int64_t low = 1;
  for (std::int64_t i = 1; i < digits; ++i) low *= 10;
  return between(rng, digits == 1 ? 0 : low, low * 10 - 1);
}

Exercise arithmetic(const SyntheticSet& set, std::int64_t digits, Rng& rng) {
  const std::int64_t width = width_of(set);
  const std::int64_t a = number_of(rng, digits), b = number_of(rng, digits);
  const bool adds = set.task == SyntheticTask::addition;
  Exercise exercise{
      fmt::format("{:0{}}{}{:0{}}=", a, width, adds ? '+' : '*', b, width), {}, digits};
  if (set.steps) {
    const auto left = digits_of(a, width), right = digits_of(b, width);
    exercise.answer = adds ? steps_of_addition(left, right) : steps_of_multiplication(left, right);
  }
  exercise.answer += fmt::format("{:0{}}", adds ? a + b : a * b, adds ? width + 1 : 2 * width);
  return exercise;
}

char letter(Rng& rng) { return static_cast<char>('a' + rng() % 26); }

Exercise copy(std::int64_t length, Rng& rng) {
  std::string text(static_cast<std::size_t>(length), ' ');
  for (char& c : text) c = letter(rng);
  return {text + "|", text, length};
}

/// Pairs of a letter and a digit at random places among dots, then one of the letters again.
Exercise recall(std::int64_t length, Rng& rng) {
  std::string text(static_cast<std::size_t>(length - 2), '.');
  std::string names;
  const std::int64_t dots = length - 2 - 2 * kRecallPairs;
  std::vector<std::int64_t> before;  // dots before each pair
  for (std::int64_t i = 0; i < kRecallPairs; ++i) before.push_back(between(rng, 0, dots));
  std::sort(before.begin(), before.end());
  for (std::int64_t i = 0; i < kRecallPairs; ++i) {
    char name = letter(rng);
    while (names.find(name) != std::string::npos) name = letter(rng);
    names += name;
    const auto place = static_cast<std::size_t>(before[static_cast<std::size_t>(i)] + 2 * i);
    text[place] = name;
    text[place + 1] = static_cast<char>('0' + rng() % 10);
  }
  const char asked = names[rng() % names.size()];
  return {text + "?" + asked, std::string(1, text[text.find(asked) + 1]), length};
}

Exercise draw(const SyntheticSet& set, Rng& rng) {
  if (set.task == SyntheticTask::sum_of_three) return sum_of_three(between(rng, 0, 999));
  const std::int64_t group = between(rng, set.smallest, set.largest);
  switch (set.task) {
    case SyntheticTask::copy: return copy(group, rng);
    case SyntheticTask::recall: return recall(group, rng);
    default: return arithmetic(set, group, rng);
  }
}

[[noreturn]] void empty_part(const std::string& where) {
  throw bad_input("this part of the exercises is empty", where,
                  "choose a test_share between 0 and 1");
}

}  // namespace

SyntheticTask synthetic_task(std::string_view name, const std::string& where) {
  std::string names;
  for (const auto& [known, task] : kTasks) {
    if (known == name) return task;
    names += (names.empty() ? "" : ", ") + std::string(known);
  }
  throw bad_input(in_quotes(name, 40) + " is no task", where, "choose among " + names);
}

void check(const SyntheticSet& set, const std::string& where) {
  const auto require = [&](bool holds, const std::string& problem) {
    if (!holds) throw bad_input(problem, where);
  };
  require(set.count >= 0 && set.count <= kMaxExercises,
          fmt::format("count must lie between 0 and {}", kMaxExercises));
  require(set.test_share >= 0 && set.test_share <= 1, "test_share must lie between 0 and 1");
  if (set.task == SyntheticTask::sum_of_three) return;
  require(set.count > 0, "count must be at least 1");
  require(set.smallest <= set.largest, "smallest must not exceed largest");
  std::int64_t least = 1, most = kMaxLength;
  if (set.task == SyntheticTask::addition) most = kMaxAddends;
  if (set.task == SyntheticTask::multiplication) most = kMaxFactors;
  if (set.task == SyntheticTask::recall) least = kShortestRecall;
  require(set.smallest >= least && set.largest <= most,
          fmt::format("smallest and largest must lie between {} and {}", least, most));
  if (is_arithmetic(set.task)) {
    require(width_of(set) >= set.largest && width_of(set) <= most,
            fmt::format("width must lie between largest and {}", most));
  }
}

std::vector<Exercise> make_exercises(const SyntheticSet& set, const std::string& where) {
  check(set, where);
  std::vector<Exercise> exercises;
  if (set.count == 0) {
    for (std::int64_t number = 0; number < 1000; ++number) {
      Exercise exercise = sum_of_three(number);
      if (belongs(set, exercise)) exercises.push_back(std::move(exercise));
    }
    if (exercises.empty()) empty_part(where);
    return exercises;
  }
  exercises.reserve(static_cast<std::size_t>(set.count));
  Rng rng(set.seed);
  while (static_cast<std::int64_t>(exercises.size()) < set.count) {
    int tries = 0;
    Exercise exercise = draw(set, rng);
    while (!belongs(set, exercise)) {
      if (++tries > kMaxTries) empty_part(where);
      exercise = draw(set, rng);
    }
    exercises.push_back(std::move(exercise));
  }
  return exercises;
}

std::string_view final_answer(std::string_view answer) {
  const std::size_t last = answer.rfind(';');
  return last == std::string_view::npos ? answer : answer.substr(last + 1);
}

void write_exercises(const std::vector<Exercise>& exercises, const std::filesystem::path& file) {
  AtomicFile out(file);
  for (const Exercise& exercise : exercises) {
    const OrderedJson line{{"prompt", exercise.prompt},
                           {"answer", exercise.answer},
                           {"text", exercise.prompt + exercise.answer},
                           {"group", exercise.group}};
    out.write(dump(line) + "\n");
  }
  out.commit();
}

TableSizes count_tables() {
  std::set<std::vector<int>> whole, first, second;
  for (int a = 0; a < 10; ++a) {
    for (int b = 0; b < 10; ++b) {
      for (int c = 0; c < 10; ++c) {
        whole.insert({a, b, c});
        first.insert({a, b});
        second.insert({a + b, c});
      }
    }
  }
  return {static_cast<std::int64_t>(whole.size()),
          static_cast<std::int64_t>(first.size() + second.size())};
}

}  // namespace jielong
