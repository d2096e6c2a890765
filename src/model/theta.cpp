#include "model/theta.h"

#include <algorithm>
#include <span>

#include "model/convert/plan.h"
#include "model/gguf.h"

namespace jielong {
namespace {

bool is_constant(const std::string& name) { return name.starts_with("rope_f"); }

void read_rows(RowSource& source, float* values) {
  source.prepare();
  for (std::int64_t row = 0; row < source.rows(); ++row) {
    source.read_row(row, values + row * source.columns());
  }
  source.release();
}

TensorInfo in_memory(const std::string& name, const std::vector<std::int64_t>& shape,
                     const float* values, std::int64_t count) {
  TensorInfo tensor{name, DType::f32, shape, {}, false};
  tensor.data = std::as_bytes(std::span(values, static_cast<std::size_t>(count)));
  return tensor;
}

}  // namespace

Theta::Theta(ConversionPlan& plan) {
  for (RowSource& source : plan.tensors) {
    if (is_constant(source.name)) {
      std::vector<float>& values = constants[source.name];
      values.resize(static_cast<std::size_t>(source.rows() * source.columns()));
      read_rows(source, values.data());
      continue;
    }
    Parameter& parameter = parameters.add(source.name, role_of(source.name, source.shape),
                                          source.rows(), source.columns());
    parameter.shape = source.shape;
    read_rows(source, parameter.values);
  }
  set_metadata(plan.metadata);
}

void Theta::set_metadata(const MetadataBuilder& builder) {
  encoded = builder.encode();
  metadata = parse_metadata(std::as_bytes(std::span(encoded)), "the model's metadata");
}

Parameter::Role role_of(const std::string& name, const std::vector<std::int64_t>& shape) {
  const auto has = [&](std::string_view part) { return name.find(part) != std::string::npos; };
  // Mamba's A and D act channel by channel, whatever their shape.
  if (shape.size() < 2 || has("norm") || has("ssm_a") || has("ssm_d.")) {
    return Parameter::Role::vector;
  }
  constexpr std::string_view kTables[] = {"token_embd.",   "position_embd.", "token_types.",
                                          "output.weight", "cls.",           "conv1d"};
  const bool is_hidden_output = has("attn_output.");
  const bool is_table = std::any_of(std::begin(kTables), std::end(kTables), has);
  return is_table && !is_hidden_output ? Parameter::Role::embedding : Parameter::Role::matrix;
}

ThetaFile::ThetaFile(const Theta& theta, const std::filesystem::path& path) : TensorFile(path) {
  for (const Parameter& parameter : theta.parameters.all()) {
    add_tensor(in_memory(parameter.name, parameter.shape, parameter.values, parameter.count()),
               path);
  }
  for (const auto& [name, values] : theta.constants) {
    const auto count = static_cast<std::int64_t>(values.size());
    add_tensor(in_memory(name, {count}, values.data(), count), path);
  }
}

}  // namespace jielong
