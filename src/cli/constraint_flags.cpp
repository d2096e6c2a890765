#include "cli/constraint_flags.h"

#include "base/error.h"
#include "base/file.h"
#include "generate/constraint/grammar.h"

namespace jielong::cli {
namespace {

Grammar::Pointer compile(const ConstraintFlags& flags) {
  constexpr std::size_t kMost = 1 << 20;
  if (!flags.grammar.empty()) return Grammar::from_gbnf(read_file(flags.grammar, kMost));
  if (!flags.regex.empty()) return Grammar::from_regex(flags.regex);
  const std::size_t first = flags.json_schema.find_first_not_of(" \t\r\n");
  const bool is_text = first != std::string::npos && flags.json_schema[first] == '{';
  return Grammar::from_json_schema(is_text ? flags.json_schema
                                           : read_file(flags.json_schema, kMost));
}

}  // namespace

void ConstraintFlags::declare(Command& c) {
  c.group("Form of the answer");
  c.value("--grammar", grammar, "FILE", "The answer is a text of this GBNF grammar");
  c.value("--json-schema", json_schema, "FILE|JSON",
          "The answer is JSON that this schema accepts; {} for any JSON");
  c.value("--regex", regex, "TEXT", "The whole answer matches this regular expression");
}

std::string ConstraintFlags::describe() const {
  if (!grammar.empty()) return "constrained by --grammar";
  if (!json_schema.empty()) return "constrained by --json-schema";
  return regex.empty() ? "" : "constrained by --regex";
}

MakeConstraint ConstraintFlags::constraint(const Tokenizer& tokenizer) const {
  const int given =
      (grammar.empty() ? 0 : 1) + (json_schema.empty() ? 0 : 1) + (regex.empty() ? 0 : 1);
  if (given == 0) return {};
  if (given > 1) {
    throw bad_input("only one of --grammar, --json-schema and --regex can bind an answer",
                    "command line");
  }
  const std::string wanted = grammar + '\0' + json_schema + '\0' + regex;
  if (made_ && made_for_ == wanted && made_with_ == &tokenizer) return made_;
  const std::string flag = !grammar.empty() ? "--grammar"
                           : !regex.empty() ? "--regex"
                                            : "--json-schema";
  try {
    made_ = constrain(compile(*this), TokenTrie::of(tokenizer));
  } catch (const Error& error) {
    throw error.within(flag);
  }
  made_for_ = wanted;
  made_with_ = &tokenizer;
  return made_;
}

}  // namespace jielong::cli
