#include "model/convert.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/quote.h"
#include "base/thread_pool.h"
#include "model/convert/plan.h"
#include "model/convert/split_writer.h"
#include "model/convert/write_plan.h"
#include "model/split_name.h"
#include "model/tensor_file.h"
#include "model/tensor_writer.h"
#include "tensor/quant/quantize.h"

namespace jielong {
namespace fs = std::filesystem;
namespace {

/// Values converted at a time: bounds the memory a conversion takes.
constexpr std::int64_t kChunkValues = 1 << 22;

bool is_number(DType dtype) {
  return info(dtype).quantized || dtype == DType::f32 || dtype == DType::f16 ||
         dtype == DType::bf16 || dtype == DType::f64;
}

/// The type a tensor gets in a GGUF file.
DType gguf_type_of(const RowSource& source, const std::optional<Recipe>& recipe, bool from_folder,
                   const ConversionPlan& plan, const ConvertOptions& options) {
  if (!is_number(source.dtype())) return source.dtype();
  if (!is_convertible(source.name, source.shape)) {
    // Readers of GGUF expect norms, biases and the like in f32.
    return from_folder ? DType::f32 : source.dtype();
  }
  if (!recipe) return source.dtype() == DType::f64 ? DType::f32 : source.dtype();
  if (!options.pure) return choose_type(*recipe, plan.traits, source.name, source.shape);
  const bool fits = source.columns() % info(recipe->dtype).block_elements == 0;
  return fits ? recipe->dtype : choose_type(*recipe, plan.traits, source.name, source.shape);
}

DType folder_type_of(const RowSource& source, const std::optional<Recipe>& recipe) {
  if (!is_number(source.dtype())) return source.dtype();
  if (recipe) return recipe->dtype;
  // Quantized values fit bf16's range but not its precision; f32 holds them exactly.
  return info(source.dtype()).quantized ? DType::f32 : source.dtype();
}

void check_requantize(const RowSource& source, DType target, const ConvertOptions& options) {
  if (options.allow_requantize || !info(source.dtype()).quantized || !info(target).quantized ||
      source.dtype() == target) {
    return;
  }
  throw bad_input(fmt::format("tensor {} is {} already, and quantizing it again to {} loses more "
                              "than quantizing the original",
                              in_quotes(source.name), info(source.dtype()).name, info(target).name),
                  options.input.string(),
                  "start from an F32, F16 or BF16 model, or allow requantizing");
}

void write_tensor(RowSource& source, DType target, TensorSink& writer, ThreadPool& pool) {
  const std::int64_t rows = source.rows(), columns = source.columns();
  if (source.keeps_bytes() && target == source.dtype()) {
    if (source.change == RowChange::none && source.parts.size() == 1 && source.first_row == 0 &&
        source.parts.front()->rows() == rows) {
      writer.write(source.parts.front()->data);
    } else {
      for (std::int64_t row = 0; row < rows; ++row) writer.write(source.row_bytes_of(row));
    }
    return;
  }
  source.prepare();
  const std::size_t bytes = row_bytes(target, columns);
  const std::int64_t rows_each = std::max<std::int64_t>(1, kChunkValues / columns);
  std::vector<std::byte> chunk(bytes * static_cast<std::size_t>(std::min(rows, rows_each)));
  for (std::int64_t first = 0; first < rows; first += rows_each) {
    const std::int64_t count = std::min(rows_each, rows - first);
    pool.for_range(count, 1, [&](std::int64_t begin, std::int64_t end) {
      std::vector<float> values(static_cast<std::size_t>(columns));
      for (std::int64_t row = begin; row < end; ++row) {
        source.read_row(first + row, values.data());
        quantize_row(target, values.data(), chunk.data() + static_cast<std::size_t>(row) * bytes,
                     columns);
      }
    });
    writer.write(std::span(chunk).first(static_cast<std::size_t>(count) * bytes));
  }
}

class Converter {
 public:
  Converter(const ConvertOptions& options, ConversionPlan& plan)
      : options_(options), plan_(plan), pool_(thread_count(options)) {}

