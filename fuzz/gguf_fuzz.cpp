// GGUF: whatever the bytes, the reader accepts or throws Error, and what it accepts can be
// read to the last byte.
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "memory_path.h"
#include "model/gguf.h"
#include "tensor/quant/dequantize.h"

namespace {

template <typename T>
void try_as(const jielong::MetaValue& value) {
  try {
    (void)value.as<T>();
  } catch (const jielong::Error&) {
  }
}

void read_everything(const jielong::GgufFile& file) {
  for (const jielong::MetaValue& value : file.metadata().values()) {
    (void)value.summary();
    try_as<bool>(value);
    try_as<std::int32_t>(value);
    try_as<std::uint64_t>(value);
    try_as<float>(value);
    try_as<std::string>(value);
    try_as<std::vector<std::string_view>>(value);
    try_as<std::vector<float>>(value);
    try_as<std::vector<std::int32_t>>(value);
  }
  std::vector<float> row;
  for (const jielong::TensorInfo& tensor : file.tensors()) {
    row.resize(static_cast<std::size_t>(tensor.columns()));
    const std::size_t bytes = jielong::row_bytes(tensor.dtype, tensor.columns());
    for (std::int64_t r = 0; r < tensor.rows(); ++r) {
      jielong::dequantize_row(tensor.dtype,
                              tensor.data.data() + static_cast<std::size_t>(r) * bytes, row.data(),
                              tensor.columns());
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static jielong::MemoryPath file;
  file.set(data, size);
  try {
    read_everything(jielong::GgufFile(file.path()));
  } catch (const jielong::Error&) {
  }
  return 0;
}
