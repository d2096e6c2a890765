#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "token/token.h"

namespace jielong {

/// What a text may look like, as a state that moves with every token of it: a grammar, a
/// JSON Schema, a regular expression. Each chain has its own.
class Constraint {
 public:
  virtual ~Constraint() = default;

  /// The step's name in the dice view: "grammar", "json-schema", "regex".
  virtual std::string_view name() const = 0;

  /// Bit t % 64 of word t / 64 says whether token t may come next; the vocabulary's END tokens
  /// may exactly where may_end(). Never all zero. Valid until accept(). Throws Error(limit)
  /// when the grammar needs more work than its budget, Error(unsupported) when the vocabulary
  /// has no token for what must follow.
  virtual std::span<const std::uint64_t> allowed() = 0;

  /// Tells the token that was chosen. Throws Error(bad_input) when it was not allowed.
  virtual void accept(Token token) = 0;

  /// Tells text that came otherwise than by a token of the chain. Returns false, and changes
  /// nothing, when the text may not go on like this.
  virtual bool accept_text(std::string_view bytes) = 0;

  /// Whether the text may end here, and whether nothing else may follow.
  virtual bool may_end() = 0;
  virtual bool must_end() = 0;

  virtual std::unique_ptr<Constraint> clone() const = 0;
};

/// Makes the constraint of one chain. May be called from any thread.
using MakeConstraint = std::function<std::unique_ptr<Constraint>()>;

}  // namespace jielong