  ConvertReport write(TensorSink& writer, const std::vector<DType>& types) {
    std::vector<TensorPlan> tensors;
    ConvertProgress progress;
    for (std::size_t i = 0; i < types.size(); ++i) {
      tensors.push_back({plan_.tensors[i].name, types[i], plan_.tensors[i].shape});
      progress.bytes_total += tensors.back().bytes();
    }
    ConvertReport report;
    report.notes = plan_.notes;
    report.tensors = progress.total = tensors.size();
    report.bytes_out = progress.bytes_total;
    writer.begin(tensors);
    for (std::size_t i = 0; i < types.size(); ++i) {
      RowSource& source = plan_.tensors[i];
      progress.tensor = source.name;
      progress.done = i;
      if (options_.progress) options_.progress(progress);
      try {
        write_tensor(source, types[i], writer, pool_);
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::bad_input) throw;
        throw error.within(
            fmt::format("{}, tensor {}", options_.input.string(), in_quotes(source.name)));
      }
      source.release();
      for (const TensorInfo* part : source.parts) report.bytes_in += part->data.size();
      ++report.types[types[i]];
      progress.bytes_done += tensors[i].bytes();
    }
    progress.done = progress.total;
    if (options_.progress) options_.progress(progress);
    writer.finish();
    return report;
  }

 private:
  static int thread_count(const ConvertOptions& options) {
    if (options.threads > 0) return options.threads;
    return static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  }

  const ConvertOptions& options_;
  ConversionPlan& plan_;
  ThreadPool pool_;
};

SplitLimits limits_of(const ConvertOptions& options) {
  return {options.split_bytes, options.split_tensors};
}

}  // namespace

ConvertReport write_gguf(ConversionPlan& plan, const ConvertOptions& options,
                         const std::optional<Recipe>& recipe, bool plain_small) {
  std::vector<DType> types;
  std::optional<DType> widest;  // of the matrices, when no recipe tells
  for (const RowSource& source : plan.tensors) {
    types.push_back(gguf_type_of(source, recipe, plain_small, plan, options));
    check_requantize(source, types.back(), options);
    if (is_convertible(source.name, source.shape) && !widest) widest = types.back();
  }
  if (recipe) {
    plan.metadata.set("general.file_type", recipe->file_type);
  } else if (plain_small && widest) {
    plan.metadata.set("general.file_type", recipe_by_name(info(*widest).name).file_type);
  }
  if (recipe || plain_small) plan.metadata.set("general.quantization_version", std::uint32_t{2});
  Converter converter(options, plan);
  const SplitLimits limits = limits_of(options);
  if (limits.any()) {
    SplitGgufWriter writer(options.output, limits, plan.metadata);
    ConvertReport report = converter.write(writer, types);
    report.files = writer.files();
    return report;
  }
  GgufWriter writer(options.output, plan.metadata);
  ConvertReport report = converter.write(writer, types);
  report.files = {options.output};
  return report;
}

namespace {

/// A folder that appears under its name at commit(), or not at all.
class AtomicFolder {
 public:
  explicit AtomicFolder(const fs::path& path)
      : path_(path), temporary_(path.string() + fmt::format(".{}.partial", ::getpid())) {
    std::error_code error;
    if (fs::exists(path) && !fs::is_empty(path, error)) {
      throw bad_input("is there already", path.string(), "choose another name for the output");
    }
    fs::create_directories(temporary_, error);
    if (error) throw Error(ErrorKind::io, error.message(), temporary_.string());
  }
  AtomicFolder(const AtomicFolder&) = delete;
  AtomicFolder& operator=(const AtomicFolder&) = delete;
  ~AtomicFolder() {
    std::error_code ignored;
    if (!committed_) fs::remove_all(temporary_, ignored);
  }

  const fs::path& path() const { return temporary_; }
  void commit() {
    std::error_code error;
    fs::rename(temporary_, path_, error);
    if (error) throw Error(ErrorKind::io, error.message(), path_.string());
    committed_ = true;
  }

