#include "model/families/recurrent_parts.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace jielong::parts {
namespace {

/// Channels [first, first + count) of a layer's ssm_conv1d, which has `total`.
CausalConv conv(const WeightSource& source, std::int64_t layer, std::int64_t taps,
                std::int64_t total, std::int64_t first, std::int64_t count) {
  const std::string stem = in_layer(layer, "ssm_conv1d");
  CausalConv result;
  result.channels = count;
  result.taps = taps;
  result.weight = source.values(stem + ".weight", {total, taps}, first * taps, count * taps);
  if (source.has(stem + ".bias")) result.bias = source.part(stem + ".bias", total, first, count);
  return result;
}

template <typename T>
std::shared_ptr<T> registered(std::shared_ptr<T> layer, Stack& stack) {
  layer->state_layer = static_cast<std::int64_t>(stack.recurrents.size());
  stack.recurrents.push_back(layer.get());
  return layer;
}

/// Rows of heads that a matrix keeps side by side: of each of `groups` groups, `count` rows from
/// `offset` on.
std::vector<std::int64_t> interleaved(std::int64_t groups, std::int64_t stride, std::int64_t offset,
                                      std::int64_t count) {
  std::vector<std::int64_t> rows;
  for (std::int64_t g = 0; g < groups; ++g) {
    for (std::int64_t i = 0; i < count; ++i) rows.push_back(g * stride + offset + i);
  }
  return rows;
}

void read_rate_and_step(DeltaNet& net, const Hyperparameters& hyper, const WeightSource& source,
                        std::int64_t layer) {
  const auto& sizes = hyper.delta_net;
  const std::int64_t heads = sizes.rank, each = heads / sizes.groups;
  if (source.has(in_layer(layer, "ssm_ba.weight"))) {
    const auto pick = [&](std::int64_t offset) {
      const auto rows = interleaved(sizes.groups, 2 * each, offset, each);
      return source.picked_rows(in_layer(layer, "ssm_ba.weight"), 2 * heads, hyper.channels, rows);
    };
    net.rate.weight = pick(0);
    net.step.weight = pick(each);
  } else {
    net.rate = linear(source, in_layer(layer, "ssm_beta"), heads, hyper.channels);
    net.step = linear(source, in_layer(layer, "ssm_alpha"), heads, hyper.channels);
  }
  net.step.bias = source.vector(in_layer(layer, "ssm_dt.bias"), heads);
}

void read_queries(DeltaNet& net, const Hyperparameters& hyper, const WeightSource& source,
                  std::int64_t layer) {
  const auto& sizes = hyper.delta_net;
  const std::int64_t keys = sizes.groups * sizes.states, values = sizes.inner;
  const std::string fused = in_layer(layer, "ssm_in.weight");
  if (!source.has(fused)) {
    const std::string qkv = in_layer(layer, "attn_qkv");
    const std::int64_t total = 2 * keys + values;
    net.query = linear_rows(source, qkv, total, hyper.channels, 0, keys);
    net.key = linear_rows(source, qkv, total, hyper.channels, keys, keys);
    net.value = linear_rows(source, qkv, total, hyper.channels, 2 * keys, values);
    net.open = linear(source, in_layer(layer, "attn_gate"), values, hyper.channels);
    return;
  }
  const std::int64_t each = values / sizes.groups, stride = 2 * sizes.states + 2 * each;
  const auto pick = [&](std::int64_t offset, std::int64_t count) {
    return source.picked_rows(fused, sizes.groups * stride, hyper.channels,
                              interleaved(sizes.groups, stride, offset, count));
  };
  net.query.weight = pick(0, sizes.states);
  net.key.weight = pick(sizes.states, sizes.states);
  net.value.weight = pick(2 * sizes.states, each);
  net.open.weight = pick(2 * sizes.states + each, each);
}

}  // namespace

std::shared_ptr<Mamba> mamba(const Hyperparameters& hyper, const WeightSource& source,
                             std::int64_t layer, Stack& stack) {
  const auto& sizes = hyper.mamba;
  const std::int64_t inner = sizes.inner, states = sizes.states, rank = sizes.rank;
  const auto named = [&](const char* part) { return in_layer(layer, part); };
  auto result = std::make_shared<Mamba>();
  result->in_x = linear_rows(source, named("ssm_in"), 2 * inner, hyper.channels, 0, inner);
  result->in_z = linear_rows(source, named("ssm_in"), 2 * inner, hyper.channels, inner, inner);
  result->conv = conv(source, layer, sizes.taps, inner, 0, inner);
  const std::int64_t chosen = rank + 2 * states;
  result->choose_step = linear_rows(source, named("ssm_x"), chosen, inner, 0, rank);
  result->choose_b = linear_rows(source, named("ssm_x"), chosen, inner, rank, states);
  result->choose_c = linear_rows(source, named("ssm_x"), chosen, inner, rank + states, states);
  const std::pair<const char*, std::optional<Norm>*> norms[] = {{"ssm_dt_norm", &result->step_norm},
                                                                {"ssm_b_norm", &result->b_norm},
                                                                {"ssm_c_norm", &result->c_norm}};
  for (const auto& [stem, norm] : norms) {
    if (source.has(named(stem) + ".weight")) {
      const bool of_step = norm == &result->step_norm;
      *norm = rms_norm(source, named(stem), of_step ? rank : states, hyper.norm_eps);
    } else if (sizes.normed) {
      *norm = Norm{Norm::Kind::rms, hyper.norm_eps, {}, {}};
    }
  }
  result->step = linear(source, named("ssm_dt"), inner, rank);
  result->scan.kind = LinearScan::Kind::selective;
  result->scan.head_channels = inner;
  result->scan.states = states;
  result->scan.decay = source.values(named("ssm_a"), {inner, states}, 0, inner * states);
  result->scan.skip = source.vector(named("ssm_d"), inner);
  result->output = linear(source, named("ssm_out"), hyper.channels, inner);
  return registered(std::move(result), stack);
}

