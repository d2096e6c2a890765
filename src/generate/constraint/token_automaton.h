#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>
#include <vector>

#include "generate/constraint/automaton.h"
#include "generate/constraint/token_trie.h"

namespace jielong {

/// Bit t % 64 of word t / 64: whether token t may come next.
using TokenMask = std::vector<std::uint64_t>;

/// An automaton over the tokens of a vocabulary. Thread-safe; the chains of a grammar share one.
///
/// The mask of a state is put together from those of its places (Dong et al. 2024, XGrammar):
/// what a place allows inside its own rule depends on nothing else and is computed once, by
/// walking the vocabulary's trie with an open stack below. Only tokens that leave the rule are
/// walked on with the true stack, from the nodes of the trie at which they leave it.
class TokenAutomaton {
 public:
  using State = Automaton::State;

  TokenAutomaton(std::shared_ptr<const GrammarNetwork> network,
                 std::shared_ptr<const TokenTrie> trie);

  const TokenTrie& trie() const { return *trie_; }
  State start();
  /// The state after more text, or Automaton::kDead. Throws Error(limit).
  State walk(State state, std::string_view bytes);
  bool may_end(State state) const;
  bool must_end(State state) const;
  /// Throws Error(limit), Error(unsupported) when no token at all may follow.
  std::shared_ptr<const TokenMask> mask(State state);

  std::size_t bytes() const;
  /// The same text's state in another automaton of the same grammar and vocabulary.
  State copy_to(TokenAutomaton& other, State state) const;

 private:
  /// What a set of places with one stack allows, whatever lies in that stack.
  struct LocalMask {
    std::vector<Token> tokens;         // those allowed, while they are few
    TokenMask bits;                    // otherwise
    std::vector<std::uint32_t> exits;  // nodes of the trie behind which the stack decides
  };

  const LocalMask& local_mask(std::span<const Place> places);
  void walk_trie(State state, std::uint32_t node, LocalMask& out);
  void begin_work();

  mutable std::mutex mutex_;
  Automaton automaton_;
  std::shared_ptr<const TokenTrie> trie_;
  std::vector<std::uint32_t> look_alikes_;  // (nodes of the network)
  std::unordered_map<State, std::unique_ptr<LocalMask>> local_masks_;
  std::unordered_map<State, std::shared_ptr<const TokenMask>> masks_;
  std::size_t mask_bytes_ = 0;
};

/// The automaton that new chains begin with: a fresh one when the last has grown large.
class SharedAutomaton {
 public:
  SharedAutomaton(std::shared_ptr<const GrammarNetwork> network,
                  std::shared_ptr<const TokenTrie> trie);

  const TokenTrie& trie() const { return *trie_; }
  std::shared_ptr<TokenAutomaton> current();
  /// One that is not `outgrown`.
  std::shared_ptr<TokenAutomaton> successor(const TokenAutomaton& outgrown);
  /// How large an automaton may get before chains move to another.
  static constexpr std::size_t kOutgrown = 8 << 20;

 private:
  std::mutex mutex_;
  std::shared_ptr<const GrammarNetwork> network_;
  std::shared_ptr<const TokenTrie> trie_;
  std::shared_ptr<TokenAutomaton> current_;
};

}  // namespace jielong
