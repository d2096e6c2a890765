#include "tensor/parameters.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "tensor/memory.h"

namespace jielong {
namespace {

/// Far above any tensor there is, low enough that the bytes of two never overflow.
constexpr std::int64_t kMostValues = std::int64_t{1} << 40;

std::shared_ptr<std::byte[]> zeros(std::int64_t count) {
  const auto bytes = static_cast<std::size_t>(count) * sizeof(float);
  auto memory = allocate_bytes(bytes);
  std::fill_n(reinterpret_cast<float*>(memory.get()), count, 0.0f);
  return memory;
}

float* floats(const std::shared_ptr<std::byte[]>& memory) {
  return reinterpret_cast<float*>(memory.get());
}

}  // namespace

Parameter& Parameters::add(std::string name, Parameter::Role role, std::int64_t rows,
                           std::int64_t columns) {
  if (rows < 1 || columns < 1 || rows > kMostValues / columns) {
    throw bad_input(fmt::format("a tensor of shape ({}, {}) cannot be trained", rows, columns),
                    name);
  }
  if (by_name_.contains(name)) throw bad_input("there are two parameters of this name", name);
  Memory memory;
  memory.values = zeros(rows * columns);
  memory.gradient = zeros(rows * columns);
  Parameter& added = all_.emplace_back();
  added.name = std::move(name);
  added.role = role;
  added.rows = rows;
  added.columns = columns;
  added.shape = {rows, columns};
  if (role == Parameter::Role::vector && rows == 1) added.shape = {columns};
  added.values = floats(memory.values);
  added.gradient = floats(memory.gradient);
  memory_.push_back(std::move(memory));
  by_address_.emplace(added.values, all_.size() - 1);
  by_name_.emplace(added.name, &added);
  return added;
}

Parameter* Parameters::find(const std::string& name) {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

std::int64_t Parameters::count() const {
  std::int64_t total = 0;
  for (const Parameter& parameter : all_) total += parameter.count();
  return total;
}

std::size_t Parameters::bytes() const {
  std::size_t total = 0;
  for (const Parameter& parameter : all_) {
    const auto each = static_cast<std::size_t>(parameter.count()) * sizeof(float);
    total += parameter.gradient != nullptr ? 2 * each : each;
  }
  return total;
}

std::ptrdiff_t Parameters::index_at(const float* values) const {
  const auto after = by_address_.upper_bound(values);
  if (after == by_address_.begin()) return -1;
  const std::size_t index = std::prev(after)->second;
  const Parameter& parameter = all_[index];
  const bool inside = values < parameter.values + parameter.count();
  return inside && parameter.gradient != nullptr ? static_cast<std::ptrdiff_t>(index) : -1;
}

float* Parameters::gradient_at(const float* values) {
  const std::ptrdiff_t index = index_at(values);
  if (index < 0) return nullptr;
  const Parameter& parameter = all_[static_cast<std::size_t>(index)];
  Memory& memory = memory_[static_cast<std::size_t>(index)];
  if (memory.forgotten) std::fill_n(parameter.gradient, parameter.count(), 0.0f);
  memory.untouched = memory.forgotten = false;
  return parameter.gradient + (values - parameter.values);
}

Parameters::Claim Parameters::claim_gradient(const float* values, std::int64_t count) {
  const std::ptrdiff_t index = index_at(values);
  if (index < 0) return {nullptr, false};
  const Parameter& parameter = all_[static_cast<std::size_t>(index)];
  Memory& memory = memory_[static_cast<std::size_t>(index)];
  const bool whole = values == parameter.values && count == parameter.count();
  if (!whole || !memory.untouched) return {gradient_at(values), false};
  memory.untouched = memory.forgotten = false;
  memory.claimed = true;
  return {parameter.gradient, true};
}

void Parameters::zero_gradients(ThreadPool& pool) {
  for (Memory& memory : memory_) memory.claimed = false;
  forget_gradients(pool);
}

void Parameters::forget_gradients(ThreadPool& pool) {
  for (Memory& memory : memory_) {
    // What is not expected to be written whole is forgotten for as long as settling takes.
    memory.untouched = true;
    memory.forgotten = !memory.claimed;
  }
  settle_gradients(pool);
  for (Memory& memory : memory_) {
    memory.forgotten = memory.claimed;
    memory.claimed = false;
  }
}

void Parameters::settle_gradients(ThreadPool& pool) {
  pool.run([&](int thread, int threads) {
    for (std::size_t i = 0; i < all_.size(); ++i) {
      const Parameter& parameter = all_[i];
      if (!memory_[i].forgotten || parameter.gradient == nullptr) continue;
      const auto [begin, end] = ThreadPool::slice(parameter.count(), 16, thread, threads);
      std::fill(parameter.gradient + begin, parameter.gradient + end, 0.0f);
    }
  });
  for (Memory& memory : memory_) memory.forgotten = false;
}

void Parameters::set_trained(Parameter& parameter, bool trained) {
  const auto at = std::find_if(all_.begin(), all_.end(),
                               [&](const Parameter& each) { return &each == &parameter; });
  if (at == all_.end()) throw Error(ErrorKind::internal, "is no parameter", parameter.name);
  Memory& memory = memory_[static_cast<std::size_t>(at - all_.begin())];
  if (trained && memory.gradient == nullptr) memory.gradient = zeros(parameter.count());
  memory.claimed = false;
  if (!trained) memory.gradient = nullptr;
  parameter.trained = trained;
  parameter.gradient = trained ? floats(memory.gradient) : nullptr;
}

}  // namespace jielong
