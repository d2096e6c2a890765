#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "generate/constraint/network.h"

namespace jielong {

/// A position in a text's derivation: a node of the network, and the open rules below it as the
/// number of a stack.
struct Place {
  std::uint32_t node;
  std::uint32_t stack;
  bool operator==(const Place&) const = default;
  bool operator<(const Place& other) const {
    return node != other.node ? node < other.node : stack < other.stack;
  }
};

/// Sets of places, each kept once and numbered.
class PlaceSets {
 public:
  /// `places` ascending, without doubles.
  std::uint32_t intern(std::span<const Place> places);
  std::span<const Place> operator[](std::uint32_t id) const {
    return std::span(places_).subspan(begins_[id], begins_[id + 1] - begins_[id]);
  }
  std::uint32_t size() const { return static_cast<std::uint32_t>(begins_.size()) - 1; }
  std::size_t bytes() const;

 private:
  std::vector<Place> places_;
  std::vector<std::size_t> begins_ = {0};
  std::vector<std::uint32_t> table_;  // of ids by hash, a power of two
  void grow();
};

/// Runs a network byte by byte. A state is the set of all places a text may have led to; it is
/// made once and remembered, as are the steps between states, so that the automaton turns
/// deterministic as far as texts explore it.
///
/// Open rules form a stack: for each of them where to go on, and what lies below. All places
/// that call a rule at the same point of the text share one stack, which lists every caller (as
/// in Earley 1970, a graph-structured stack in Tomita's words), so ambiguity does not multiply
/// them; a call at the very end of a rule leaves out the caller. Equal stacks have one number:
/// loops in the text lead back to states that are known.
///
/// Not thread-safe.
class Automaton {
 public:
  using State = std::uint32_t;
  static constexpr State kDead = UINT32_MAX;
  /// The node of a place that is not in the network: the rules of its stack have ended.
  static constexpr std::uint32_t kReturn = UINT32_MAX;
  static constexpr std::uint32_t kBottom = 0;  ///< the stack below the text itself
  static constexpr std::uint32_t kHole = 1;    ///< a stack that is left open

  explicit Automaton(std::shared_ptr<const GrammarNetwork> network);

  const GrammarNetwork& network() const { return *network_; }
  State start();
  /// Where `byte` leads, or kDead. Throws Error(limit).
  State step(State state, std::uint8_t byte) {
    const std::uint8_t byte_class = network_->class_of(byte);
    const State known = steps_[std::size_t{state} * network_->classes() + byte_class];
    return known != kUnknown ? known : explore(state, byte_class);
  }
  State walk(State state, std::string_view bytes);

  /// Places with bytes to read; behind them, possibly, {kReturn, kBottom} and {kReturn, kHole}.
  std::span<const Place> places(State state) const { return states_[state]; }
  bool may_end(State state) const { return ends_at(state, kBottom); }
  bool must_end(State state) const { return may_end(state) && states_[state].size() == 1; }
  /// Whether the rule that began above the hole may end.
  bool leaves_hole(State state) const { return ends_at(state, kHole); }

  /// The state of exactly these places (ascending), which must read bytes.
  State state_of(std::span<const Place> places);
  /// The state after the topmost rule of a stack has ended.
  State after(std::uint32_t stack);
  /// The same text's state in another automaton of the same network.
  State copy_to(Automaton& other, State state) const;

  /// What has been looked at so far; grows.
  std::size_t work() const { return work_; }
  void set_work_limit(std::size_t limit) { work_limit_ = limit; }
  void count_work(std::size_t amount);
  std::size_t bytes() const;

 private:
  static constexpr State kUnknown = UINT32_MAX - 1;

  State explore(State state, std::uint8_t byte_class);
  bool ends_at(State state, std::uint32_t stack) const;
  State close();
  void complete(std::uint32_t stack);
  void predict(const Place& place);
  void push_caller(std::uint32_t rule, const Place& caller);
  State remember(State state);

  std::shared_ptr<const GrammarNetwork> network_;
  PlaceSets states_, stacks_;
  std::vector<std::uint32_t> depths_;  // (stacks)
  std::vector<State> steps_;           // (states, classes): kUnknown where nobody went yet
  std::vector<State> after_;           // (stacks)
  State start_ = kDead;
  std::size_t work_ = 0;
  std::size_t work_limit_ = SIZE_MAX;

  // Scratch of close().
  std::vector<Place> work_list_, found_;
  std::vector<std::uint32_t> completed_;
  std::vector<std::vector<Place>> callers_;                      // (rules)
  std::vector<std::pair<std::uint32_t, std::uint32_t>> called_;  // heap of (rank, rule)
};

}  // namespace jielong
