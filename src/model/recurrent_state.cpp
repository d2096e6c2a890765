#include "model/recurrent_state.h"

#include <algorithm>

namespace jielong {

StateStore::StateStore(const std::vector<std::int64_t>& layer_floats, std::size_t max_snapshots)
    : max_snapshots_(max_snapshots) {
  for (const std::int64_t floats : layer_floats) {
    offsets_.push_back(floats_);
    floats_ += (floats + 15) / 16 * 16;
  }
}

std::weak_ptr<const StateSnapshot> StateStore::keep(StateSnapshot snapshot) {
  if (max_snapshots_ == 0) return {};
  if (kept_.size() == max_snapshots_) kept_.pop_front();
  kept_.push_back(std::make_shared<const StateSnapshot>(std::move(snapshot)));
  return kept_.back();
}

void StateStore::touch(const StateSnapshot& snapshot) {
  const auto found = std::find_if(kept_.begin(), kept_.end(),
                                  [&](const auto& kept) { return kept.get() == &snapshot; });
  if (found != kept_.end()) kept_.splice(kept_.end(), kept_, found);
}

void RecurrentState::append(std::span<const Token> tokens) {
  tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
  begin(static_cast<std::int64_t>(tokens.size()));
}

void RecurrentState::begin(std::int64_t count) {
  own_values();
  position_ += count;
}

/// Makes the values this chain's alone: a fork or a snapshot may show them too.
void RecurrentState::own_values() {
  if (values_ == nullptr) {
    values_ = std::make_shared<Values>(static_cast<std::size_t>(store_->floats()));
  } else if (values_.use_count() > 1) {
    values_ = std::make_shared<Values>(*values_);
  }
}

void RecurrentState::keep() {
  if (values_ == nullptr) return;
  std::erase_if(snapshots_, [](const auto& snapshot) { return snapshot.expired(); });
  if (!snapshots_.empty()) {
    const auto last = snapshots_.back().lock();
    if (last != nullptr && last->position == position_) return;
  }
  snapshots_.push_back(store_->keep({position_, values_}));
}

StateSnapshot RecurrentState::latest(std::int64_t length) const {
  if (position_ <= length) return {position_, values_};
  for (auto it = snapshots_.rbegin(); it != snapshots_.rend(); ++it) {
    const auto snapshot = it->lock();
    if (snapshot == nullptr || snapshot->position > length) continue;
    store_->touch(*snapshot);
    return *snapshot;
  }
  return {};
}

RecurrentState RecurrentState::fork(std::int64_t length) const {
  RecurrentState copy(*store_);
  copy.tokens_.assign(tokens_.begin(), tokens_.begin() + length);
  const StateSnapshot from = latest(length);
  // Never written to while others show it: see own_values().
  copy.values_ = std::const_pointer_cast<Values>(from.values);
  copy.position_ = from.position;
  for (const auto& kept : snapshots_) {
    const auto snapshot = kept.lock();
    if (snapshot != nullptr && snapshot->position <= length) copy.snapshots_.push_back(kept);
  }
  return copy;
}

void RecurrentState::truncate(std::int64_t length) {
  const StateSnapshot from = latest(length);
  values_ = std::const_pointer_cast<Values>(from.values);
  position_ = from.position;
  tokens_.resize(static_cast<std::size_t>(length));
  std::erase_if(snapshots_, [&](const auto& kept) {
    const auto snapshot = kept.lock();
    return snapshot == nullptr || snapshot->position > length;
  });
}

}  // namespace jielong
