#pragma once

#include <cstddef>

namespace jielong {

/// Bounds on what a grammar from outside may cost; docs/guide/constrained-output.md states them.
/// Whatever exceeds one is an Error(limit).
struct GrammarLimits {
  // The source and what it is parsed to.
  std::size_t source_bytes = 1 << 20;
  std::size_t depth = 200;            ///< of nested groups, schemas and expressions
  std::size_t rules = 20'000;         ///< named ones and those a schema needs
  std::size_t expressions = 500'000;  ///< parts of rules
  std::size_t repetition = 20'000;    ///< the largest m or n of {m,n}
  std::size_t class_ranges = 4'096;   ///< of one character class
  std::size_t alternatives = 512;     ///< that anyOf, oneOf and allOf multiply out to

  // The compiled network.
  std::size_t nodes = 300'000;            ///< after repetitions are unrolled
  std::size_t edges = 800'000;            ///< between them
  std::size_t automaton_states = 20'000;  ///< where an expression has to be deterministic

  // At run time.
  std::size_t stack_depth = 1'000;         ///< rules within rules in a text
  std::size_t state_places = 20'000;       ///< readings of a text that are possible at once
  std::size_t step_work = 20'000'000;      ///< places and trie nodes looked at for one token
  std::size_t automaton_bytes = 64 << 20;  ///< that one step may add to an automaton
};

}  // namespace jielong
