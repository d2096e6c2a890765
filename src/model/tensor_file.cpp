#include "model/tensor_file.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/quote.h"
#include "model/gguf.h"
#include "model/split_name.h"

namespace jielong {
namespace fs = std::filesystem;

std::int64_t TensorInfo::elements() const {
  std::int64_t product = 1;
  for (const std::int64_t size : shape) product *= size;
  return product;
}

bool same_but_for_ones(std::span<const std::int64_t> a, std::span<const std::int64_t> b) {
  std::vector<std::int64_t> x(a.begin(), a.end()), y(b.begin(), b.end());
  std::erase(x, 1);
  std::erase(y, 1);
  return x == y;
}

std::string describe_shape(std::span<const std::int64_t> shape) {
  return fmt::format("({})", fmt::join(shape, ", "));
}

const TensorInfo* TensorFile::find(std::string_view name) const {
  const auto entry = by_name_.find(name);
  if (entry == by_name_.end()) return nullptr;
  if (entry->second >= kUnreadable) {
    throw Error(ErrorKind::unsupported,
                fmt::format("tensor \"{}\" has element type {}, which Jielong does not read", name,
                            unreadable_types_[entry->second - kUnreadable]),
                path_.string(), "use a copy of the model in F32, F16, BF16 or a GGUF quantization");
  }
  return &tensors_[entry->second];
}

const TensorInfo& TensorFile::require(std::string_view name) const {
  const TensorInfo* tensor = find(name);
  if (tensor == nullptr) {
    throw Error(ErrorKind::not_found, fmt::format("has no tensor \"{}\"", name), path_.string(),
                "check that the file is complete and of the stated architecture");
  }
  return *tensor;
}

std::uint64_t TensorFile::tensor_bytes() const {
  std::uint64_t sum = 0;
  for (const TensorInfo& tensor : tensors_) sum += tensor.data.size();
  return sum;
}

std::span<const std::byte> TensorFile::add_file(MappedFile file) {
  files_.push_back(std::move(file));
  return files_.back().bytes();
}

void TensorFile::claim_name(const std::string& name, std::size_t index, const fs::path& file) {
  if (!by_name_.emplace(name, index).second) {
    throw bad_input(fmt::format("tensor {} comes twice", in_quotes(name)), file.string(),
                    "the file is damaged or was made wrongly; get it again");
  }
}

void TensorFile::add_tensor(TensorInfo tensor, const fs::path& file) {
  claim_name(tensor.name, tensors_.size(), file);
  tensors_.push_back(std::move(tensor));
}

void TensorFile::add_unreadable(const std::string& name, std::string type, const fs::path& file) {
  claim_name(name, kUnreadable + unreadable_types_.size(), file);
  unreadable_types_.push_back(std::move(type));
}

namespace {

/// Whether it is a part of a split model other than the first.
bool is_later_part(const fs::path& path) {
  const auto name = parse_split_name(path.stem().string());
  return name && name->part != 1;
}

ModelLocation locate_in_folder(const fs::path& folder) {
  if (fs::is_regular_file(folder / "config.json")) return {ModelFormat::safetensors, folder};
  std::vector<fs::path> candidates;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".gguf" && !is_later_part(entry.path())) {
      candidates.push_back(entry.path());
    }
  }
  if (candidates.size() == 1) return {ModelFormat::gguf, candidates.front()};
  if (candidates.empty()) {
    throw Error(ErrorKind::not_found, "holds neither config.json nor a GGUF file", folder.string(),
                "give the path of a .gguf file or of a folder in Hugging Face layout");
  }
  std::sort(candidates.begin(), candidates.end());
  throw Error(ErrorKind::bad_input, fmt::format("holds {} GGUF models", candidates.size()),
              folder.string(),
              fmt::format("name one of them, for instance {}", candidates.front().string()));
}

}  // namespace

ModelLocation locate_model(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) {
    throw Error(ErrorKind::not_found, "does not exist", path.string(), "check the path");
  }
  try {
    if (fs::is_directory(status)) return locate_in_folder(path);
  } catch (const fs::filesystem_error& failure) {
    throw Error(ErrorKind::io, failure.code().message(), path.string(),
                "check the folder's permissions");
  }
  if (is_gguf(path)) return {ModelFormat::gguf, path};
  const bool safetensors =
      path.extension() == ".safetensors" || path.string().ends_with(".safetensors.index.json");
  if (safetensors || path.filename() == "config.json") {
    const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
    return {ModelFormat::safetensors, folder};
  }
  throw bad_input("is neither a GGUF file nor part of a safetensors model", path.string(),
                  "give the path of a .gguf file or of a folder in Hugging Face layout");
}

}  // namespace jielong
