#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/parameters.h"

namespace jielong {

enum class OptimizerKind : std::uint8_t { adamw, muon, lion, sgd };

std::string_view name(OptimizerKind kind);
/// Throws Error(bad_input) that lists the names there are.
OptimizerKind optimizer_by_name(std::string_view name);

/// A rule of update and its constants. Fields that a rule does not use are ignored.
///   adamw  Loshchilov and Hutter 2019, as torch.optim.AdamW
///   muon   Jordan et al. 2024: momentum, then orthogonalised by Newton-Schulz, times
///          √max(1, rows/columns); for matrices only
///   lion   Chen et al. 2023
///   sgd    with momentum and Nesterov, as torch.optim.SGD, but with decoupled decay
struct OptimizerSettings {
  OptimizerKind kind = OptimizerKind::adamw;
  double learning_rate = 3e-4;  ///< at the schedule's peak
  double weight_decay = 0.1;    ///< decoupled: θ loses learning rate · decay · θ a step
  double beta1 = 0.9;           ///< adamw, lion
  double beta2 = 0.95;          ///< adamw; lion's authors take 0.99
  double epsilon = 1e-8;        ///< adamw
  double momentum = 0.95;       ///< muon, sgd
  bool nesterov = true;         ///< muon, sgd
  int newton_schulz_steps = 5;  ///< muon
};

/// The parameters of one group, told by role and by name, and how they are trained.
struct GroupSettings {
  std::string name;
  /// Patterns of names with `*` (any text) and `?` (any character), as "blk.*.attn_?.weight"; one
  /// must match. Empty: any name.
  std::vector<std::string> patterns;
  std::vector<Parameter::Role> roles;  ///< one must match; empty: any role
  bool frozen = false;
  OptimizerSettings optimizer;
};

struct ParameterGroup {
  std::string name;
  OptimizerSettings optimizer;
  std::vector<Parameter*> parameters;
};

/// What trains a whole model by one rule: matrices and embeddings with decay, vectors (norms,
/// biases) without; with Muon, embeddings, head and vectors by AdamW at `adamw`'s rates.
std::vector<GroupSettings> default_groups(const OptimizerSettings& optimizer,
                                          const OptimizerSettings& adamw = {});

/// Gives every parameter to the first group that it matches. Members of frozen groups are frozen
/// (Parameters::set_trained) and belong to no group afterwards; so do those already frozen. Throws
/// Error(bad_input) for a parameter that matches none, a group that matches nothing, a Muon group
/// with vectors, and when nothing is left to train.
std::vector<ParameterGroup> group_parameters(Parameters& parameters,
                                             std::span<const GroupSettings> groups);

/// Whether `text` matches a pattern of GroupSettings, from beginning to end.
bool matches(std::string_view pattern, std::string_view text);

}  // namespace jielong
