#include "model/convert.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "base/file.h"
#include "model/convert/recipe.h"
#include "model/convert_support.h"
#include "model/gguf.h"
#include "model/safetensors.h"
#include "model/tensor_writer.h"
#include "tensor/quant/quantize.h"

namespace jielong {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

class Convert : public ConvertTest {
 protected:
  /// A llama of two layers wide enough for K blocks, with F16 matrices.
  fs::path wide_model() {
    MetadataBuilder metadata;
    metadata.set("general.architecture", "llama");
    metadata.set("llama.block_count", std::uint32_t{2});
    metadata.set("llama.attention.head_count", std::uint32_t{4});
    metadata.set("general.alignment", std::uint32_t{64});
    GgufWriter writer(at("wide.gguf"), metadata);
    std::vector<TensorPlan> plans = {{"token_embd.weight", DType::f16, {40, 256}},
                                     {"output_norm.weight", DType::f32, {256}}};
    for (const char* layer : {"blk.0.", "blk.1."}) {
      const std::string prefix(layer);
      plans.push_back({prefix + "attn_norm.weight", DType::f32, {256}});
      plans.push_back({prefix + "attn_v.weight", DType::f16, {256, 256}});
      plans.push_back({prefix + "attn_q.weight", DType::f16, {256, 256}});
      plans.push_back({prefix + "ffn_down.weight", DType::f16, {256, 320}});
    }
    writer.begin(plans);
    std::uint32_t state = 1;
    for (const TensorPlan& plan : plans) {
      std::vector<float> values(static_cast<std::size_t>(plan.bytes()) /
                                static_cast<std::size_t>(info(plan.dtype).block_bytes));
      for (float& value : values) {
        state = state * 1664525 + 1013904223;
        value = static_cast<float>(static_cast<std::int32_t>(state)) * 0x1p-36f;
      }
      std::vector<std::byte> stored(plan.bytes());
      quantize_row(plan.dtype, values.data(), stored.data(),
                   static_cast<std::int64_t>(values.size()));
      writer.write(stored);
    }
    writer.finish();
    return at("wide.gguf");
  }
};

class ConvertFamily : public Convert, public testing::WithParamInterface<const char*> {};

TEST_P(ConvertFamily, ToGgufEqualsTheTwin) {
  run(golden_model(GetParam()), "model.gguf");
  const GgufFile actual(at("model.gguf")), twin(golden_model(GetParam()) / "model.gguf");
  EXPECT_EQ(actual.tensors().size(), twin.tensors().size());
  expect_same_tensors(actual, twin);
  for (const MetaValue& value : twin.metadata().values()) {
    const std::string key(value.key());
    // The stand-in vocabulary of the twin is not in the folder.
    if (key.starts_with("tokenizer.") || key == "general.name" ||
        key == "phi3.attention.sliding_window") {
      continue;
    }
    const MetaValue* ours = actual.metadata().find(key);
    ASSERT_NE(ours, nullptr) << key;
    EXPECT_EQ(ours->summary(), value.summary()) << key;
  }
}

INSTANTIATE_TEST_SUITE_P(Families, ConvertFamily,
                         testing::Values("llama", "qwen2", "gemma3", "gpt2", "phi3_partial",
                                         "bert"));

class RoundTrip : public Convert, public testing::WithParamInterface<const char*> {};

TEST_P(RoundTrip, KeepsEveryBit) {
  run(golden_model(GetParam()), "model.gguf");
  run(at("model.gguf"), "back");
  const ModelFolder original(golden_model(GetParam())), back(at("back"));
  if (std::string(GetParam()).starts_with("gemma")) {
    // 1 + gain − 1 rounds.
    EXPECT_EQ(back.tensors().tensors().size(), original.tensors().tensors().size());
  } else {
    expect_same_tensors(back.tensors(), original.tensors());
  }
  run(at("back"), "again.gguf");
  const GgufFile once(at("model.gguf")), twice(at("again.gguf"));
  EXPECT_EQ(once.tensors().size(), twice.tensors().size());
  for (const MetaValue& value : once.metadata().values()) {
    if (value.key() == "general.name") continue;
    const MetaValue* other = twice.metadata().find(value.key());
    ASSERT_NE(other, nullptr) << value.key();
    EXPECT_EQ(other->summary(), value.summary()) << value.key();
  }
}

INSTANTIATE_TEST_SUITE_P(Families, RoundTrip,
                         testing::Values("llama", "qwen2", "qwen3", "qwen3_moe", "gemma2", "gemma3",
                                         "llama_rope_linear", "llama_rope_llama3", "qwen2_yarn",
                                         "gpt2", "phi3", "phi3_partial", "phi3_longrope", "bert"));

TEST_F(Convert, MixesTypesAsTheRecipeSays) {
  const ConvertReport report = run(wide_model(), "q.gguf", "q4_k_m");
  const GgufFile file(at("q.gguf"));
  EXPECT_EQ(file.require("token_embd.weight").dtype, DType::q6_k);  // tied: serves as head
  EXPECT_EQ(file.require("output_norm.weight").dtype, DType::f32);
  EXPECT_EQ(file.require("blk.0.attn_q.weight").dtype, DType::q4_k);
  EXPECT_EQ(file.require("blk.1.attn_v.weight").dtype, DType::q6_k);
  EXPECT_EQ(file.require("blk.1.ffn_down.weight").dtype, DType::q8_0);  // 320 is not whole Q6_K
  EXPECT_EQ(file.metadata().require<std::uint32_t>("general.file_type"), 15u);
  EXPECT_FALSE(file.metadata().contains("general.alignment"));
  EXPECT_EQ(report.tensors, file.tensors().size());
  EXPECT_EQ(report.bytes_out, file.tensor_bytes());
}

TEST_F(Convert, EveryRecipeWorks) {
  const fs::path input = wide_model();
  for (const Recipe& recipe : recipes()) {
    const std::string name = std::string(recipe.name) + ".gguf";
    run(input, name, std::string(recipe.name));
    const GgufFile file(at(name));
    EXPECT_EQ(file.metadata().require<std::uint32_t>("general.file_type"), recipe.file_type);
    EXPECT_EQ(file.require("blk.0.attn_q.weight").dtype, recipe.dtype);
  }
}

TEST_F(Convert, ChangesTheTypeOfAFolder) {
  run(golden_model("llama"), "half", "bf16");
  const ModelFolder folder(at("half"));
  EXPECT_THAT(folder.config(), HasSubstr("\"torch_dtype\": \"bfloat16\""));
  for (const TensorInfo& tensor : folder.tensors().tensors()) {
    EXPECT_EQ(tensor.dtype, DType::bf16) << tensor.name;
  }
}

TEST_F(Convert, RequantizesOnlyWhenTold) {
  run(wide_model(), "q8.gguf", "q8_0");
  EXPECT_THAT(error_of([&] { run(at("q8.gguf"), "q4.gguf", "q4_0"); }),
              AllOf(HasSubstr("Q8_0"), HasSubstr("allow")));
  EXPECT_NO_THROW(run(at("q8.gguf"), "q4.gguf", "q4_0", true));
  EXPECT_NO_THROW(run(at("q8.gguf"), "f16.gguf", "f16"));
}

TEST_F(Convert, RefusesWhatCannotBe) {
  EXPECT_THAT(error_of([&] { run(wide_model(), "x.gguf", "q9_z"); }), HasSubstr("q4_k_m"));
  EXPECT_THAT(error_of([&] { run(at("wide.gguf"), "wide.gguf", "q8_0"); }), HasSubstr("both"));
  EXPECT_THAT(error_of([&] { run(golden_model("llama"), "folder", "q4_0"); }),
              HasSubstr("safetensors"));
  EXPECT_THAT(error_of([&] { run(at("absent"), "x.gguf"); }), HasSubstr("does not exist"));
  fs::create_directory(at("full"));
  folder_.write("full/file", "x");
  EXPECT_THAT(error_of([&] { run(golden_model("llama"), "full", "f16"); }),
              HasSubstr("there already"));
}

TEST_F(Convert, StoppingLeavesNothingBehind) {
  ConvertOptions options;
  options.input = wide_model();
  options.output = at("stopped.gguf");
  options.type = "q8_0";
  options.progress = [](const ConvertProgress& progress) {
    if (progress.done == 3) throw Error(ErrorKind::cancelled, "stopped");
  };
  EXPECT_THROW(convert(options), Error);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_.path()), fs::directory_iterator()), 1);
}

