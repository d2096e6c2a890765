#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/thread_pool.h"
#include "tensor/gemm.h"
#include "tensor/parameters.h"
#include "train/parameter_group.h"

namespace jielong {

/// Everything that an optimizer remembers of one parameter, each array (rows, columns) in f32.
struct OptimizerState {
  static constexpr std::size_t kMost = 2;
  std::array<std::shared_ptr<float[]>, kMost> values;  ///< null until the first update
};

/// Moves θ against its gradient. A group is a set of parameters and its settings, nothing more, so
/// whatever has values and a gradient can be trained. States take memory when a parameter is first
/// updated. Every element is computed alike at any thread count.
class Optimizer {
 public:
  /// @param groups disjoint; the parameters must outlive the optimizer
  /// @param precision of Muon's products
  /// Throws Error(bad_input) for settings out of range, naming the group.
  Optimizer(ThreadPool& pool, std::vector<ParameterGroup> groups,
            Precision precision = Precision::f32);
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  const std::vector<ParameterGroup>& groups() const { return groups_; }
  /// All parameters of all groups, in the order of the groups.
  std::span<Parameter* const> parameters() const { return parameters_; }

  /// √ Σ g² over all parameters, summed in f64 in a fixed order.
  double gradient_norm() const;
  /// Σ g² of one parameter.
  double squared_norm(const Parameter& parameter) const;

  /// One update of every parameter: at learning rate · `rate_factor` of its group and with
  /// gradients times `gradient_factor`, which clips.
  void step(double rate_factor, double gradient_factor);
  /// The same in parts, for ranks that share the work: begin_step() once, then update() of any
  /// parameters in any order.
  void begin_step();
  void update(Parameter& parameter, double rate_factor, double gradient_factor);

  /// Updates so far; Adam's bias correction depends on it.
  std::int64_t updates() const { return updates_; }
  void set_updates(std::int64_t updates) { updates_ = updates; }

  const OptimizerSettings& settings(const Parameter& parameter) const {
    return member(parameter).group->optimizer;
  }
  /// How many arrays a parameter's rule keeps, and what they are called in checkpoints:
  /// torch.optim's "exp_avg", "exp_avg_sq", "momentum_buffer".
  std::span<const std::string_view> state_names(const Parameter& parameter) const;
  /// The memory of state `index`, (rows, columns), allocated (zero) when it was not there.
  float* state(const Parameter& parameter, std::size_t index);
  /// The same, or null before the first update.
  const float* state(const Parameter& parameter, std::size_t index) const;
  /// Bytes of all states when every parameter has been updated.
  std::size_t state_bytes() const;

 private:
  struct Member {
    const ParameterGroup* group;
    OptimizerState state;
  };
  template <typename Body>
  void for_ranges(const Parameter& parameter, const Body& body);
  Member& member(const Parameter& parameter);
  const Member& member(const Parameter& parameter) const;

  ThreadPool& pool_;
  std::vector<ParameterGroup> groups_;
  Precision precision_;
  std::vector<Parameter*> parameters_;
  std::unordered_map<const Parameter*, Member> members_;
  std::int64_t updates_ = 0;
  std::vector<float> direction_;  ///< Muon's update before it is applied
  std::vector<float> scratch_;
};

}  // namespace jielong
