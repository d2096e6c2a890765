#include "train/parallel/gradient_exchange.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "tensor/vector_backward.h"

namespace jielong {
namespace {

constexpr std::int64_t kGrain = 4096;

std::size_t count_of(const Parameter& parameter) {
  return static_cast<std::size_t>(parameter.count());
}

double squares_of(ThreadPool& pool, const Parameter& parameter) {
  return sum_of_squares(pool, parameter.gradient, parameter.count());
}

}  // namespace

GradientExchange::GradientExchange(ThreadPool& pool, Communicator& communicator,
                                   std::span<Parameter* const> parameters)
    : pool_(pool), communicator_(communicator) {
  // The largest first, each to whom has least: no rank has much more than another.
  std::vector<std::size_t> order(parameters.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return parameters[a]->count() > parameters[b]->count();
  });
  std::vector<std::int64_t> load(static_cast<std::size_t>(communicator.size()));
  std::vector<int> owners(parameters.size());
  for (const std::size_t i : order) {
    const auto least = std::min_element(load.begin(), load.end());
    *least += parameters[i]->count();
    owners[i] = static_cast<int>(least - load.begin());
  }
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    index_.emplace(parameters[i], i);
    Entry& entry = entries_.emplace_back();
    entry.parameter = parameters[i];
    entry.owner = owners[i];
  }
}

int GradientExchange::owner(const Parameter& parameter) const {
  return entries_[index_.at(&parameter)].owner;
}

void GradientExchange::begin(Parameter& parameter) {
  const auto found = index_.find(&parameter);
  if (found == index_.end()) return;  // frozen
  begin(entries_[found->second]);
  // Transfers move only while somebody looks at them.
  for (Entry& entry : entries_) {
    for (const auto& transfer : entry.transfers) transfer->test();
  }
}

void GradientExchange::begin(Entry& entry) {
  if (entry.begun) return;
  entry.begun = true;
  const auto tag = static_cast<int>(&entry - entries_.data());
  const std::size_t count = count_of(*entry.parameter);
  if (entry.owner != communicator_.rank()) {
    if (first_time_) entry.squares_sent = squares_of(pool_, *entry.parameter);
    entry.transfers.push_back(
        communicator_.send({entry.parameter->gradient, count}, entry.owner, tag));
    return;
  }
  entry.received.resize(count * static_cast<std::size_t>(communicator_.size() - 1));
  float* place = entry.received.data();
  for (int rank = 0; rank < communicator_.size(); ++rank) {
    if (rank == entry.owner) continue;
    entry.transfers.push_back(communicator_.receive({place, count}, rank, tag));
    place += count;
  }
}

/// The gradient becomes the sum of all ranks', added in the order of ranks.
void GradientExchange::add_up(Entry& entry) {
  const std::size_t count = count_of(*entry.parameter);
  float* own = entry.parameter->gradient;
  std::vector<const float*> sources;
  for (int rank = 0, other = 0; rank < communicator_.size(); ++rank) {
    const bool mine = rank == entry.owner;
    sources.push_back(mine ? own
                           : entry.received.data() + count * static_cast<std::size_t>(other++));
  }
  pool_.for_range(entry.parameter->count(), kGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      float sum = sources.front()[i];
      for (std::size_t rank = 1; rank < sources.size(); ++rank) sum += sources[rank][i];
      own[i] = sum;
    }
  });
}

void GradientExchange::finish() {
  for (Entry& entry : entries_) begin(entry);
  for (Entry& entry : entries_) {
    for (const auto& transfer : entry.transfers) transfer->wait();
    entry.transfers.clear();
    entry.begun = false;
    if (entry.owner == communicator_.rank()) {
      add_up(entry);
    } else if (first_time_) {
      check_sent(entry);
    }
  }
  first_time_ = false;
}

void GradientExchange::check_sent(const Entry& entry) const {
  const double now = squares_of(pool_, *entry.parameter);
  const bool same =
      now == entry.squares_sent || (std::isnan(now) && std::isnan(entry.squares_sent));
  if (same) return;
  throw Error(ErrorKind::internal, "its gradient changed after it was taken for complete",
              entry.parameter->name);
}

void GradientExchange::share_values() {
  std::vector<std::unique_ptr<Communicator::Transfer>> transfers;
  // Behind the tags of gradients, of which those of a faster rank's next step may be under way.
  auto tag = static_cast<int>(entries_.size());
  for (const Entry& entry : entries_) {
    const std::span<float> values(entry.parameter->values, count_of(*entry.parameter));
    if (entry.owner != communicator_.rank()) {
      transfers.push_back(communicator_.receive(values, entry.owner, tag));
    } else {
      for (int rank = 0; rank < communicator_.size(); ++rank) {
        if (rank != entry.owner) transfers.push_back(communicator_.send(values, rank, tag));
      }
    }
    ++tag;
  }
  for (const auto& transfer : transfers) transfer->wait();
}

}  // namespace jielong
