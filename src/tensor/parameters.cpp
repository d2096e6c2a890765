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
  Memory memory{zeros(rows * columns), zeros(rows * columns)};
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
  by_address_.emplace(added.values, &added);
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

float* Parameters::gradient_at(const float* values) const {
  auto after = by_address_.upper_bound(values);
  if (after == by_address_.begin()) return nullptr;
  const Parameter& parameter = *std::prev(after)->second;
  if (parameter.gradient == nullptr || values >= parameter.values + parameter.count()) {
    return nullptr;
  }
  return parameter.gradient + (values - parameter.values);
}

void Parameters::zero_gradients(ThreadPool& pool) {
  pool.run([&](int thread, int threads) {
    for (Parameter& parameter : all_) {
      if (parameter.gradient == nullptr) continue;
      const auto [begin, end] = ThreadPool::slice(parameter.count(), 16, thread, threads);
      std::fill(parameter.gradient + begin, parameter.gradient + end, 0.0f);
    }
  });
}

void Parameters::set_trained(Parameter& parameter, bool trained) {
  const auto at = std::find_if(all_.begin(), all_.end(),
                               [&](const Parameter& each) { return &each == &parameter; });
  if (at == all_.end()) throw Error(ErrorKind::internal, "is no parameter", parameter.name);
  Memory& memory = memory_[static_cast<std::size_t>(at - all_.begin())];
  if (trained && memory.gradient == nullptr) memory.gradient = zeros(parameter.count());
  if (!trained) memory.gradient = nullptr;
  parameter.trained = trained;
  parameter.gradient = trained ? floats(memory.gradient) : nullptr;
}

}  // namespace jielong
