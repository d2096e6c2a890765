#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include "model/convert.h"
#include "model/file_bytes.h"
#include "model/tensor_file.h"

namespace jielong {

/// The folder of a tiny model.
inline std::filesystem::path golden_model(const std::string& family) {
  return std::filesystem::path(JIELONG_TEST_DATA "/model/goldens") / family;
}

/// Every tensor of `actual` is in `expected`, too, which may leave out a wrapper's prefix.
inline void expect_same_tensors(const TensorFile& actual, const TensorFile& expected) {
  constexpr std::string_view kPrefix = "transformer.";
  for (const TensorInfo& tensor : actual.tensors()) {
    const TensorInfo* twin = expected.find(tensor.name);
    if (twin == nullptr && tensor.name.starts_with(kPrefix)) {
      twin = expected.find(tensor.name.substr(kPrefix.size()));
    }
    ASSERT_NE(twin, nullptr) << tensor.name;
    EXPECT_EQ(tensor.shape, twin->shape) << tensor.name;
    EXPECT_EQ(tensor.dtype, twin->dtype) << tensor.name;
    EXPECT_TRUE(
        std::equal(tensor.data.begin(), tensor.data.end(), twin->data.begin(), twin->data.end()))
        << tensor.name;
  }
}

/// Converts into a folder of its own.
class ConvertTest : public testing::Test {
 protected:
  ConvertOptions options_for(const std::filesystem::path& input, const std::string& output,
                             const std::string& type = "") const {
    ConvertOptions options;
    options.input = input;
    options.output = folder_.path() / output;
    options.type = type;
    options.threads = 2;
    return options;
  }
  ConvertReport run(const std::filesystem::path& input, const std::string& output,
                    const std::string& type = "", bool requantize = false) const {
    ConvertOptions options = options_for(input, output, type);
    options.allow_requantize = requantize;
    return convert(options);
  }
  std::filesystem::path at(const std::string& name) const { return folder_.path() / name; }

  TemporaryFolder folder_;
};

}  // namespace jielong