 private:
  fs::path path_, temporary_;
  bool committed_ = false;
};

std::string shard_name(std::size_t part, std::size_t parts) {
  return (parts > 1 ? split_name("model", part + 1, parts) : "model") + ".safetensors";
}

/// Which shard holds which tensor.
std::string shard_index(const ConversionPlan& plan, const std::vector<std::size_t>& sizes,
                        const ConvertReport& report) {
  Json shards = Json::object();
  std::size_t next = 0;
  for (std::size_t part = 0; part < sizes.size(); ++part) {
    for (std::size_t i = 0; i < sizes[part]; ++i) {
      shards[plan.tensors[next++].name] = shard_name(part, sizes.size());
    }
  }
  const Json index = {{"metadata", {{"total_size", report.bytes_out}}},
                      {"weight_map", std::move(shards)}};
  return index.dump(2) + "\n";
}

}  // namespace

ConvertReport write_folder(ConversionPlan& plan, const ConvertOptions& options,
                           const std::optional<Recipe>& recipe) {
  if (recipe && info(recipe->dtype).quantized) {
    throw Error(ErrorKind::unsupported, fmt::format("safetensors cannot hold {}", recipe->name),
                options.output.string(),
                "choose f32, f16 or bf16, or an output that ends in .gguf");
  }
  std::vector<DType> types;
  for (const RowSource& source : plan.tensors) types.push_back(folder_type_of(source, recipe));
  AtomicFolder folder(options.output);
  const auto open = [&](std::size_t part, std::size_t parts, std::size_t) {
    return std::make_unique<SafetensorsWriter>(folder.path() / shard_name(part, parts));
  };
  SplitWriter writer(limits_of(options), 0, open);
  ConvertReport report = Converter(options, plan).write(writer, types);
  const std::vector<std::size_t>& sizes = writer.sizes();
  for (std::size_t part = 0; part < sizes.size(); ++part) {
    report.files.push_back(options.output / shard_name(part, sizes.size()));
  }
  if (sizes.size() > 1) {
    plan.files.emplace_back("model.safetensors.index.json", shard_index(plan, sizes, report));
  }
  for (const auto& [name, text] : plan.files) {
    const fs::path path = folder.path() / name;
    fs::create_directories(path.parent_path());
    write_file(path, text);
  }
  folder.commit();
  return report;
}

namespace {

/// Whether the output would take the place of the input, which is being read.
bool is_same_model(const fs::path& input, const ConvertOptions& options) {
  std::error_code error;
  if (fs::equivalent(input, options.output, error)) return true;
  if (!limits_of(options).any() || options.output.extension() != ".gguf") return false;
  const fs::path folder = options.output.parent_path();
  return input.filename().string().starts_with(
             first_part_beginning(options.output.stem().string())) &&
         fs::equivalent(input.parent_path() / ".", folder / ".", error);
}

}  // namespace

ConvertReport convert(const ConvertOptions& options) {
  std::optional<Recipe> recipe;
  if (!options.type.empty()) recipe = recipe_by_name(options.type);
  const ModelLocation location = locate_model(options.input);
  if (is_same_model(location.path, options)) {
    throw bad_input("is both input and output", options.output.string(),
                    "choose another name for the output");
  }
  ConvertOptions located = options;
  located.input = location.path;
  const bool from_folder = location.format == ModelFormat::safetensors;
  if (options.output.extension() == ".gguf") {
    ConversionPlan plan =
        from_folder ? plan_folder_to_gguf(located.input) : plan_gguf_to_gguf(located.input);
    return write_gguf(plan, located, recipe, from_folder);
  }
  const auto dtype = recipe ? std::optional(recipe->dtype) : std::nullopt;
  ConversionPlan plan = from_folder
                            ? plan_folder_to_folder(located.input, dtype)
                            : plan_gguf_to_folder(located.input, dtype.value_or(DType::f32));
  return write_folder(plan, located, recipe);
}

}  // namespace jielong
