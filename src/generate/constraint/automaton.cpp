#include "generate/constraint/automaton.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/error.h"

namespace jielong {
namespace {

constexpr std::uint32_t kVacant = UINT32_MAX;

std::uint64_t hash(std::span<const Place> places) {
  std::uint64_t h = 0x9e3779b97f4a7c15ULL + places.size();
  for (const Place& place : places) {
    h ^= (std::uint64_t{place.node} << 32) | place.stack;
    h *= 0xff51afd7ed558ccdULL;
    h ^= h >> 32;
  }
  return h;
}

void sort_unique(std::vector<Place>& places) {
  std::sort(places.begin(), places.end());
  places.erase(std::unique(places.begin(), places.end()), places.end());
}

}  // namespace

std::uint32_t PlaceSets::intern(std::span<const Place> places) {
  if (2 * (size() + std::size_t{1}) > table_.size()) grow();
  const std::size_t mask = table_.size() - 1;
  std::size_t slot = hash(places) & mask;
  while (table_[slot] != kVacant) {
    const auto known = (*this)[table_[slot]];
    if (std::equal(known.begin(), known.end(), places.begin(), places.end())) return table_[slot];
    slot = (slot + 1) & mask;
  }
  const std::uint32_t id = size();
  table_[slot] = id;
  places_.insert(places_.end(), places.begin(), places.end());
  begins_.push_back(places_.size());
  return id;
}

void PlaceSets::grow() {
  table_.assign(std::max<std::size_t>(64, table_.size() * 2), kVacant);
  const std::size_t mask = table_.size() - 1;
  for (std::uint32_t id = 0; id < size(); ++id) {
    std::size_t slot = hash((*this)[id]) & mask;
    while (table_[slot] != kVacant) slot = (slot + 1) & mask;
    table_[slot] = id;
  }
}

std::size_t PlaceSets::bytes() const {
  return places_.capacity() * sizeof(Place) + begins_.capacity() * sizeof(std::size_t) +
         table_.capacity() * sizeof(std::uint32_t);
}

Automaton::Automaton(std::shared_ptr<const GrammarNetwork> network)
    : network_(std::move(network)), callers_(network_->rules().size()) {
  // The two stacks that nothing lies below; the differing nodes only make them two.
  const Place bottom{0, kBottom}, hole{1, kBottom};
  stacks_.intern(std::span(&bottom, 1));
  stacks_.intern(std::span(&hole, 1));
  depths_.assign(2, 0);
  after_.assign(2, kDead);
}

std::size_t Automaton::bytes() const {
  return states_.bytes() + stacks_.bytes() + steps_.capacity() * sizeof(State) +
         (depths_.capacity() + after_.capacity()) * sizeof(std::uint32_t);
}

void Automaton::count_work(std::size_t amount) {
  work_ += amount;
  if (work_ > work_limit_) {
    throw Error(ErrorKind::limit, "too much work for one token", "grammar",
                "make the grammar less ambiguous");
  }
}

bool Automaton::ends_at(State state, std::uint32_t stack) const {
  const auto set = states_[state];
  for (std::size_t i = set.size(); i > 0 && set[i - 1].node == kReturn; --i) {
    if (set[i - 1].stack == stack) return true;
  }
  return false;
}

Automaton::State Automaton::remember(State state) {
  const std::size_t steps = (std::size_t{state} + 1) * network_->classes();
  if (steps_.size() < steps) steps_.resize(steps, kUnknown);
  return state;
}

Automaton::State Automaton::state_of(std::span<const Place> places) {
  return remember(states_.intern(places));
}

Automaton::State Automaton::start() {
  if (start_ != kDead) return start_;
  // Unlike a rule that is called, the text's own rule may end before it has read anything.
  work_list_.assign(1, {network_->rules().front().start, kBottom});
  return start_ = close();
}

Automaton::State Automaton::explore(State state, std::uint8_t byte_class) {
  const std::size_t at = std::size_t{state} * network_->classes() + byte_class;
  work_list_.clear();
  std::size_t looked_at = 0;
  for (const Place& place : states_[state]) {
    if (place.node == kReturn) break;
    const auto edges = network_->bytes(place.node);
    looked_at += edges.size();
    for (const GrammarNetwork::ByteEdge& edge : edges) {
      if (edge.first > byte_class || byte_class > edge.last) continue;
      work_list_.push_back({edge.target, place.stack});
    }
  }
  count_work(looked_at);
  const State next = work_list_.empty() ? kDead : close();
  return steps_[at] = next;
}

Automaton::State Automaton::walk(State state, std::string_view bytes) {
  for (const char c : bytes) {
    if (state == kDead) return kDead;
    state = step(state, static_cast<std::uint8_t>(c));
  }
  return state;
}

Automaton::State Automaton::after(std::uint32_t stack) {
  if (after_[stack] != kDead) return after_[stack];
  const auto callers = stacks_[stack];
  work_list_.assign(callers.begin(), callers.end());
  const State state = close();
  return after_[stack] = state;
}

/// Turns work_list_, the places just reached, into the state of all places with bytes to read.
/// First the rules that have ended are left. Then the rules that begin are entered in the order
/// of their ranks, so that all callers of one are known before it gets its stack.
Automaton::State Automaton::close() {
  found_.clear();
  completed_.clear();
  const std::size_t limit = network_->limits().state_places;
  const auto check = [&](std::size_t places) {
    if (places > limit) throw_grammar_limit("readings of a text at once", limit);
  };
  while (!work_list_.empty()) {
    // A batch at a time: doubles must go before they breed.
    sort_unique(work_list_);
    std::vector<Place> batch;
    batch.swap(work_list_);
    count_work(batch.size());
    for (const Place& place : batch) {
      if (place.node == kReturn) {
        complete(place.stack);
        continue;
      }
      found_.push_back(place);
      if (network_->node(place.node).final) complete(place.stack);
    }
    check(found_.size() + work_list_.size());
  }
  for (const std::uint32_t stack : completed_) {
    if (stack <= kHole) found_.push_back({kReturn, stack});
  }
  sort_unique(found_);

  for (const auto& [rank, rule] : called_) callers_[rule].clear();  // after an Error
  called_.clear();
  const std::size_t reached = found_.size();
  for (std::size_t i = 0; i < reached; ++i) predict(found_[i]);
  std::vector<Place> callers;
  while (!called_.empty()) {
    std::pop_heap(called_.begin(), called_.end(), std::greater<>());
    const std::uint32_t rule = called_.back().second;
    called_.pop_back();
    callers.swap(callers_[rule]);
    callers_[rule].clear();
    sort_unique(callers);
    count_work(callers.size());
    check(callers.size());
    std::uint32_t depth = 1;
    for (const Place& caller : callers) depth = std::max(depth, depths_[caller.stack] + 1);
    if (depth > network_->limits().stack_depth) {
      throw_grammar_limit("rules within rules", network_->limits().stack_depth, "text");
    }
    const std::uint32_t stack = stacks_.intern(callers);
    if (stack == depths_.size()) {
      depths_.push_back(depth);
      after_.push_back(kDead);
    }
    const Place start{network_->rules()[rule].start, stack};
    found_.push_back(start);
    predict(start);
    check(found_.size());
  }
  std::erase_if(found_, [&](const Place& place) {
    return place.node != kReturn && network_->bytes(place.node).empty();
  });
  sort_unique(found_);
  return remember(states_.intern(found_));
}

void Automaton::complete(std::uint32_t stack) {
  if (std::find(completed_.begin(), completed_.end(), stack) != completed_.end()) return;
  completed_.push_back(stack);
  count_work(completed_.size() / 8 + 1);
  if (stack <= kHole) return;
  const auto callers = stacks_[stack];
  work_list_.insert(work_list_.end(), callers.begin(), callers.end());
}

void Automaton::predict(const Place& place) {
  if (place.node == kReturn) return;
  const std::uint32_t below = place.stack;
  for (const GrammarNetwork::Call& call : network_->calls(place.node)) {
    if (!network_->node(call.target).tail) {
      push_caller(call.rule, {call.target, below});
    } else if (below <= kHole) {
      push_caller(call.rule, {kReturn, below});
    } else {
      // Nothing is left to do in the calling rule: its own callers take its place.
      for (const Place& caller : stacks_[below]) push_caller(call.rule, caller);
    }
  }
}

void Automaton::push_caller(std::uint32_t rule, const Place& caller) {
  if (callers_[rule].empty()) {
    called_.emplace_back(network_->rules()[rule].rank, rule);
    std::push_heap(called_.begin(), called_.end(), std::greater<>());
  }
  callers_[rule].push_back(caller);
  count_work(1);
}

Automaton::State Automaton::copy_to(Automaton& other, State state) const {
  // Stacks only refer to stacks with smaller numbers.
  std::vector<bool> needed(stacks_.size(), false);
  for (const Place& place : states_[state]) needed[place.stack] = true;
  for (std::uint32_t stack = stacks_.size() - 1; stack > kHole; --stack) {
    if (!needed[stack]) continue;
    for (const Place& caller : stacks_[stack]) needed[caller.stack] = true;
  }
  std::vector<std::uint32_t> there(stacks_.size(), kBottom);
  there[kHole] = kHole;
  const auto translated = [&](std::span<const Place> places) {
    std::vector<Place> out(places.begin(), places.end());
    for (Place& place : out) place.stack = there[place.stack];
    sort_unique(out);
    return out;
  };
  for (std::uint32_t stack = kHole + 1; stack < stacks_.size(); ++stack) {
    if (!needed[stack]) continue;
    there[stack] = other.stacks_.intern(translated(stacks_[stack]));
    if (there[stack] == other.depths_.size()) {
      other.depths_.push_back(depths_[stack]);
      other.after_.push_back(kDead);
    }
  }
  return other.state_of(translated(states_[state]));
}

}  // namespace jielong
