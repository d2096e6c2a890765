#include "generate/constraint/token_automaton.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace jielong {
namespace {

void set_bit(TokenMask& mask, Token token) {
  const auto index = static_cast<std::size_t>(token);
  mask[index / 64] |= std::uint64_t{1} << (index % 64);
}

}  // namespace

TokenAutomaton::TokenAutomaton(std::shared_ptr<const GrammarNetwork> network,
                               std::shared_ptr<const TokenTrie> trie)
    : automaton_(std::move(network)),
      trie_(std::move(trie)),
      look_alikes_(automaton_.network().look_alikes(trie_->longest())) {}

void TokenAutomaton::begin_work() {
  automaton_.set_work_limit(automaton_.work() + automaton_.network().limits().step_work);
}

TokenAutomaton::State TokenAutomaton::start() {
  const std::lock_guard lock(mutex_);
  begin_work();
  return automaton_.start();
}

TokenAutomaton::State TokenAutomaton::walk(State state, std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  begin_work();
  return automaton_.walk(state, bytes);
}

bool TokenAutomaton::may_end(State state) const {
  const std::lock_guard lock(mutex_);
  return automaton_.may_end(state);
}

bool TokenAutomaton::must_end(State state) const {
  const std::lock_guard lock(mutex_);
  return automaton_.must_end(state);
}

std::size_t TokenAutomaton::bytes() const {
  const std::lock_guard lock(mutex_);
  return automaton_.bytes() + mask_bytes_;
}

TokenAutomaton::State TokenAutomaton::copy_to(TokenAutomaton& other, State state) const {
  // Chains only move from older automata to younger ones, so two locks cannot cross.
  const std::lock_guard lock(mutex_);
  const std::lock_guard other_lock(other.mutex_);
  return automaton_.copy_to(other.automaton_, state);
}

/// Adds the tokens below `node` whose bytes lead on from `state`, and the nodes at which the
/// rule above the hole may end.
void TokenAutomaton::walk_trie(State state, std::uint32_t node, LocalMask& out) {
  struct Level {
    std::uint32_t end;
    State state;
  };
  std::vector<Level> path = {{trie_->node(node).end, state}};
  const std::uint32_t end = trie_->node(node).end;
  std::size_t visited = 0;
  for (std::uint32_t i = node + 1; i < end;) {
    while (path.back().end <= i) path.pop_back();
    const TokenTrie::Node& at = trie_->node(i);
    if (++visited % 1024 == 0) {
      automaton_.count_work(1024);
      if (automaton_.bytes() > automaton_.network().limits().automaton_bytes) {
        throw_grammar_limit("bytes of states", automaton_.network().limits().automaton_bytes);
      }
    }
    const State next = automaton_.step(path.back().state, at.byte);
    if (next == Automaton::kDead) {
      i = at.end;
      continue;
    }
    const auto tokens = trie_->tokens_at(i);
    out.tokens.insert(out.tokens.end(), tokens.begin(), tokens.end());
    const bool leaf = at.end == i + 1;
    if (!leaf && automaton_.leaves_hole(next)) out.exits.push_back(i);
    path.push_back({at.end, next});
    ++i;
  }
  automaton_.count_work(visited % 1024);
}

const TokenAutomaton::LocalMask& TokenAutomaton::local_mask(std::span<const Place> places) {
  std::vector<Place> alike;
  alike.reserve(places.size());
  for (const Place& place : places) {
    alike.push_back({look_alikes_[place.node], Automaton::kHole});
  }
  std::sort(alike.begin(), alike.end());
  alike.erase(std::unique(alike.begin(), alike.end()), alike.end());
  const State state = automaton_.state_of(alike);
  std::unique_ptr<LocalMask>& known = local_masks_[state];
  if (known) return *known;

  auto mask = std::make_unique<LocalMask>();
  walk_trie(state, 0, *mask);
  if (mask->tokens.size() * sizeof(Token) > trie_->mask_words() * sizeof(std::uint64_t)) {
    mask->bits.assign(trie_->mask_words(), 0);
    for (const Token token : mask->tokens) set_bit(mask->bits, token);
    mask->tokens.clear();
  }
  mask->tokens.shrink_to_fit();
  mask->exits.shrink_to_fit();
  mask_bytes_ += mask->tokens.size() * sizeof(Token) + mask->bits.size() * sizeof(std::uint64_t) +
                 mask->exits.size() * sizeof(std::uint32_t);
  known = std::move(mask);
  return *known;
}

