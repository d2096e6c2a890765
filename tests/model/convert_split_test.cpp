#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "model/convert/split_writer.h"
#include "model/convert_support.h"
#include "model/gguf.h"
#include "model/safetensors.h"
#include "model/split_name.h"

namespace jielong {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(SplitTensors, FillsFilesInOrder) {
  std::vector<TensorPlan> tensors;
  for (const char* name : {"a", "b", "c", "d", "e"}) tensors.push_back({name, DType::f32, {1000}});
  EXPECT_THAT(split_tensors(tensors, {.tensors = 2}, 0), ElementsAre(2, 2, 1));
  EXPECT_THAT(split_tensors(tensors, {.bytes = 10000}, 0), ElementsAre(2, 2, 1));
  // The first file has the metadata to carry.
  EXPECT_THAT(split_tensors(tensors, {.bytes = 10000}, 5000), ElementsAre(1, 2, 2));
  EXPECT_THAT(split_tensors(tensors, {.bytes = 10}, 5000), ElementsAre(1, 1, 1, 1, 1));
  EXPECT_THAT(split_tensors(tensors, {}, 0), ElementsAre(5));
  EXPECT_THAT(split_tensors({}, {.tensors = 2}, 0), ElementsAre(0));
}

class ConvertSplit : public ConvertTest {
 protected:
  ConvertReport split(const fs::path& input, const std::string& output, std::size_t tensors,
                      std::uint64_t bytes = 0) const {
    ConvertOptions options = options_for(input, output);
    options.split_tensors = tensors;
    options.split_bytes = bytes;
    return convert(options);
  }
  std::size_t entries() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder_.path()), fs::directory_iterator()));
  }
};

TEST_F(ConvertSplit, PartsAreTheModel) {
  run(golden_model("qwen2"), "whole.gguf");
  const GgufFile whole(at("whole.gguf"));
  const std::size_t count = whole.tensors().size();
  const ConvertReport report = split(at("whole.gguf"), "part.gguf", 5);
  const std::size_t parts = (count + 4) / 5;
  ASSERT_EQ(report.files.size(), parts);
  EXPECT_EQ(entries(), parts + 1);
  for (std::size_t i = 0; i < parts; ++i) {
    EXPECT_EQ(report.files[i], at(split_name("part", i + 1, parts) + ".gguf"));
    const GgufFile file(report.files[i]);  // any part opens all
    EXPECT_EQ(file.parts(), static_cast<int>(parts));
    EXPECT_EQ(file.tensors().size(), count);
    expect_same_tensors(file, whole);
    for (const MetaValue& value : whole.metadata().values()) {
      EXPECT_TRUE(file.metadata().contains(value.key())) << value.key();
    }
  }
  // And back into one file, byte for byte.
  run(report.files.front(), "joined.gguf");
  EXPECT_EQ(read_file(at("joined.gguf")), read_file(at("whole.gguf")));
}

TEST_F(ConvertSplit, FilesKeepToTheirSize) {
  constexpr std::uint64_t kLimit = 12000;
  const ConvertReport report = split(golden_model("llama"), "part.gguf", 0, kLimit);
  ASSERT_GT(report.files.size(), 2u);
  std::uint64_t largest_tensor = 0;
  const GgufFile whole(report.files.front());
  for (const TensorInfo& tensor : whole.tensors()) {
    largest_tensor = std::max<std::uint64_t>(largest_tensor, tensor.data.size());
  }
  ASSERT_LT(largest_tensor, kLimit - 1000);
  for (const fs::path& file : report.files) EXPECT_LE(fs::file_size(file), kLimit);
}

TEST_F(ConvertSplit, SafetensorsGetAnIndex) {
  const ConvertReport report = split(golden_model("llama"), "folder", 6);
  ASSERT_GT(report.files.size(), 1u);
  for (const fs::path& file : report.files) EXPECT_TRUE(fs::exists(file)) << file;
  const ModelFolder folder(at("folder")), original(golden_model("llama"));
  EXPECT_EQ(folder.tensors().tensors().size(), original.tensors().tensors().size());
  expect_same_tensors(folder.tensors(), original.tensors());
}

TEST_F(ConvertSplit, RefusesToReplaceItsInput) {
  const ConvertReport report = split(golden_model("llama"), "part.gguf", 6);
  EXPECT_THAT(error_of([&] { split(report.files.front(), "part.gguf", 3); }), HasSubstr("both"));
}

TEST_F(ConvertSplit, StoppingLeavesNothingBehind) {
  ConvertOptions options = options_for(golden_model("llama"), "part.gguf");
  options.split_tensors = 3;
  options.progress = [](const ConvertProgress& progress) {
    if (progress.done == 10) throw Error(ErrorKind::cancelled, "stopped");
  };
  EXPECT_THROW(convert(options), Error);
  EXPECT_EQ(entries(), 0u);
}

TEST_F(ConvertSplit, KilledLeavesNoSetThatLooksWhole) {
  const pid_t child = ::fork();
  if (child == 0) {
    ConvertOptions options = options_for(golden_model("llama"), "part.gguf");
    options.split_tensors = 3;
    options.threads = 1;
    options.progress = [](const ConvertProgress& progress) {
      if (progress.done == progress.total) ::raise(SIGKILL);
    };
    convert(options);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  for (const auto& entry : fs::directory_iterator(folder_.path())) {
    ASSERT_TRUE(entry.path().filename().string().ends_with(".partial")) << entry.path();
    // What was written so far is no model: the last part is missing.
    for (const auto& part : fs::directory_iterator(entry.path())) {
      if (part.path().extension() != ".gguf") continue;
      EXPECT_THROW(GgufFile(part.path()), Error) << part.path();
    }
  }
}

TEST_F(ConvertSplit, ReplacesAnOlderModelAsAWhole) {
  split(golden_model("qwen2"), "part.gguf", 8);
  const ConvertReport report = split(golden_model("llama"), "part.gguf", 8);
  EXPECT_EQ(GgufFile(report.files.front()).metadata().require<std::string>("general.architecture"),
            "llama");
}

}  // namespace
}  // namespace jielong
