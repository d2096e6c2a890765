#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <span>
#include <vector>

#include "token/token.h"

namespace jielong {

/// A state of recurrent layers as it was after some tokens of a chain. It never changes.
struct StateSnapshot {
  std::int64_t position = 0;
  std::shared_ptr<const std::vector<float>> values;
};

/// How large the recurrent layers' states are, and the snapshots that all chains keep of them:
/// so many as there is room for, those unused for longest going first.
class StateStore {
 public:
  /// A chain keeps a snapshot every so many tokens, and so evaluates fewer than that again
  /// when it is cut or forked in the middle.
  static constexpr std::int64_t kInterval = 256;

  /// @param layer_floats   one for each recurrent layer, in order
  /// @param max_snapshots  of all chains together
  StateStore(const std::vector<std::int64_t>& layer_floats, std::size_t max_snapshots);

  bool empty() const { return floats_ == 0; }
  std::size_t bytes() const { return static_cast<std::size_t>(floats_) * sizeof(float); }
  std::int64_t floats() const { return floats_; }
  std::int64_t offset(std::int64_t layer) const {
    return offsets_[static_cast<std::size_t>(layer)];
  }
  std::size_t max_snapshots() const { return max_snapshots_; }
  std::size_t snapshots() const { return kept_.size(); }

  std::weak_ptr<const StateSnapshot> keep(StateSnapshot snapshot);
  void touch(const StateSnapshot& snapshot);

 private:
  std::vector<std::int64_t> offsets_;
  std::int64_t floats_ = 0;
  std::size_t max_snapshots_;
  std::list<std::shared_ptr<const StateSnapshot>> kept_;  ///< the longest unused first
};

/// What recurrent layers remember of one chain: their state after `position()` of its tokens,
/// which are all of them but after a cut or a fork in the middle. Then the rest, missing(),
/// must be evaluated again before the chain goes on.
class RecurrentState {
 public:
  explicit RecurrentState(StateStore& store) : store_(&store) {}

  std::int64_t position() const { return position_; }
  std::span<const Token> missing() const {
    return std::span(tokens_).subspan(static_cast<std::size_t>(position_));
  }

  /// Appends tokens that the next pass evaluates.
  void append(std::span<const Token> tokens);
  /// The next pass evaluates the first `count` of missing().
  void begin(std::int64_t count);
  /// What a layer reads and writes in that pass.
  float* layer(std::int64_t index) { return values_->data() + store_->offset(index); }

  /// Keeps a snapshot of now.
  void keep();

  RecurrentState fork(std::int64_t length) const;
  void truncate(std::int64_t length);

 private:
  using Values = std::vector<float>;

  /// The latest state there is after at most `length` tokens.
  StateSnapshot latest(std::int64_t length) const;
  void own_values();

  StateStore* store_;
  std::vector<Token> tokens_;       ///< the whole chain
  std::shared_ptr<Values> values_;  ///< null: nothing seen yet, all zero
  std::int64_t position_ = 0;
  std::vector<std::weak_ptr<const StateSnapshot>> snapshots_;  ///< ascending
};

}  // namespace jielong
