#pragma once

#include <string>

#include "cli/command.h"
#include "generate/constraint/constraint.h"
#include "token/tokenizer.h"

namespace jielong::cli {

/// The flags that say what an answer may look like.
struct ConstraintFlags {
  std::string grammar, json_schema, regex;

  /// Declares them on `command`; this must outlive it.
  void declare(Command& command);
  /// The constraint they amount to, empty without one; made once for the same flags and
  /// tokenizer. Throws Error naming the flag.
  MakeConstraint constraint(const Tokenizer& tokenizer) const;
  /// "constrained by --regex"; empty without a constraint.
  std::string describe() const;

 private:
  mutable std::string made_for_;
  mutable const Tokenizer* made_with_ = nullptr;
  mutable MakeConstraint made_;
};

}  // namespace jielong::cli
