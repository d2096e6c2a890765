#include "model/file_weights.h"

#include <fmt/format.h>

#include <cmath>
#include <optional>
#include <vector>

#include "base/error.h"
#include "tensor/quant/dequantize.h"

namespace jielong {
namespace {

/// "blk.3.attn_q.weight" → {"blk.{}.attn_q", "3", ".weight"}, or with the suffix left on.
struct SplitName {
  std::string stem, layer, suffix;
};

SplitName split(const std::string& name, bool whole) {
  SplitName result;
  const std::size_t dot = whole ? std::string::npos : name.rfind('.');
  result.stem = name.substr(0, dot);
  result.suffix = dot == std::string::npos ? "" : name.substr(dot);
  constexpr std::string_view kBlock = "blk.";
  const std::size_t end = result.stem.find('.', kBlock.size());
  if (result.stem.starts_with(kBlock) && end != std::string::npos) {
    result.layer = result.stem.substr(kBlock.size(), end - kBlock.size());
    result.stem = "blk.{}" + result.stem.substr(end);
  }
  return result;
}

void replace(std::string& text, std::string_view what, const std::string& with) {
  const std::size_t at = text.find(what);
  if (at != std::string::npos) text.replace(at, what.size(), with);
}

[[noreturn]] void throw_shape(const TensorInfo& info, const std::vector<std::int64_t>& wanted,
                              const std::filesystem::path& path) {
  throw bad_input(fmt::format("has shape {}, but the hyper-parameters ask for {}",
                              describe_shape(info.shape), describe_shape(wanted)),
                  fmt::format("{}, tensor {}", path.string(), info.name),
                  "the file is damaged or of another family");
}

void check_shape(const TensorInfo& info, std::initializer_list<std::int64_t> expected,
                 const std::filesystem::path& path) {
  const std::vector<std::int64_t> wanted(expected);
  // GGUF drops dimensions of 1 at will.
  if (!same_but_for_ones(info.shape, wanted)) throw_shape(info, wanted, path);
}

std::vector<float> to_floats(const TensorInfo& info, std::int64_t first, std::int64_t count) {
  std::vector<float> all(static_cast<std::size_t>(info.elements()));
  dequantize_row(info.dtype, info.data.data(), all.data(), info.elements());
  return {all.begin() + first, all.begin() + first + count};
}

}  // namespace

FileWeights::FileWeights(std::shared_ptr<const TensorFile> file, Dialect dialect)
    : file_(std::move(file)), dialect_(dialect) {}

std::string FileWeights::file_name(const std::string& name, std::int64_t expert) const {
  if (is_gguf()) return name;
  const SplitName whole = split(name, true), stemmed = split(name, false);
  for (const TensorName& entry : dialect_.names) {
    if (entry.gguf != whole.stem && entry.gguf != stemmed.stem) continue;
    const SplitName& parts = entry.gguf == whole.stem ? whole : stemmed;
    std::string result(entry.hugging_face);
    replace(result, "{}", parts.layer);
    replace(result, "{e}", std::to_string(expert));
    result += parts.suffix;
    // Some checkpoints are saved from inside the wrapper that adds the prefix.
    constexpr std::string_view kPrefixes[] = {"model.", "transformer.", "bert."};
    if (file_->find(result) == nullptr) {
      for (const auto prefix : kPrefixes) {
        if (result.starts_with(prefix) && file_->find(result.substr(prefix.size())) != nullptr) {
          return result.substr(prefix.size());
        }
        if (file_->find(std::string(prefix) + result) != nullptr) {
          return std::string(prefix) + result;
        }
      }
    }
    return result;
  }
  return name;
}

const TensorInfo& FileWeights::require(const std::string& name, std::int64_t expert) const {
  return file_->require(file_name(name, expert));
}

bool FileWeights::has(const std::string& name) const {
  return file_->find(file_name(name)) != nullptr;
}

std::int64_t FileWeights::rows_of(const std::string& name) const { return require(name).rows(); }

Weight FileWeights::mapped(const std::string& name, const TensorInfo& info, std::int64_t out,
                           std::int64_t in, std::span<const std::byte> data) const {
  if (in % jielong::info(info.dtype).block_elements != 0) {
    throw bad_input(fmt::format("rows of {} values do not fill blocks of {}", in,
                                jielong::info(info.dtype).name),
                    fmt::format("{}, tensor {}", path().string(), info.name));
  }
  Weight weight;
  weight.name = name;
  weight.dtype = info.dtype;
  weight.out = out;
  weight.in = in;
  weight.stored = data;
  weight.owner = file_;
  weight.mapped = true;
  return weight;
}

Weight FileWeights::rows(const std::string& name, std::int64_t total, std::int64_t in,
                         std::int64_t first_row, std::int64_t out) const {
  const TensorInfo& info = require(name);
  if (!dialect_.transposed) {
    check_shape(info, {total, in}, path());
    const std::size_t bytes = row_bytes(info.dtype, in);
    return mapped(name, info, out, in,
                  info.data.subspan(static_cast<std::size_t>(first_row) * bytes,
                                    static_cast<std::size_t>(out) * bytes));
  }
  check_shape(info, {in, total}, path());
  const std::vector<float> values = to_floats(info, 0, info.elements());
  auto turned = std::make_shared<std::vector<float>>(static_cast<std::size_t>(out * in));
  for (std::int64_t o = 0; o < out; ++o) {
    for (std::int64_t i = 0; i < in; ++i) {
      (*turned)[static_cast<std::size_t>(o * in + i)] =
          values[static_cast<std::size_t>(i * total + first_row + o)];
    }
  }
  Weight weight;
  weight.name = name;
  weight.out = out;
  weight.in = in;
  weight.stored = std::as_bytes(std::span<const float>(*turned));
  weight.owner = std::move(turned);
  return weight;
}

Weight FileWeights::table(const std::string& name, std::int64_t entries,
                          std::int64_t channels) const {
  const TensorInfo& info = require(name);
  check_shape(info, {entries, channels}, path());
  return mapped(name, info, entries, channels, info.data);
}

Weight FileWeights::expert(const std::string& name, std::int64_t expert, std::int64_t experts,
                           std::int64_t out, std::int64_t in) const {
  const TensorInfo& info = require(name, expert);
  if (!is_gguf()) {
    check_shape(info, {out, in}, path());
    return mapped(name, info, out, in, info.data);
  }
  check_shape(info, {experts, out, in}, path());
  const std::size_t bytes = row_bytes(info.dtype, in) * static_cast<std::size_t>(out);
  return mapped(name, info, out, in,
                info.data.subspan(static_cast<std::size_t>(expert) * bytes, bytes));
}

Weight FileWeights::picked_rows(const std::string& name, std::int64_t total, std::int64_t in,
                                std::span<const std::int64_t> picks) const {
  const Weight all = rows(name, total, in, 0, total);
  const std::size_t bytes = row_bytes(all.dtype, in);
  auto picked = std::make_shared<std::vector<std::byte>>();
  picked->reserve(picks.size() * bytes);
  for (const std::int64_t row : picks) {
    const auto values = all.stored.subspan(static_cast<std::size_t>(row) * bytes, bytes);
    picked->insert(picked->end(), values.begin(), values.end());
  }
  Weight weight;
  weight.name = name;
  weight.dtype = all.dtype;
  weight.out = static_cast<std::int64_t>(picks.size());
  weight.in = in;
  weight.stored = *picked;
  weight.owner = std::move(picked);
  return weight;
}

std::vector<float> FileWeights::floats(const std::string& name,
                                       const std::vector<std::int64_t>& shape, std::int64_t first,
                                       std::int64_t count) const {
  const TensorInfo& info = require(name);
  std::int64_t total = 1;
  for (const std::int64_t size : shape) total *= size;
  const std::vector<std::int64_t> in_a_row{total};
  if (!same_but_for_ones(info.shape, shape) && !same_but_for_ones(info.shape, in_a_row)) {
    throw_shape(info, shape, path());
  }
  std::vector<float> values = to_floats(info, first, count);
  // State space models store log(−A).
  if (info.name.ends_with("A_log")) {
    for (float& value : values) value = -std::exp(value);
  }
  return values;
}

WeightVector FileWeights::values(const std::string& name, const std::vector<std::int64_t>& shape,
                                 std::int64_t first, std::int64_t count) const {
  return WeightVector::of(name, floats(name, shape, first, count));
}

WeightVector FileWeights::gain(const std::string& name, std::int64_t count) const {
  std::vector<float> gain = floats(name, {count}, 0, count);
  if (dialect_.gain_plus_one) {
    for (float& value : gain) value += 1;
  }
  return WeightVector::of(name, std::move(gain));
}

std::vector<float> FileWeights::constants(const std::string& name, std::int64_t count) const {
  return floats(name, {count}, 0, count);
}

}  // namespace jielong
