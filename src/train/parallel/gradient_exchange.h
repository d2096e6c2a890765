#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/thread_pool.h"
#include "tensor/parameters.h"
#include "train/parallel/communicator.h"

namespace jielong {

/// Gradients of several ranks become one: every parameter has an owner, who sums its gradients of
/// all ranks in the order of ranks, updates it and hands the new values out. So the states of the
/// optimizer exist once over all ranks (ZeRO stage 1: Rajbhandari et al. 2020), whole parameters at
/// a time because Muon needs whole matrices. Transfers begin when a gradient is final, while the
/// backward pass goes on.
class GradientExchange {
 public:
  GradientExchange(ThreadPool& pool, Communicator& communicator,
                   std::span<Parameter* const> parameters);

  int owner(const Parameter& parameter) const;
  bool owns(const Parameter& parameter) const { return owner(parameter) == communicator_.rank(); }

  /// The gradient of `parameter` will not change any more in this step: sends it to its owner, or
  /// begins to receive it as the owner.
  void begin(Parameter& parameter);
  /// Begins what has not begun, and waits for all. Owners now have the sums of all ranks in their
  /// gradients; the gradients of others are undefined. The first time, throws Error(internal) when
  /// a gradient was not final when it began to travel: passes of one model are all alike.
  void finish();
  /// Owners send the values they updated to all.
  void share_values();

 private:
  struct Entry {
    Parameter* parameter;
    int owner;
    bool begun = false;
    double squares_sent = 0;  ///< of the gradient when it was sent, the first time
    /// Of the owner: (ranks − 1, count) the others' gradients, in the order of ranks.
    std::vector<float> received;
    std::vector<std::unique_ptr<Communicator::Transfer>> transfers;
  };
  void begin(Entry& entry);
  void check_sent(const Entry& entry) const;
  void add_up(Entry& entry);

  ThreadPool& pool_;
  Communicator& communicator_;
  std::vector<Entry> entries_;
  bool first_time_ = true;
  std::unordered_map<const Parameter*, std::size_t> index_;
};

}  // namespace jielong