/// Runs `action` in a process of its own and returns how that ended.
template <typename Action>
int status_of(const Action& action) {
  const pid_t child = ::fork();
  if (child == 0) {
    action();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

TEST_F(Convert, KilledLeavesNoFileThatLooksWhole) {
  const fs::path input = wide_model();
  for (const char* output : {"killed.gguf", "killed_folder"}) {
    const fs::path source = output == std::string("killed.gguf") ? input : golden_model("llama");
    const int status = status_of([&] {
      ConvertOptions options;
      options.input = source;
      options.output = at(output);
      options.type = "f16";
      options.threads = 1;
      options.progress = [](const ConvertProgress& progress) {
        if (progress.done == progress.total) ::raise(SIGKILL);
      };
      convert(options);
    });
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    EXPECT_FALSE(fs::exists(at(output)));
  }
  for (const auto& entry : fs::directory_iterator(folder_.path())) {
    const std::string name = entry.path().filename().string();
    EXPECT_TRUE(name == "wide.gguf" || name.ends_with(".partial")) << name;
  }
}

TEST_F(Convert, AFullDiskIsOneClearError) {
  const fs::path input = wide_model();
  const int status = status_of([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{64 << 10, 64 << 10};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    try {
      run(input, "full.gguf", "f16");
      ::_exit(1);
    } catch (const Error& error) {
      const std::string message = error.what();
      ::_exit(error.kind() == ErrorKind::io && message.find("full.gguf") != std::string::npos ? 42
                                                                                              : 2);
    }
  });
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 42) << status;
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_.path()), fs::directory_iterator()), 1);
}

}  // namespace
}  // namespace jielong
