#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace jielong {

/// What is given, what has to be said, and what it is counted under: the number of digits of its
/// operands, or the length of its input.
struct Exercise {
  std::string prompt, answer;
  std::int64_t group = 0;
};

/// Exercises made by rule, so that there are as many as one likes and a wrong answer is wrong.
/// Numbers have leading zeros, so that every digit of every exercise of a set stands in one place.
enum class SyntheticTask : std::uint8_t {
  sum_of_three,    ///< "3+4+5=" → "12", the lecture's example; 1,000 exercises
  addition,        ///< "057+068=" → "0125"
  multiplication,  ///< "12*34=" → "0408"
  copy,            ///< "gxqa|" → "gxqa"
  recall           ///< "..k3....a7.....?k" → "3": a value named long ago
};

/// "sum-of-three" and so on. Throws Error(bad_input) that lists the names.
SyntheticTask synthetic_task(std::string_view name, const std::string& where);

/// Which exercises a set may hold: one belongs to `test` or to `train` by the hash of its prompt,
/// so that no set of one part ever holds an exercise of the other, whatever its seed.
enum class ExercisePart : std::uint8_t { all, train, test };

struct SyntheticSet {
  SyntheticTask task = SyntheticTask::sum_of_three;
  /// Exercises; 0: every one that there is, of sum_of_three only.
  std::int64_t count = 0;
  /// Digits that operands have without leading zeros, or lengths of the input, each as likely.
  std::int64_t smallest = 1, largest = 1;
  /// addition, multiplication: digits that operands are written with; 0: `largest`.
  std::int64_t width = 0;
  /// addition, multiplication: the answer begins with every step written out.
  bool steps = false;
  ExercisePart part = ExercisePart::all;
  double test_share = 0.1;
  std::uint64_t seed = 1;
};

/// Throws Error(bad_input | limit) that names the field.
void check(const SyntheticSet& set, const std::string& where);

/// The exercises of a set: the same ones on every machine. Throws as check(), and
/// Error(bad_input) when its part holds none.
///
/// Steps are those of paper and pencil, from the right, each a fixed number of characters:
/// of 57+68 "7+8+0=15;5+6+1=12;", digit + digit + carry, then the answer; of 12*34
/// "2*4=08+0+0=08;1*4=04+0+0=04;2*3=06+4+0=10;1*3=03+0+1=04;", digit * digit, then plus what
/// stands in that place already, plus carry.
std::vector<Exercise> make_exercises(const SyntheticSet& set, const std::string& where = "set");

/// Where the final answer begins in an answer with or without steps.
std::string_view final_answer(std::string_view answer);

/// Writes exercises as JSON, one a line: {"prompt", "answer", "text" (both), "group"}.
void write_exercises(const std::vector<Exercise>& exercises, const std::filesystem::path& file);

/// How many pairs of input and output must be known to add three digits by looking up.
struct TableSizes {
  std::int64_t at_once = 0;   ///< one table of all three digits
  std::int64_t in_steps = 0;  ///< a + b first, then that sum + c
};
/// Counted, not computed: the inputs that occur in each table.
TableSizes count_tables();

}  // namespace jielong
