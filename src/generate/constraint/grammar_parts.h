#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "generate/constraint/expression.h"
#include "generate/constraint/grammar.h"
#include "generate/constraint/network.h"
#include "generate/constraint/token_automaton.h"

namespace jielong {

/// What a grammar is inside: its expressions, for grammars made of it, and its network.
struct Grammar::Parts {
  Parts(std::string name, ExprPool pool, ExprId root);

  /// The automaton for a vocabulary, shared by all who have asked for it and still hold it.
  std::shared_ptr<SharedAutomaton> automaton(std::shared_ptr<const TokenTrie> trie) const;

  std::string name;
  ExprPool pool;
  ExprId root;
  std::shared_ptr<const GrammarNetwork> network;

 private:
  struct Entry {
    const TokenTrie* trie;  // held by the automaton
    std::weak_ptr<SharedAutomaton> automaton;
  };
  mutable std::mutex mutex_;
  mutable std::vector<Entry> automata_;
};

}  // namespace jielong
