#include "model/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "model/file_bytes.h"
#include "model/tensor_writer.h"
#include "tensor/quant/dequantize.h"

namespace jielong {
namespace {

using testing::AllOf;
using testing::HasSubstr;

Bytes file_of(std::string_view json, std::size_t data = 0) {
  return Bytes().string(json).zeros(data);
}

class Safetensors : public testing::Test {
 protected:
  std::string error(const Bytes& bytes) {
    const auto path = folder_.write("bad.safetensors", bytes.text());
    const std::string message = error_of([&] { SafetensorsFile{path}; });
    EXPECT_THAT(message, HasSubstr("bad.safetensors"));
    return message;
  }
  std::string error(std::string_view json, std::size_t data = 0) {
    return error(file_of(json, data));
  }

  TemporaryFolder folder_;
};

TEST_F(Safetensors, WriterAndReaderAgree) {
  const auto path = folder_.path() / "model.safetensors";
  SafetensorsWriter writer(path, {{"format", "pt"}, {"note", "\"接龍\""}});
  writer.begin(
      {{"b", DType::f32, {2, 3}}, {"a\"\\", DType::bf16, {3}}, {"scalar", DType::i64, {}}});
  const std::vector<float> values = {1, 2, 3, 4, 5, 6};
  writer.write(std::as_bytes(std::span(values)));
  writer.write(std::vector<std::byte>(6 + 8));
  writer.finish();

  const SafetensorsFile file(path);
  EXPECT_EQ(file.metadata().at("note"), "\"接龍\"");
  ASSERT_EQ(file.tensors().size(), 3u);
  EXPECT_EQ(file.tensors()[0].name, "b");
  EXPECT_EQ(file.require("b").shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(std::memcmp(file.require("b").data.data(), values.data(), 24), 0);
  EXPECT_EQ(file.require("a\"\\").dtype, DType::bf16);
  EXPECT_EQ(file.require("scalar").elements(), 1);
}

TEST_F(Safetensors, WriterRefusesWhatTheFormatLacks) {
  SafetensorsWriter writer(folder_.path() / "x.safetensors");
  EXPECT_THAT(error_of([&] { writer.begin({{"w", DType::q4_k, {256}}}); }), HasSubstr("Q4_K"));
  EXPECT_THAT(error_of([&] {
                writer.begin({{"w", DType::f32, {1}}, {"w", DType::f32, {1}}});
              }),
              HasSubstr("twice"));
  EXPECT_THAT(error_of([&] { writer.begin({{"w", DType::f32, {0}}}); }), HasSubstr("(0)"));
}

TEST_F(Safetensors, ReadsUnalignedData) {
  const auto path = folder_.write(
      "odd.safetensors", Bytes()
                             .string(R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}} )")
                             .number(2.5f)
                             .text());
  const SafetensorsFile file(path);
  float value = 0;
  dequantize_row(DType::f32, file.require("w").data.data(), &value, 1);
  EXPECT_EQ(value, 2.5f);
}

TEST_F(Safetensors, TypesItCannotReadAreRefusedWhenAskedFor) {
  const SafetensorsFile file(folder_.write(
      "types.safetensors", file_of(R"({"mask":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]},)"
                                   R"("w":{"dtype":"F16","shape":[1],"data_offsets":[2,4]}})",
                                   4)
                               .text()));
  EXPECT_EQ(file.tensors().size(), 1u);
  EXPECT_TRUE(file.contains("mask"));
  EXPECT_THAT(error_of([&] { file.find("mask"); }), HasSubstr("BOOL"));
  EXPECT_NO_THROW(file.require("w"));
}

TEST_F(Safetensors, RefusesSizesThatCannotBe) {
  EXPECT_THAT(error(Bytes().raw("short")), HasSubstr("5 bytes"));
  EXPECT_THAT(error(Bytes().u64(~0ULL).raw("{}")), HasSubstr("header"));
  EXPECT_THAT(error(Bytes().u64(3).raw("{}")), HasSubstr("header"));
  EXPECT_THAT(error(Bytes().u64(0)), HasSubstr("JSON"));
  EXPECT_THAT(error(R"({"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})", 15),
              AllOf(HasSubstr("\"w\""), HasSubstr("16 bytes")));
  EXPECT_THAT(error(R"({"w":{"dtype":"F32","shape":[4],"data_offsets":[16,0]}})", 16),
              HasSubstr("\"w\""));
  EXPECT_THAT(error(R"({"w":{"dtype":"F32","shape":[3],"data_offsets":[0,16]}})", 16),
              HasSubstr("needs 12 bytes"));
  EXPECT_THAT(error(R"({"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})", 17),
              HasSubstr("17"));
  EXPECT_THAT(error(R"({"w":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}})"),
              HasSubstr("dimension of 0"));
  EXPECT_THAT(error(R"({"w":{"dtype":"F32","shape":[4611686018427387904,4],)"
                    R"("data_offsets":[0,0]}})"),
              HasSubstr("dimension"));
  EXPECT_THAT(error(R"({"w":{"dtype":"F32","shape":[18446744073709551615],)"
                    R"("data_offsets":[0,4]}})",
                    4),
              HasSubstr("dimension"));
}

