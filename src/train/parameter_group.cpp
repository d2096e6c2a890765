#include "train/parameter_group.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "base/error.h"

namespace jielong {
namespace {

constexpr std::array<std::string_view, 4> kNames = {"adamw", "muon", "lion", "sgd"};

bool belongs(const Parameter& parameter, const GroupSettings& group) {
  const auto any = [](const auto& list, const auto& test) {
    return list.empty() || std::any_of(list.begin(), list.end(), test);
  };
  return any(group.patterns,
             [&](const std::string& pattern) { return matches(pattern, parameter.name); }) &&
         any(group.roles, [&](Parameter::Role role) { return role == parameter.role; });
}

}  // namespace

std::string_view name(OptimizerKind kind) { return kNames[static_cast<std::size_t>(kind)]; }

OptimizerKind optimizer_by_name(std::string_view name) {
  const auto found = std::find(kNames.begin(), kNames.end(), name);
  if (found == kNames.end()) {
    throw bad_input(fmt::format("there is no optimizer \"{}\"", name), "optimizer",
                    fmt::format("choose among {}", fmt::join(kNames, ", ")));
  }
  return static_cast<OptimizerKind>(found - kNames.begin());
}

bool matches(std::string_view pattern, std::string_view text) {
  // Only the last `*` may need another try: what an earlier one took cannot help a later one.
  std::size_t p = 0, t = 0;
  std::size_t star = std::string_view::npos, taken = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      taken = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++taken;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

std::vector<GroupSettings> default_groups(const OptimizerSettings& optimizer,
                                          const OptimizerSettings& adamw) {
  using Role = Parameter::Role;
  const auto group = [](std::string name, std::vector<Role> roles,
                        const OptimizerSettings& settings) {
    GroupSettings result;
    result.name = std::move(name);
    result.roles = std::move(roles);
    result.optimizer = settings;
    return result;
  };
  const bool muon = optimizer.kind == OptimizerKind::muon;
  const OptimizerSettings& rest = muon ? adamw : optimizer;
  OptimizerSettings vectors = rest;
  vectors.weight_decay = 0;

  std::vector<GroupSettings> groups;
  if (muon) {
    // The head maps to a vocabulary as embeddings map from one, and trains like them.
    groups.push_back(group("embeddings", {}, rest));
    groups.back().patterns = {"output.weight", "cls.*", "token_embd.weight", "position_embd.weight",
                              "token_types.weight"};
    groups.back().roles = {Role::matrix, Role::embedding};
  }
  groups.push_back(group("matrices", {Role::matrix}, optimizer));
  if (!muon) groups.back().roles.push_back(Role::embedding);
  if (muon) groups.push_back(group("other embeddings", {Role::embedding}, rest));
  groups.push_back(group("vectors", {Role::vector}, vectors));
  return groups;
}

std::vector<ParameterGroup> group_parameters(Parameters& parameters,
                                             std::span<const GroupSettings> groups) {
  std::vector<ParameterGroup> result;
  for (const GroupSettings& group : groups) result.push_back({group.name, group.optimizer, {}});
  std::vector<bool> used(groups.size());
  for (Parameter& parameter : parameters.all()) {
    const auto found = std::find_if(groups.begin(), groups.end(), [&](const GroupSettings& group) {
      return belongs(parameter, group);
    });
    if (found == groups.end()) {
      throw bad_input("belongs to no group of the optimizer", parameter.name,
                      "add a group that matches everything");
    }
    const auto index = static_cast<std::size_t>(found - groups.begin());
    used[index] = true;
    if (found->frozen && parameter.trained) parameters.set_trained(parameter, false);
    if (!parameter.trained) continue;
    if (found->optimizer.kind == OptimizerKind::muon && parameter.role == Parameter::Role::vector) {
      throw bad_input(
          "is a vector, and Muon trains matrices only", parameter.name,
          fmt::format("keep it out of group \"{}\", for instance by role", found->name));
    }
    result[index].parameters.push_back(&parameter);
  }
  for (std::size_t i = 0; i < groups.size(); ++i) {
    // A pattern that matches nothing is a typing error; a role may well be absent. Our own default
    // patterns name what only some models have.
    if (!used[i] && !groups[i].patterns.empty() && groups[i].roles.empty()) {
      throw bad_input(
          fmt::format("no parameter is named like {}", fmt::join(groups[i].patterns, " or ")),
          fmt::format("group \"{}\"", groups[i].name), "see the names with `jielong show`");
    }
  }
  std::erase_if(result, [](const ParameterGroup& group) { return group.parameters.empty(); });
  if (result.empty()) {
    throw bad_input("every parameter is frozen", "optimizer", "leave some of them to be trained");
  }
  return result;
}

}  // namespace jielong
