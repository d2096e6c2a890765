#include "model/tensor_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/json.h"
#include "model/gguf_types.h"
#include "model/tensor_file.h"

namespace jielong {
namespace {

constexpr std::size_t kMaxGgufName = 63;  // readers keep 64 bytes with the closing zero

std::uint64_t padding(std::uint64_t position, std::uint64_t alignment) {
  return (alignment - position % alignment) % alignment;
}

template <typename Number>
void put(std::string& out, Number value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

}  // namespace

std::uint64_t TensorPlan::bytes() const {
  const DTypeInfo& format = info(dtype);
  std::uint64_t elements = 1;
  bool fits =
      shape.empty() ? format.block_elements == 1 : shape.back() % format.block_elements == 0;
  for (const std::int64_t size : shape) {
    fits = fits && size > 0 &&
           !__builtin_mul_overflow(elements, static_cast<std::uint64_t>(size), &elements);
  }
  std::uint64_t result = 0;
  fits =
      fits && !__builtin_mul_overflow(elements / static_cast<std::uint64_t>(format.block_elements),
                                      static_cast<std::uint64_t>(format.block_bytes), &result);
  if (!fits) {
    throw bad_input(fmt::format("a tensor of shape {} cannot be stored as {}",
                                describe_shape(shape), format.name),
                    name);
  }
  return result;
}

void TensorWriter::begin(std::vector<TensorPlan> tensors) {
  std::set<std::string_view> names;
  for (const TensorPlan& tensor : tensors) {
    if (!names.insert(tensor.name).second) {
      throw bad_input(fmt::format("tensor \"{}\" would come twice", tensor.name), path_.string());
    }
  }
  tensors_ = std::move(tensors);
  file_.write(header(tensors_));
  if (!tensors_.empty()) left_ = tensors_.front().bytes();
}

void TensorWriter::next_tensor() {
  file_.write(std::string(padding(file_.position(), alignment_), '\0'));
  ++current_;
  left_ = current_ < tensors_.size() ? tensors_[current_].bytes() : 0;
}

void TensorWriter::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    if (left_ == 0) {
      throw Error(ErrorKind::internal, "more bytes than announced tensors", path_.string());
    }
    const auto part = bytes.first(std::min<std::uint64_t>(left_, bytes.size()));
    file_.write(part);
    bytes = bytes.subspan(part.size());
    left_ -= part.size();
    if (left_ == 0) next_tensor();
  }
}

void TensorWriter::finish() {
  if (current_ != tensors_.size()) {
    throw Error(ErrorKind::internal,
                fmt::format("tensor \"{}\" lacks {} bytes", tensors_[current_].name, left_),
                path_.string());
  }
  file_.commit();
}

GgufWriter::GgufWriter(const std::filesystem::path& path, MetadataBuilder metadata)
    : TensorWriter(path, kGgufAlignment), metadata_(std::move(metadata)) {
  // The alignment of the source, if it had one of its own, is not ours.
  metadata_.remove("general.alignment");
}

std::string GgufWriter::header(std::span<const TensorPlan> tensors) const {
  std::string out(kGgufMagic);
  put(out, std::uint32_t{3});
  put(out, static_cast<std::uint64_t>(tensors.size()));
  put(out, static_cast<std::uint64_t>(metadata_.size()));
  out += metadata_.encode();
  std::uint64_t offset = 0;
  for (const TensorPlan& tensor : tensors) {
    if (tensor.name.empty() || tensor.name.size() > kMaxGgufName ||
        tensor.shape.size() > kGgufMaxDimensions) {
      throw bad_input(
          fmt::format("tensor \"{}\" of shape {} does not fit into GGUF, which takes "
                      "names of up to {} bytes and {} dimensions",
                      tensor.name, describe_shape(tensor.shape), kMaxGgufName, kGgufMaxDimensions),
          path().string());
    }
    put(out, static_cast<std::uint64_t>(tensor.name.size()));
    out += tensor.name;
    put(out, static_cast<std::uint32_t>(tensor.shape.size()));
    for (auto size = tensor.shape.rbegin(); size != tensor.shape.rend(); ++size) put(out, *size);
    put(out, gguf_type_number(tensor.dtype));
    put(out, offset);
    const std::uint64_t end = offset + tensor.bytes();
    offset = end + padding(end, alignment());
  }
  out.append(padding(out.size(), alignment()), '\0');
  return out;
}

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& path,
                                     std::map<std::string, std::string> metadata)
    : TensorWriter(path, 1), metadata_(std::move(metadata)) {}

std::string SafetensorsWriter::header(std::span<const TensorPlan> tensors) const {
  // Put together by hand: a JSON object that keeps its order finds keys one by one.
  std::string text = "{";
  std::uint64_t offset = 0;
  try {
    if (!metadata_.empty()) text += "\"__metadata__\":" + Json(metadata_).dump();
    for (const TensorPlan& tensor : tensors) {
      if (info(tensor.dtype).quantized || tensor.name == "__metadata__") {
        throw Error(ErrorKind::unsupported,
                    fmt::format("tensor \"{}\" in {} cannot be stored as safetensors", tensor.name,
                                info(tensor.dtype).name),
                    path().string(), "choose f32, f16 or bf16, or write GGUF");
      }
      const std::uint64_t end = offset + tensor.bytes();
      text += fmt::format("{}{}:{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}",
                          text.size() > 1 ? "," : "", Json(tensor.name).dump(),
                          info(tensor.dtype).name, fmt::join(tensor.shape, ","), offset, end);
      offset = end;
    }
  } catch (const Json::exception&) {
    throw bad_input("a tensor's name is not valid UTF-8", path().string());
  }
  text += "}";
  // Spaces behind the JSON keep the data aligned, as the reference writer does.
  text.append(padding(text.size(), 8), ' ');
  std::string out;
  put(out, static_cast<std::uint64_t>(text.size()));
  return out + text;
}

}  // namespace jielong
