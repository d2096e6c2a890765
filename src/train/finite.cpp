#include "train/finite.h"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace jielong {
namespace {

bool all_finite(const float* values, std::int64_t n) {
  return std::all_of(values, values + n, [](float x) { return std::isfinite(x); });
}

bool all_finite(const Tensor& tensor) {
  for (std::int64_t i = 0; i < tensor.rows; ++i) {
    if (!all_finite(tensor.row(i), tensor.channels)) return false;
  }
  return true;
}

}  // namespace

std::string first_not_finite_value(const Parameters& parameters, Objective& objective,
                                   Workspace& workspace, Precision precision,
                                   const TrainingBatch& batch) {
  for (const Parameter& parameter : parameters.all()) {
    if (!all_finite(parameter.values, parameter.count())) return parameter.name;
  }
  std::string found;
  const Tap tap = [&](std::string_view name, const Tensor& value) {
    if (found.empty() && !all_finite(value)) found = name;
  };
  workspace.arena().release({});
  Pass pass(workspace, &tap, nullptr, precision);
  const ObjectiveResult result = objective.run(pass, batch, 1);
  if (found.empty() && !std::isfinite(result.loss)) found = "loss";
  return found;
}

std::string first_not_finite_gradient(const Parameters& parameters) {
  // Gradients flow from the last layer to the first, and what is broken spreads with them.
  const auto& all = parameters.all();
  const auto found = std::find_if(all.rbegin(), all.rend(), [](const Parameter& parameter) {
    return parameter.gradient != nullptr && !all_finite(parameter.gradient, parameter.count());
  });
  return found == all.rend() ? "" : "gradient of " + found->name;
}

}  // namespace jielong
