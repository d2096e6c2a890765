#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "generate/constraint/constraint.h"
#include "generate/constraint/limits.h"
#include "generate/constraint/token_trie.h"

namespace jielong {

/// How JSON is written when a schema is the grammar.
enum class JsonSpacing : std::uint8_t {
  compact,  ///< between two things nothing or one space
  pretty    ///< also a line break with up to 40 spaces or tabs behind it
};

/// The set of texts that an answer may be. Immutable; any number of threads may use one.
///
/// Every maker throws Error(bad_input) on a syntax error, Error(unsupported) naming what cannot
/// be compiled exactly, and Error(limit): there is no grammar that says less than its source.
class Grammar {
 public:
  using Pointer = std::shared_ptr<const Grammar>;

  /// llama.cpp's GBNF; the text starts at the rule `root`.
  static Pointer from_gbnf(std::string_view text, const GrammarLimits& limits = {});
  /// A regular expression that the whole text must match.
  static Pointer from_regex(std::string_view pattern, const GrammarLimits& limits = {});
  /// JSON texts that a JSON Schema (draft 2020-12, see the guide) accepts.
  static Pointer from_json_schema(std::string_view schema,
                                  JsonSpacing spacing = JsonSpacing::compact,
                                  const GrammarLimits& limits = {});
  /// Any JSON object, or with `any_value` any JSON text.
  static Pointer from_json(JsonSpacing spacing = JsonSpacing::pretty, bool any_value = false);

  // Grammars of grammars, for instance "<tool_call>" + schema + "</tool_call>". The name in the
  // dice view is the first part's that is more than a literal.

  static Pointer literal(std::string_view text);
  static Pointer sequence(const std::vector<Pointer>& parts);
  static Pointer alternatives(const std::vector<Pointer>& choices);
  /// At least `least` and at most `most` times; most < 0: any number.
  static Pointer repeat(const Pointer& part, std::int64_t least, std::int64_t most = -1);

  /// "grammar", "json-schema", "json", "regex", "text".
  std::string_view name() const;
  /// How much memory it takes, about; without what constraints compute.
  std::size_t bytes() const;
  /// Whether the whole of `text` is one of the grammar's.
  bool matches(std::string_view text) const;

  /// Made by the makers.
  struct Parts;
  explicit Grammar(std::unique_ptr<const Parts> parts);
  ~Grammar();
  Grammar(const Grammar&) = delete;
  Grammar& operator=(const Grammar&) = delete;
  const Parts& parts() const { return *parts_; }

 private:
  std::unique_ptr<const Parts> parts_;
};

/// The constraint that a chain's text is one of the grammar's. All constraints on the same
/// grammar and vocabulary share their automaton and masks, which last as long as one of the
/// makers or constraints.
MakeConstraint constrain(std::shared_ptr<const Grammar> grammar,
                         std::shared_ptr<const TokenTrie> trie);

/// A constraint that allows everything, END and control tokens included, until one of the
/// `triggers` has appeared in the text; from the end of the first one on `inner` binds. A token
/// that goes on behind the trigger is only allowed as far as `inner` allows that rest.
MakeConstraint after_trigger(std::vector<std::string> triggers, MakeConstraint inner,
                             std::shared_ptr<const TokenTrie> trie);
MakeConstraint after_trigger(std::vector<std::string> triggers, MakeConstraint inner,
                             const Tokenizer& tokenizer);

/// `inner` for an answer that begins with `text` already. Throws Error(bad_input) at once when
/// `inner` does not allow that.
MakeConstraint continuing(MakeConstraint inner, std::string text);

/// What grammars a server has compiled lately, by their source: so many of them at most, and
/// no more than take 64 MiB. Thread-safe.
class GrammarCache {
 public:
  explicit GrammarCache(std::size_t entries = 64);
  GrammarCache(const GrammarCache&) = delete;
  GrammarCache& operator=(const GrammarCache&) = delete;
  ~GrammarCache();

  /// The grammar of this kind ("gbnf", "regex", "json-schema", "json") and source, compiled at
  /// the first time. Throws what the makers throw.
  Grammar::Pointer get(std::string_view kind, std::string_view source);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace jielong
