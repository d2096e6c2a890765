// Safetensors: whatever the bytes, the reader accepts or throws Error, and what it accepts
// can be read to the last byte.
#include <vector>

#include "base/error.h"
#include "memory_path.h"
#include "model/safetensors.h"
#include "tensor/quant/dequantize.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static jielong::MemoryPath memory;
  memory.set(data, size);
  try {
    const jielong::SafetensorsFile file(memory.path());
    for (const jielong::TensorInfo& tensor : file.tensors()) {
      std::vector<float> values(static_cast<std::size_t>(tensor.elements()));
      jielong::dequantize_row(tensor.dtype, tensor.data.data(), values.data(), tensor.elements());
    }
  } catch (const jielong::Error&) {
  }
  return 0;
}
