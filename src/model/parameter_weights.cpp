#include "model/parameter_weights.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/quote.h"

namespace jielong {

bool ParameterWeights::has(const std::string& name) const {
  return theta_->parameters.find(name) != nullptr || theta_->constants.contains(name);
}

const Parameter& ParameterWeights::find(const std::string& name,
                                        const std::vector<std::int64_t>& shape, Use) const {
  const Parameter* parameter = theta_->parameters.find(name);
  if (parameter == nullptr) {
    throw Error(ErrorKind::not_found, fmt::format("has no tensor {}", in_quotes(name)),
                path_.string());
  }
  if (!same_but_for_ones(parameter->shape, shape)) {
    throw bad_input(fmt::format("has shape {}, but the hyper-parameters ask for {}",
                                describe_shape(parameter->shape), describe_shape(shape)),
                    fmt::format("{}, tensor {}", path_.string(), name),
                    "the file is damaged or of another family");
  }
  return *parameter;
}

Weight ParameterWeights::rows(const std::string& name, std::int64_t total, std::int64_t in,
                              std::int64_t first_row, std::int64_t out) const {
  return view(find(name, {total, in}, Use::matrix), first_row, out);
}

Weight ParameterWeights::table(const std::string& name, std::int64_t entries,
                               std::int64_t channels) const {
  return view(find(name, {entries, channels}, Use::matrix), 0, entries);
}

Weight ParameterWeights::expert(const std::string& name, std::int64_t expert, std::int64_t experts,
                                std::int64_t out, std::int64_t in) const {
  return view(find(name, {experts, out, in}, Use::matrix), expert * out, out);
}

Weight ParameterWeights::picked_rows(const std::string& name, std::int64_t total, std::int64_t in,
                                     std::span<const std::int64_t> picks) const {
  for (std::size_t i = 1; i < picks.size(); ++i) {
    if (picks[i] == picks[i - 1] + 1) continue;
    throw Error(ErrorKind::unsupported,
                fmt::format("parts of {} are interleaved and cannot be trained", in_quotes(name)),
                path_.string());
  }
  return rows(name, total, in, picks.empty() ? 0 : picks.front(),
              static_cast<std::int64_t>(picks.size()));
}

WeightVector ParameterWeights::values(const std::string& name,
                                      const std::vector<std::int64_t>& shape, std::int64_t first,
                                      std::int64_t count) const {
  return view_values(find(name, shape, Use::vector), first, count);
}

WeightVector ParameterWeights::gain(const std::string& name, std::int64_t count) const {
  return view_values(find(name, {count}, Use::gain), 0, count);
}

std::vector<float> ParameterWeights::constants(const std::string& name, std::int64_t count) const {
  const auto found = theta_->constants.find(name);
  if (found == theta_->constants.end() ||
      static_cast<std::int64_t>(found->second.size()) != count) {
    throw bad_input(fmt::format("has no tensor {} of {} values", in_quotes(name), count),
                    path_.string());
  }
  return found->second;
}

std::int64_t ParameterWeights::rows_of(const std::string& name) const {
  const Parameter* parameter = theta_->parameters.find(name);
  if (parameter != nullptr) return parameter->rows;
  throw Error(ErrorKind::not_found, fmt::format("has no tensor {}", in_quotes(name)),
              path_.string());
}

Weight ParameterWeights::view(const Parameter& parameter, std::int64_t first_row,
                              std::int64_t out) const {
  Weight weight;
  weight.name = parameter.name;
  weight.out = out;
  weight.in = parameter.columns;
  weight.stored = std::as_bytes(std::span(parameter.values + first_row * parameter.columns,
                                          static_cast<std::size_t>(out * parameter.columns)));
  weight.owner = theta_;
  return weight;
}

WeightVector ParameterWeights::view_values(const Parameter& parameter, std::int64_t first,
                                           std::int64_t count) const {
  return {parameter.name, {parameter.values + first, static_cast<std::size_t>(count)}, theta_};
}

}  // namespace jielong