std::shared_ptr<Mamba2> mamba2(const Hyperparameters& hyper, const WeightSource& source,
                               std::int64_t layer, Stack& stack) {
  const auto& sizes = hyper.mamba2;
  const std::int64_t inner = sizes.inner, heads = sizes.rank, shared = sizes.groups * sizes.states;
  const auto named = [&](const char* part) { return in_layer(layer, part); };
  auto result = std::make_shared<Mamba2>();
  std::int64_t row = 0;
  const std::int64_t total = 2 * inner + 2 * shared + heads;
  const std::pair<Linear*, std::int64_t> maps[] = {{&result->in_z, inner},
                                                   {&result->in_x, inner},
                                                   {&result->in_b, shared},
                                                   {&result->in_c, shared},
                                                   {&result->in_step, heads}};
  for (const auto& [map, rows] : maps) {
    *map = linear_rows(source, named("ssm_in"), total, hyper.channels, row, rows);
    row += rows;
  }
  result->in_step.bias = source.vector(named("ssm_dt.bias"), heads);
  const std::int64_t convolved = inner + 2 * shared;
  result->conv_x = conv(source, layer, sizes.taps, convolved, 0, inner);
  result->conv_b = conv(source, layer, sizes.taps, convolved, inner, shared);
  result->conv_c = conv(source, layer, sizes.taps, convolved, inner + shared, shared);
  LinearScan& scan = result->scan;
  scan.kind = LinearScan::Kind::shared;
  scan.heads = heads;
  scan.head_channels = inner / heads;
  scan.states = sizes.states;
  scan.groups = sizes.groups;
  scan.decay = source.values(named("ssm_a"), {heads, 1}, 0, heads);
  scan.skip = source.values(named("ssm_d"), {heads, 1}, 0, heads);
  if (source.has(named("ssm_norm.weight"))) {
    WeightVector gain =
        source.values(named("ssm_norm.weight"), {sizes.groups, inner / sizes.groups}, 0, inner);
    result->norm = Norm{Norm::Kind::rms, hyper.norm_eps, {}, {}};
    (sizes.groups == 1 ? result->norm->gain : result->gain) = std::move(gain);
  }
  result->output = linear(source, named("ssm_out"), hyper.channels, inner);
  return registered(std::move(result), stack);
}

std::shared_ptr<DeltaNet> delta_net(const Hyperparameters& hyper, const WeightSource& source,
                                    std::int64_t layer, Stack& stack) {
  const auto& sizes = hyper.delta_net;
  const std::int64_t heads = sizes.rank, keys = sizes.groups * sizes.states, values = sizes.inner;
  const auto named = [&](const char* part) { return in_layer(layer, part); };
  auto result = std::make_shared<DeltaNet>();
  result->set_heads(sizes.groups, heads, sizes.states, values / heads);
  read_queries(*result, hyper, source, layer);
  read_rate_and_step(*result, hyper, source, layer);
  const std::int64_t convolved = 2 * keys + values;
  result->conv_query = conv(source, layer, sizes.taps, convolved, 0, keys);
  result->conv_key = conv(source, layer, sizes.taps, convolved, keys, keys);
  result->conv_value = conv(source, layer, sizes.taps, convolved, 2 * keys, values);
  result->scan.decay = source.vector(named("ssm_a"), heads);
  // Not gain(): also where others are stored without their 1, this one has it.
  result->norm = {
      Norm::Kind::rms, hyper.norm_eps, source.vector(named("ssm_norm.weight"), values / heads), {}};
  result->output = linear(source, named("ssm_out"), hyper.channels, values);
  return registered(std::move(result), stack);
}

bool initialize_recurrent(Parameter& parameter, const Hyperparameters& hyper, Rng& rng) {
  const auto is = [&](std::string_view part) {
    return parameter.name.find(part) != std::string::npos;
  };
  const auto uniform = [&](double low, double high) { return low + (high - low) * rng.uniform(); };
  float* values = parameter.values;
  const std::int64_t count = parameter.count();
  if (is(".ssm_a") && !is(".ssm_alpha")) {
    for (std::int64_t i = 0; i < count; ++i) {
      const bool selective = parameter.columns > 1 && parameter.columns == hyper.mamba.states;
      values[i] = selective ? -static_cast<float>(i % parameter.columns + 1)
                            : -static_cast<float>(uniform(1, 16));
    }
  } else if (is(".ssm_d") && !is(".ssm_dt")) {
    std::fill_n(values, count, 1.0f);
  } else if (is(".ssm_norm.")) {
    std::fill_n(values, count, 1.0f);
  } else if (is(".ssm_conv1d.weight")) {
    const double most = 1 / std::sqrt(static_cast<double>(parameter.columns));
    for (std::int64_t i = 0; i < count; ++i) values[i] = static_cast<float>(uniform(-most, most));
  } else if (is(".ssm_dt.bias")) {
    for (std::int64_t i = 0; i < count; ++i) {
      const double step = std::exp(uniform(std::log(1e-3), std::log(1e-1)));
      // The inverse of softplus.
      values[i] = static_cast<float>(step + std::log(-std::expm1(-step)));
    }
  } else if (is(".ssm_dt.weight")) {
    const double most = 1 / std::sqrt(static_cast<double>(parameter.columns));
    for (std::int64_t i = 0; i < count; ++i) values[i] = static_cast<float>(uniform(-most, most));
  } else {
    return false;
  }
  return true;
}

}  // namespace jielong::parts