std::shared_ptr<const TokenMask> TokenAutomaton::mask(State state) {
  const std::lock_guard lock(mutex_);
  if (const auto known = masks_.find(state); known != masks_.end()) return known->second;
  begin_work();

  auto mask = std::make_shared<TokenMask>(trie_->mask_words(), 0);
  bool any = false;
  // Places with the same stack are looked at together. What is walked makes new states, so the
  // places are copied.
  std::vector<Place> places(automaton_.places(state).begin(), automaton_.places(state).end());
  std::erase_if(places, [](const Place& place) { return place.node == Automaton::kReturn; });
  std::stable_sort(places.begin(), places.end(),
                   [](const Place& a, const Place& b) { return a.stack < b.stack; });
  LocalMask behind;
  for (auto first = places.begin(); first != places.end();) {
    const std::uint32_t stack = first->stack;
    const auto last =
        std::find_if(first, places.end(), [&](const Place& place) { return place.stack != stack; });
    const LocalMask& local = local_mask({first, last});
    first = last;
    for (std::size_t i = 0; i < local.bits.size(); ++i) (*mask)[i] |= local.bits[i];
    for (const Token token : local.tokens) set_bit(*mask, token);
    any = any || !local.bits.empty() || !local.tokens.empty();
    if (local.exits.empty() || stack == Automaton::kBottom) continue;
    const State after = automaton_.after(stack);
    if (automaton_.must_end(after)) continue;
    for (const std::uint32_t exit : local.exits) walk_trie(after, exit, behind);
  }
  for (const Token token : behind.tokens) set_bit(*mask, token);

  if (automaton_.may_end(state)) {
    for (const Token token : trie_->end_tokens()) {
      if (token >= trie_->vocabulary()) continue;
      set_bit(*mask, token);
      any = true;
    }
  }
  if (!any && behind.tokens.empty() && !automaton_.may_end(state)) {
    throw Error(ErrorKind::unsupported, "the vocabulary has no token for what must follow",
                "grammar", "use a grammar of characters that this model knows");
  }
  constexpr std::size_t kKept = 4 << 20;
  if (masks_.size() * trie_->mask_words() * sizeof(std::uint64_t) > kKept) {
    mask_bytes_ -= masks_.size() * trie_->mask_words() * sizeof(std::uint64_t);
    masks_.clear();
  }
  mask_bytes_ += trie_->mask_words() * sizeof(std::uint64_t);
  masks_[state] = mask;
  return mask;
}

SharedAutomaton::SharedAutomaton(std::shared_ptr<const GrammarNetwork> network,
                                 std::shared_ptr<const TokenTrie> trie)
    : network_(std::move(network)),
      trie_(std::move(trie)),
      current_(std::make_shared<TokenAutomaton>(network_, trie_)) {}

std::shared_ptr<TokenAutomaton> SharedAutomaton::current() {
  const std::lock_guard lock(mutex_);
  if (current_->bytes() > kOutgrown) {
    current_ = std::make_shared<TokenAutomaton>(network_, trie_);
  }
  return current_;
}

std::shared_ptr<TokenAutomaton> SharedAutomaton::successor(const TokenAutomaton& outgrown) {
  const std::lock_guard lock(mutex_);
  if (current_.get() == &outgrown || current_->bytes() > kOutgrown) {
    current_ = std::make_shared<TokenAutomaton>(network_, trie_);
  }
  return current_;
}

}  // namespace jielong
