#include "model/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/json.h"
#include "base/quote.h"
#include "model/safetensors_header.h"

namespace jielong {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // the specification's limit
constexpr std::uint64_t kMaxIndexBytes = 256 << 20;
constexpr std::uint64_t kMaxTextBytes = 256 << 20;
constexpr std::string_view kGetAgain = "the file is damaged or was made wrongly; get it again";
constexpr std::string_view kIndexSuffix = ".safetensors.index.json";

/// A type of the format: its name, bytes a value, and what Jielong reads it as.
struct StoredType {
  std::string_view name;
  std::uint64_t bits;
  std::optional<DType> dtype;
};

constexpr auto kStoredTypes = std::to_array<StoredType>({
    {"F32", 32, DType::f32}, {"F16", 16, DType::f16}, {"BF16", 16, DType::bf16},
    {"F64", 64, DType::f64}, {"I8", 8, DType::i8},    {"I16", 16, DType::i16},
    {"I32", 32, DType::i32}, {"I64", 64, DType::i64}, {"BOOL", 8, {}},
    {"U8", 8, {}},           {"U16", 16, {}},         {"U32", 32, {}},
    {"U64", 64, {}},         {"F8_E4M3", 8, {}},      {"F8_E5M2", 8, {}},
    {"F8_E8M0", 8, {}},      {"F4", 4, {}},           {"F6_E2M3", 6, {}},
    {"F6_E3M2", 6, {}},      {"C64", 64, {}},
});

const StoredType& stored_type(const SafetensorsEntry& entry, const std::string& where) {
  for (const StoredType& type : kStoredTypes) {
    if (type.name == entry.type) return type;
  }
  throw bad_input(fmt::format("tensor {} has element type {}, which the format does not have",
                              in_quotes(entry.name), in_quotes(entry.type)),
                  where, std::string(kGetAgain));
}

/// Bytes of the tensor from its type and shape, checked for zero and overflow.
std::uint64_t expected_bytes(const SafetensorsEntry& entry, const StoredType& type,
                             const std::string& where) {
  std::uint64_t bits = type.bits;
  for (const std::uint64_t size : entry.shape) {
    if (size == 0 || size > std::numeric_limits<std::int64_t>::max() ||
        __builtin_mul_overflow(bits, size, &bits)) {
      throw bad_input(fmt::format("tensor {} has a dimension of {}, which cannot be",
                                  in_quotes(entry.name), size),
                      where, std::string(kGetAgain));
    }
  }
  return bits / 8 + (bits % 8 != 0);
}

/// Every byte of the data belongs to exactly one tensor, as the format demands.
void check_coverage(const std::vector<SafetensorsEntry>& entries, std::uint64_t data_bytes,
                    const std::string& where) {
  std::vector<const SafetensorsEntry*> order;
  for (const SafetensorsEntry& entry : entries) order.push_back(&entry);
  std::sort(order.begin(), order.end(),
            [](const auto* a, const auto* b) { return a->begin < b->begin; });
  std::uint64_t end = 0;
  for (const SafetensorsEntry* entry : order) {
    if (entry->begin != end) {
      throw bad_input(fmt::format("tensor {} begins at data byte {} where {} is expected: tensors "
                                  "overlap or leave a gap",
                                  in_quotes(entry->name), entry->begin, end),
                      where, std::string(kGetAgain));
    }
    end = entry->end;
  }
  if (end != data_bytes) {
    throw bad_input(
        fmt::format("the tensors need {} bytes of data, but the file has {}", end, data_bytes),
        where, "the file is cut off or damaged; get it again");
  }
}

/// A file named by the index must lie beside it.
void check_plain_name(const std::string& name, const fs::path& index) {
  if (name.empty() || name == "." || name == ".." || name.find('/') != std::string::npos ||
      name.find('\\') != std::string::npos || name.find('\0') != std::string::npos) {
    throw bad_input(
        fmt::format("names the file {}, which is not a plain file name", in_quotes(name)),
        index.string(), std::string(kGetAgain));
  }
}

fs::path weights_path(const fs::path& folder) {
  for (const char* name : {"model.safetensors", "model.safetensors.index.json"}) {
    if (fs::exists(folder / name)) return folder / name;
  }
  std::vector<fs::path> candidates;
  bool pickled = false;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(kIndexSuffix)) return entry.path();
    if (name.ends_with(".safetensors")) candidates.push_back(entry.path());
    pickled = pickled || name.ends_with(".bin") || name.ends_with(".pth");
  }
  if (candidates.size() == 1) return candidates.front();
  throw Error(ErrorKind::not_found,
              candidates.empty() ? "holds no safetensors file"
                                 : "holds several safetensors files and no index",
              folder.string(),
              pickled ? "pickled weights (.bin, .pth) can run code and are not read; get the "
                        "safetensors of the model"
                      : "get model.safetensors, or all its parts with the index");
}

