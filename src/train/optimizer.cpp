#include "train/optimizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "tensor/memory.h"
#include "tensor/update.h"
#include "tensor/vector_backward.h"
#include "train/newton_schulz.h"

namespace jielong {
namespace {

constexpr std::int64_t kGrain = 4096;
constexpr std::string_view kAdamStates[] = {"exp_avg", "exp_avg_sq"};
constexpr std::string_view kLionStates[] = {"exp_avg"};
constexpr std::string_view kMomentumStates[] = {"momentum_buffer"};

std::span<const std::string_view> states_of(const OptimizerSettings& settings) {
  switch (settings.kind) {
    case OptimizerKind::adamw: return kAdamStates;
    case OptimizerKind::lion: return kLionStates;
    case OptimizerKind::muon: return kMomentumStates;
    case OptimizerKind::sgd:
      if (settings.momentum > 0) return kMomentumStates;
  }
  return {};
}

void check(const ParameterGroup& group) {
  const OptimizerSettings& settings = group.optimizer;
  const auto require = [&](bool holds, std::string_view what) {
    if (!holds) throw bad_input(std::string(what), fmt::format("optimizer of \"{}\"", group.name));
  };
  const auto share = [](double x) { return x >= 0 && x < 1; };
  require(settings.learning_rate >= 0 && std::isfinite(settings.learning_rate),
          "the learning rate must be a number from 0 on");
  require(settings.weight_decay >= 0 && std::isfinite(settings.weight_decay),
          "the weight decay must be a number from 0 on");
  require(share(settings.beta1) && share(settings.beta2), "betas must be in [0, 1)");
  require(share(settings.momentum), "the momentum must be in [0, 1)");
  require(settings.epsilon > 0, "epsilon must be more than 0");
  require(settings.newton_schulz_steps >= 1 && settings.newton_schulz_steps <= 100,
          "Newton-Schulz takes 1 to 100 steps");
}

}  // namespace

Optimizer::Optimizer(ThreadPool& pool, std::vector<ParameterGroup> groups, Precision precision)
    : pool_(pool), groups_(std::move(groups)), precision_(precision) {
  for (const ParameterGroup& group : groups_) {
    check(group);
    for (Parameter* parameter : group.parameters) {
      if (!members_.emplace(parameter, Member{&group, {}}).second) {
        throw bad_input("belongs to two groups of the optimizer", parameter->name);
      }
      parameters_.push_back(parameter);
    }
  }
}

Optimizer::Member& Optimizer::member(const Parameter& parameter) {
  return const_cast<Member&>(std::as_const(*this).member(parameter));
}

const Optimizer::Member& Optimizer::member(const Parameter& parameter) const {
  const auto found = members_.find(&parameter);
  if (found == members_.end()) {
    throw Error(ErrorKind::internal, "is not in the optimizer", parameter.name);
  }
  return found->second;
}

double Optimizer::squared_norm(const Parameter& parameter) const {
  return sum_of_squares(pool_, parameter.gradient, parameter.count());
}

double Optimizer::gradient_norm() const {
  double sum = 0;
  for (const Parameter* parameter : parameters_) sum += squared_norm(*parameter);
  return std::sqrt(sum);
}

void Optimizer::step(double rate_factor, double gradient_factor) {
  begin_step();
  for (Parameter* parameter : parameters_) update(*parameter, rate_factor, gradient_factor);
}

void Optimizer::begin_step() { ++updates_; }

void Optimizer::update(Parameter& parameter, double rate_factor, double gradient_factor) {
  const OptimizerSettings& settings = this->settings(parameter);
  const std::size_t states = states_of(settings).size();
  const UpdateKernels& kernels = update_vectors();
  float* first = states > 0 ? state(parameter, 0) : nullptr;
  float* second = states > 1 ? state(parameter, 1) : nullptr;
  const auto rate = static_cast<float>(settings.learning_rate * rate_factor);
  const auto decay = static_cast<float>(settings.weight_decay);
  const auto factor = static_cast<float>(gradient_factor);
  const auto beta1 = static_cast<float>(settings.beta1), beta2 = static_cast<float>(settings.beta2);
  const auto momentum = static_cast<float>(settings.momentum);
  switch (settings.kind) {
    case OptimizerKind::adamw: {
      const auto updates = static_cast<double>(updates_);
      const AdamwStep step{rate,
                           decay,
                           beta1,
                           beta2,
                           static_cast<float>(settings.epsilon),
                           static_cast<float>(1 - std::pow(settings.beta1, updates)),
                           static_cast<float>(1 - std::pow(settings.beta2, updates)),
                           factor};
      return for_ranges(parameter, [&](std::int64_t at, std::int64_t n) {
        kernels.adamw(step, parameter.gradient + at, parameter.values + at, first + at, second + at,
                      n);
      });
    }
    case OptimizerKind::lion:
      return for_ranges(parameter, [&](std::int64_t at, std::int64_t n) {
        kernels.lion({rate, decay, beta1, beta2, factor}, parameter.gradient + at,
                     parameter.values + at, first + at, n);
      });
    case OptimizerKind::sgd:
      return for_ranges(parameter, [&](std::int64_t at, std::int64_t n) {
        kernels.sgd({rate, decay, momentum, settings.nesterov, factor}, parameter.gradient + at,
                    parameter.values + at, first == nullptr ? nullptr : first + at, n);
      });
    case OptimizerKind::muon: break;
  }
  direction_.resize(static_cast<std::size_t>(parameter.count()));
  for_ranges(parameter, [&](std::int64_t at, std::int64_t n) {
    kernels.momentum(momentum, settings.nesterov, factor, parameter.gradient + at, first + at,
                     direction_.data() + at, n);
  });
  orthogonalize(pool_, precision_, settings.newton_schulz_steps, parameter.rows, parameter.columns,
                direction_.data(), scratch_);
  const double tall = static_cast<double>(parameter.rows) / static_cast<double>(parameter.columns);
  const SgdStep along{rate, decay, 0, false, static_cast<float>(std::sqrt(std::max(1.0, tall)))};
  for_ranges(parameter, [&](std::int64_t at, std::int64_t n) {
    kernels.sgd(along, direction_.data() + at, parameter.values + at, nullptr, n);
  });
}

template <typename Body>
void Optimizer::for_ranges(const Parameter& parameter, const Body& body) {
  pool_.for_range(parameter.count(), kGrain,
                  [&](std::int64_t begin, std::int64_t end) { body(begin, end - begin); });
}

std::span<const std::string_view> Optimizer::state_names(const Parameter& parameter) const {
  return states_of(settings(parameter));
}

float* Optimizer::state(const Parameter& parameter, std::size_t index) {
  auto& values = member(parameter).state.values[index];
  if (values == nullptr) {
    // Every update passes over all of it: small pages would cost a tenth of that.
    auto memory = allocate_bytes(static_cast<std::size_t>(parameter.count()) * sizeof(float));
    values = {memory, reinterpret_cast<float*>(memory.get())};
    for_ranges(parameter,
               [&](std::int64_t at, std::int64_t n) { std::fill_n(values.get() + at, n, 0.0f); });
  }
  return values.get();
}

const float* Optimizer::state(const Parameter& parameter, std::size_t index) const {
  return member(parameter).state.values[index].get();
}

std::size_t Optimizer::state_bytes() const {
  std::size_t bytes = 0;
  for (const Parameter* parameter : parameters_) {
    bytes += states_of(settings(*parameter)).size() * static_cast<std::size_t>(parameter->count()) *
             sizeof(float);
  }
  return bytes;
}

}  // namespace jielong