TEST_F(Safetensors, RefusesHeadersThatAreNotTheFormat) {
  for (const char* json :
       {"",
        "null",
        "[]",
        "[[[[",
        "\"x\"",
        "7",
        "{\"w\":7}",
        "{\"w\":[]}",
        "{\"w\":{}}",
        R"({"w":{"dtype":"F32","shape":[1]}})",
        R"({"w":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})",
        R"({"w":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}})",
        R"({"w":{"dtype":"F32","shape":[[1]],"data_offsets":[0,4]}})",
        R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0]}})",
        R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4,4]}})",
        R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,-4]}})",
        R"({"w":{"dtype":"F99","shape":[1],"data_offsets":[0,4]}})",
        R"({"w":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
        R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}})",
        R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
        R"("w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
        R"({"":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
        R"({"__metadata__":{"a":"1","a":"2"},)"
        R"("w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
        R"({"__metadata__":{"a":{}}})",
        R"({"__metadata__":{},"__metadata__":{}})",
        R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}x)",
        "{\"\xff\":{}}"}) {
    error(json, 4);
  }
}

TEST_F(Safetensors, RefusesOverlapsAndGaps) {
  EXPECT_THAT(error(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                    R"("b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
                    8),
              AllOf(HasSubstr("\"b\""), HasSubstr("overlap")));
  EXPECT_THAT(error(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                    R"("b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}})",
                    12),
              HasSubstr("gap"));
}

class ShardedSafetensors : public Safetensors {
 protected:
  void SetUp() override {
    shard("one.safetensors", "a", 1);
    shard("two.safetensors", "b", 2);
  }
  void shard(const char* name, const char* tensor, float value) {
    SafetensorsWriter writer(folder_.path() / name);
    writer.begin({{tensor, DType::f32, {1}}});
    writer.write(std::as_bytes(std::span(&value, 1)));
    writer.finish();
  }
  std::filesystem::path index(std::string_view json) {
    return folder_.write("model.safetensors.index.json", json);
  }
};

TEST_F(ShardedSafetensors, OpensAllShards) {
  folder_.write("config.json", R"({"model_type":"llama"})");
  index(R"({"weight_map":{"a":"one.safetensors","b":"two.safetensors"}})");
  const ModelFolder folder(folder_.path());
  EXPECT_EQ(folder.config(), R"({"model_type":"llama"})");
  EXPECT_FALSE(folder.text("tokenizer.json"));
  EXPECT_EQ(folder.tensors().tensors().size(), 2u);
  EXPECT_NO_THROW(folder.tensors().require("b"));
  EXPECT_EQ(locate_model(folder_.path()).format, ModelFormat::safetensors);
  EXPECT_EQ(locate_model(folder_.path() / "one.safetensors").path, folder_.path());
}

TEST_F(ShardedSafetensors, RefusesAnIndexThatDoesNotFit) {
  const auto error_with = [&](std::string_view json) {
    const auto path = index(json);
    return error_of([&] { SafetensorsFile{path}; });
  };
  EXPECT_THAT(error_with("{}"), HasSubstr("weight_map"));
  EXPECT_THAT(error_with("[]"), HasSubstr("weight_map"));
  EXPECT_THAT(error_with(R"({"weight_map":{"a":7}})"), HasSubstr("\"a\""));
  EXPECT_THAT(error_with(R"({"weight_map":{"a":"../one.safetensors"}})"), HasSubstr("plain"));
  EXPECT_THAT(error_with(R"({"weight_map":{"a":"/etc/passwd"}})"), HasSubstr("plain"));
  EXPECT_THAT(error_with(R"({"weight_map":{"a":"three.safetensors"}})"), HasSubstr("three"));
  EXPECT_THAT(error_with(R"({"weight_map":{"c":"one.safetensors"}})"), HasSubstr("\"c\""));
  EXPECT_THAT(error_with(R"({"weight_map":{"a":"two.safetensors","b":"one.safetensors"}})"),
              HasSubstr("where the index says"));
  shard("two.safetensors", "a", 2);
  EXPECT_THAT(error_with(R"({"weight_map":{"a":"one.safetensors","b":"two.safetensors"}})"),
              HasSubstr("twice"));
}

TEST_F(Safetensors, FoldersWithoutWeightsSayWhatIsMissing) {
  EXPECT_THAT(error_of([&] { ModelFolder{folder_.path()}; }), HasSubstr("config.json"));
  EXPECT_THAT(error_of([&] { locate_model(folder_.path()); }), HasSubstr("neither"));
  EXPECT_THAT(error_of([&] { locate_model(folder_.path() / "x"); }), HasSubstr("does not exist"));
  folder_.write("config.json", "{}");
  folder_.write("pytorch_model.bin", "");
  EXPECT_THAT(error_of([&] { ModelFolder{folder_.path()}; }), HasSubstr("pickled"));
}

}  // namespace
}  // namespace jielong