std::string read_config(const fs::path& folder) {
  if (!fs::is_regular_file(folder / "config.json")) {
    throw Error(ErrorKind::not_found, "has no config.json", folder.string(),
                "give the path of a folder in Hugging Face layout");
  }
  return read_file(folder / "config.json", 16 << 20);
}

}  // namespace

SafetensorsFile::SafetensorsFile(const fs::path& path) : TensorFile(path) {
  if (path.string().ends_with(kIndexSuffix)) {
    add_shards(path);
  } else {
    add_part(path);
  }
}

void SafetensorsFile::add_shards(const fs::path& index) {
  const Json json = parse_json(read_file(index, kMaxIndexBytes), index.string());
  const auto map = json.is_object() ? json.find("weight_map") : json.end();
  if (!json.is_object() || map == json.end() || !map->is_object() || map->empty()) {
    throw bad_input("has no \"weight_map\"", index.string(), std::string(kGetAgain));
  }
  std::set<std::string> files;
  for (const auto& [tensor, file] : map->items()) {
    if (!file.is_string()) {
      throw bad_input(fmt::format("tensor {} has no file name", in_quotes(tensor)), index.string(),
                      std::string(kGetAgain));
    }
    check_plain_name(file.get_ref<const std::string&>(), index);
    files.insert(file.get_ref<const std::string&>());
  }
  for (const std::string& file : files) {
    const std::size_t before = tensors().size();
    add_part(index.parent_path() / file);
    for (const TensorInfo& tensor : tensors().subspan(before)) {
      const auto entry = map->find(tensor.name);
      if (entry != map->end() && *entry != file) {
        throw bad_input(fmt::format("tensor {} is in {}, not where the index says",
                                    in_quotes(tensor.name), file),
                        index.string(), "get all parts of the model again");
      }
    }
  }
  for (const auto& item : map->items()) {
    if (!contains(item.key())) {
      throw bad_input(fmt::format("tensor {} is in none of the parts", in_quotes(item.key())),
                      index.string(), "get all parts of the model again");
    }
  }
}

void SafetensorsFile::add_part(const fs::path& path) {
  const auto bytes = add_file(MappedFile(path));
  const std::string where = path.string();
  std::uint64_t header_bytes;
  if (bytes.size() < sizeof header_bytes) {
    throw bad_input(fmt::format("has {} bytes, too few for a safetensors file", bytes.size()),
                    where, "the file is cut off; get it again");
  }
  std::memcpy(&header_bytes, bytes.data(), sizeof header_bytes);
  if (header_bytes > kMaxHeaderBytes || header_bytes > bytes.size() - sizeof header_bytes) {
    throw bad_input(
        fmt::format("announces a header of {} bytes in a file of {}", header_bytes, bytes.size()),
        where, "it is no safetensors file, or is cut off; get it again");
  }
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + sizeof header_bytes,
                              header_bytes);
  SafetensorsHeader header = parse_safetensors_header(text, where);
  if (metadata_.empty()) metadata_ = std::move(header.metadata);

  const auto data = bytes.subspan(sizeof header_bytes + header_bytes);
  for (const SafetensorsEntry& entry : header.entries) {
    const std::uint64_t needed = expected_bytes(entry, stored_type(entry, where), where);
    if (entry.begin > entry.end || entry.end > data.size() || entry.end - entry.begin != needed) {
      throw bad_input(
          fmt::format("tensor {} needs {} bytes, but lies at {} to {} of {} bytes of "
                      "data",
                      in_quotes(entry.name), needed, entry.begin, entry.end, data.size()),
          where, "the file is cut off or damaged; get it again");
    }
  }
  check_coverage(header.entries, data.size(), where);
  for (SafetensorsEntry& entry : header.entries) {
    const StoredType& type = stored_type(entry, where);
    if (!type.dtype) {
      add_unreadable(entry.name, std::string(type.name), path);
      continue;
    }
    TensorInfo tensor{std::move(entry.name), *type.dtype, {}, {}};
    tensor.shape.assign(entry.shape.begin(), entry.shape.end());
    tensor.data = data.subspan(entry.begin, entry.end - entry.begin);
    add_tensor(std::move(tensor), path);
  }
}

ModelFolder::ModelFolder(fs::path folder)
    : TextFolder(std::move(folder)), config_(read_config(path())), tensors_(weights_path(path())) {}

std::optional<std::string> TextFolder::text(std::string_view name) const {
  const fs::path path = folder_ / name;
  if (!fs::exists(path)) return std::nullopt;
  return read_file(path, kMaxTextBytes);
}

}  // namespace jielong
