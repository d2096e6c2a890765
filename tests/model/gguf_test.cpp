#include "model/gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <vector>

#include "model/file_bytes.h"
#include "model/tensor_writer.h"
#include "tensor/quant/dequantize.h"

namespace jielong {
namespace {

using testing::AllOf;
using testing::HasSubstr;

Bytes header(std::uint64_t tensors, std::uint64_t values, std::uint32_t version = 3) {
  return Bytes().raw("GGUF").u32(version).u64(tensors).u64(values);
}

/// One tensor's entry; dimensions innermost first.
Bytes& entry(Bytes& bytes, std::string_view name, const std::vector<std::uint64_t>& dimensions,
             std::uint32_t type, std::uint64_t offset) {
  bytes.string(name).u32(static_cast<std::uint32_t>(dimensions.size()));
  for (const auto size : dimensions) bytes.u64(size);
  return bytes.u32(type).u64(offset);
}

class Gguf : public testing::Test {
 protected:
  std::string error(const Bytes& bytes) {
    const auto path = folder_.write("bad.gguf", bytes.text());
    const std::string message = error_of([&] { GgufFile{path}; });
    EXPECT_THAT(message, HasSubstr("bad.gguf"));
    EXPECT_EQ(message.find('\n'), std::string::npos);
    return message;
  }
  std::string error_of_entry(const std::vector<std::uint64_t>& dimensions, std::uint32_t type,
                             std::uint64_t offset, std::size_t data = 64) {
    Bytes bytes = header(1, 0);
    return error(entry(bytes, "weight", dimensions, type, offset).pad_to(32).zeros(data));
  }

  TemporaryFolder folder_;
};

TEST_F(Gguf, WriterAndReaderAgree) {
  const auto path = folder_.path() / "model.gguf";
  MetadataBuilder metadata;
  metadata.set("general.architecture", "llama");
  metadata.set("a.flag", true);
  metadata.set("a.count", std::uint32_t{7});
  metadata.set("a.negative", std::int32_t{-7});
  metadata.set("a.long", std::int64_t{-1} << 40);
  metadata.set("a.size", ~std::uint64_t{0});
  metadata.set("a.scale", 1.5f);
  const std::vector<std::string> tokens = {"a", "", "接龍"};
  metadata.set("a.tokens", std::span(tokens));
  const std::vector<float> scores = {0.5f, -1.0f};
  metadata.set("a.scores", std::span(scores));
  const std::vector<std::int32_t> types = {1, 2, 3};
  metadata.set("a.types", std::span(types));
  metadata.set_flags("a.flags", {true, false});
  metadata.set("a.count", std::uint32_t{8});

  GgufWriter writer(path, metadata);
  writer.begin(
      {{"one", DType::f32, {2, 3}}, {"two", DType::q8_0, {1, 32}}, {"three", DType::f16, {5}}});
  std::vector<float> one = {1, 2, 3, 4, 5, 6};
  std::vector<std::byte> rest(34 + 10, std::byte{1});
  writer.write(std::as_bytes(std::span(one)));
  writer.write(std::span(rest).first(40));
  writer.write(std::span(rest).subspan(40));
  EXPECT_FALSE(std::filesystem::exists(path));
  writer.finish();

  const GgufFile file(path);
  EXPECT_EQ(file.version(), 3u);
  EXPECT_EQ(file.parts(), 1);
  const Metadata& read = file.metadata();
  EXPECT_EQ(read.require<std::string>("general.architecture"), "llama");
  EXPECT_TRUE(read.require<bool>("a.flag"));
  EXPECT_EQ(read.require<std::uint32_t>("a.count"), 8u);
  EXPECT_EQ(read.require<std::int64_t>("a.negative"), -7);
  EXPECT_EQ(read.require<std::int64_t>("a.long"), std::int64_t{-1} << 40);
  EXPECT_EQ(read.require<std::uint64_t>("a.size"), ~std::uint64_t{0});
  EXPECT_EQ(read.require<float>("a.scale"), 1.5f);
  EXPECT_EQ(read.require<double>("a.count"), 8.0);
  EXPECT_EQ(read.require<std::vector<std::string_view>>("a.tokens"),
            (std::vector<std::string_view>{"a", "", "接龍"}));
  EXPECT_EQ(read.require<std::vector<float>>("a.scores"), scores);
  EXPECT_EQ(read.require<std::vector<std::int32_t>>("a.types"), types);
  EXPECT_EQ(read.require<std::vector<std::uint8_t>>("a.flags"), (std::vector<std::uint8_t>{1, 0}));
  EXPECT_EQ(read.get_or<std::uint32_t>("absent", 5), 5u);
  EXPECT_FALSE(read.get<float>("absent"));
  EXPECT_EQ(read.find("a.tokens")->summary(), "[\"a\", \"\", \"接龍\"] (3 string)");

  ASSERT_EQ(file.tensors().size(), 3u);
  const TensorInfo& tensor = file.require("one");
  EXPECT_EQ(tensor.shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(std::memcmp(tensor.data.data(), one.data(), 24), 0);
  EXPECT_EQ(file.require("two").data.size(), 34u);
  EXPECT_EQ(file.require("three").data.size(), 10u);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(file.require("two").data.data()) % 32, 0u);
  EXPECT_EQ(file.find("four"), nullptr);
  EXPECT_THAT(error_of([&] { file.require("four"); }), HasSubstr("no tensor \"four\""));
}

TEST_F(Gguf, WrongTypesNameTheKey) {
  const auto path = folder_.path() / "model.gguf";
  MetadataBuilder metadata;
  metadata.set("text", "x");
  metadata.set("number", std::int32_t{-1});
  GgufWriter(path, metadata).begin({});
  GgufWriter writer(path, metadata);
  writer.begin({});
  writer.finish();
  const GgufFile file(path);
  const Metadata& read = file.metadata();
  EXPECT_THAT(error_of([&] { read.require<float>("text"); }),
              AllOf(HasSubstr("model.gguf"), HasSubstr("\"text\""), HasSubstr("string")));
  EXPECT_THAT(error_of([&] { read.require<std::uint32_t>("number"); }),
              AllOf(HasSubstr("\"number\""), HasSubstr("-1")));
  EXPECT_THAT(error_of([&] { read.require<std::string>("number"); }), HasSubstr("i32"));
  EXPECT_THAT(error_of([&] { read.require<bool>("number"); }), HasSubstr("true or false"));
  EXPECT_THAT(error_of([&] { read.require<std::vector<float>>("number"); }), HasSubstr("array"));
  EXPECT_THAT(error_of([&] { read.require<float>("absent"); }), HasSubstr("\"absent\""));
}

TEST_F(Gguf, ReadsVersion2) {
  Bytes bytes = header(1, 1, 2);
  bytes.string("general.alignment").u32(4).u32(64);
  entry(bytes, "w", {2, 3}, 0, 64).pad_to(64).zeros(64).zeros(24);
  const GgufFile file(folder_.write("v2.gguf", bytes.text()));
  EXPECT_EQ(file.version(), 2u);
  EXPECT_EQ(file.require("w").shape, (std::vector<std::int64_t>{3, 2}));
}

TEST_F(Gguf, RefusesOtherFiles) {
  EXPECT_THAT(error(Bytes()), HasSubstr("0 bytes"));
  EXPECT_THAT(error(Bytes().raw("GG")), HasSubstr("too few"));
  EXPECT_THAT(error(Bytes().raw("PK\3\4 not a model")), HasSubstr("magic"));
  EXPECT_THAT(error(header(0, 0, 1)), HasSubstr("version 1"));
  EXPECT_THAT(error(header(0, 0, 4)), HasSubstr("version 4"));
  EXPECT_THAT(error(header(0, 0, 3u << 24)), HasSubstr("big-endian"));
}

// Peers have aborted on a file of 37 bytes.
TEST_F(Gguf, EveryPrefixOfAGoodFileIsRefusedInOneSentence) {
  Bytes good = header(2, 2);
  good.string("general.architecture").u32(8).string("llama");
  good.string("tokens").u32(9).u32(8).u64(2).string("ab").string("cd");
  entry(good, "a", {32, 2}, 8, 0);
  entry(good, "b", {3}, 0, 96).pad_to(32).zeros(96 + 12);
  EXPECT_NO_THROW(GgufFile(folder_.write("good.gguf", good.text())));
  for (std::size_t size = 0; size < good.text().size(); ++size) {
    error(Bytes().raw(good.text().substr(0, size)));
  }
}

TEST_F(Gguf, RefusesCountsThatCannotBe) {
  EXPECT_THAT(error(header(~0ULL, 0)), HasSubstr("tensors"));
  EXPECT_THAT(error(header(0, ~0ULL)), HasSubstr("metadata values"));
  EXPECT_THAT(error(header(1ULL << 40, 0).zeros(1000)), HasSubstr("tensors"));
  EXPECT_THAT(error(header(0, 1ULL << 63).zeros(1000)), HasSubstr("metadata values"));
  EXPECT_THAT(error(header(0, 1).string("k").u32(9).u32(4).u64(1ULL << 62).zeros(64)),
              AllOf(HasSubstr("\"k\""), HasSubstr("elements")));
  EXPECT_THAT(error(header(0, 1).string("k").u32(9).u32(8).u64(~0ULL).zeros(64)),
              HasSubstr("elements"));
}

TEST_F(Gguf, RefusesBadStringsAndTypes) {
  EXPECT_THAT(error(header(0, 1).u64(~0ULL).zeros(64)), HasSubstr("metadata key"));
  EXPECT_THAT(error(header(0, 1).u64(0).zeros(64)), HasSubstr("0 bytes"));
  EXPECT_THAT(error(header(0, 1).string("k").u32(8).u64(1ULL << 63).zeros(64)), HasSubstr("\"k\""));
  EXPECT_THAT(error(header(0, 1).string("k").u32(13).zeros(64)), HasSubstr("13"));
  EXPECT_THAT(error(header(0, 1).string("k").u32(9).u32(9).u64(1).zeros(64)),
              HasSubstr("array of arrays"));
  EXPECT_THAT(error(header(0, 1).string("k").u32(7).number(std::uint8_t{2}).zeros(64)),
              HasSubstr("truth value"));
  EXPECT_THAT(error(header(0, 1).string("\xff\n").u32(13).zeros(64)), HasSubstr("\xef\xbf\xbd"));
}

TEST_F(Gguf, RefusesDuplicates) {
  EXPECT_THAT(error(header(0, 2).string("k").u32(4).u32(1).string("k").u32(4).u32(1)),
              AllOf(HasSubstr("\"k\""), HasSubstr("twice")));
  Bytes bytes = header(2, 0);
  entry(bytes, "w", {1}, 0, 0);
  entry(bytes, "w", {1}, 0, 32).pad_to(32).zeros(64);
  EXPECT_THAT(error(bytes), AllOf(HasSubstr("\"w\""), HasSubstr("twice")));
}

TEST_F(Gguf, RefusesDimensionsThatCannotBe) {
  EXPECT_THAT(error_of_entry({0}, 0, 0), HasSubstr("dimension of 0"));
  EXPECT_THAT(error_of_entry({32, 0}, 8, 0), HasSubstr("dimension of 0"));
  EXPECT_THAT(error_of_entry({~0ULL}, 0, 0), HasSubstr("dimension"));
  EXPECT_THAT(error_of_entry({1ULL << 32, 1ULL << 32}, 0, 0), HasSubstr("dimension"));
  EXPECT_THAT(error_of_entry({1ULL << 31, 1ULL << 31}, 28, 0), HasSubstr("larger"));
  EXPECT_THAT(error_of_entry({1, 1, 1, 1, 1}, 0, 0), HasSubstr("5 dimensions"));
  EXPECT_THAT(error_of_entry({33}, 8, 0), HasSubstr("33"));
  EXPECT_THAT(error_of_entry({128}, 12, 0), HasSubstr("Q4_K blocks of 256"));
}

// The bytes of a tensor may not wrap around (CVE-2026-27940, CVE-2026-33298).
TEST_F(Gguf, RefusesTensorsBeyondTheFile) {
  EXPECT_THAT(error_of_entry({16}, 0, 32, 64), HasSubstr("needs 64 bytes"));
  EXPECT_THAT(error_of_entry({16}, 0, ~0ULL - 31, 64), HasSubstr("offset"));
  EXPECT_THAT(error_of_entry({16}, 0, 16), HasSubstr("alignment"));
  EXPECT_THAT(error_of_entry({1ULL << 61}, 0, 0), AllOf(HasSubstr("\"weight\"")));
  EXPECT_THAT(error_of_entry({1ULL << 60, 2}, 0, 0), HasSubstr("\"weight\""));
  Bytes bytes = header(2, 0);
  entry(bytes, "a", {16}, 0, 0);
  entry(bytes, "b", {8}, 0, 32).pad_to(32).zeros(64);
  EXPECT_THAT(error(bytes), HasSubstr("overlap"));
}

TEST_F(Gguf, RefusesElementTypesItCannotRead) {
  EXPECT_THAT(error_of_entry({256}, 16, 0), HasSubstr("IQ2_XXS"));
  EXPECT_THAT(error_of_entry({256}, 4, 0), HasSubstr("element type 4"));
  EXPECT_THAT(error_of_entry({256}, 1u << 31, 0), HasSubstr("element type"));
}

TEST_F(Gguf, RefusesBadAlignment) {
  for (const std::uint32_t alignment : {0u, 1u, 24u, 1u << 31}) {
    EXPECT_THAT(error(header(0, 1).string("general.alignment").u32(4).u32(alignment)),
                HasSubstr("general.alignment"));
  }
  EXPECT_THAT(error(header(0, 1).string("general.alignment").u32(8).string("32")),
              HasSubstr("general.alignment"));
}

class SplitGguf : public Gguf {
 protected:
  void write_part(const std::string& name, std::uint32_t number, std::uint32_t count,
                  const std::string& tensor, std::int32_t total = 2) {
    MetadataBuilder metadata;
    metadata.set("general.architecture", "llama");
    metadata.set("split.no", number);
    metadata.set("split.count", count);
    metadata.set("split.tensors.count", total);
    GgufWriter writer(folder_.path() / name, metadata);
    writer.begin({{tensor, DType::f32, {1}}});
    const float value = static_cast<float>(number);
    writer.write(std::as_bytes(std::span(&value, 1)));
    writer.finish();
  }
  std::string split_error() {
    return error_of([&] { GgufFile(folder_.path() / "m-00001-of-00002.gguf"); });
  }
};

TEST_F(SplitGguf, OpensAllPartsByAnyOfThem) {
  write_part("m-00001-of-00002.gguf", 0, 2, "a");
  write_part("m-00002-of-00002.gguf", 1, 2, "b");
  for (const char* name : {"m-00001-of-00002.gguf", "m-00002-of-00002.gguf"}) {
    const GgufFile file(folder_.path() / name);
    EXPECT_EQ(file.parts(), 2);
    EXPECT_EQ(file.tensors().size(), 2u);
    float value = 0;
    std::memcpy(&value, file.require("b").data.data(), 4);
    EXPECT_EQ(value, 1.0f);
    EXPECT_EQ(file.path().filename(), "m-00001-of-00002.gguf");
  }
  EXPECT_EQ(locate_model(folder_.path()).path.filename(), "m-00001-of-00002.gguf");
}

TEST_F(SplitGguf, RefusesPartsThatDoNotFit) {
  write_part("m-00001-of-00002.gguf", 0, 2, "a");
  EXPECT_THAT(split_error(), HasSubstr("m-00002-of-00002.gguf"));
  write_part("m-00002-of-00002.gguf", 0, 2, "b");
  EXPECT_THAT(split_error(), HasSubstr("part 2"));
  write_part("m-00002-of-00002.gguf", 1, 3, "b");
  EXPECT_THAT(split_error(), HasSubstr("part 2"));
  write_part("m-00002-of-00002.gguf", 1, 2, "a");
  EXPECT_THAT(split_error(), HasSubstr("twice"));
  write_part("m-00001-of-00002.gguf", 0, 2, "a", 9);
  write_part("m-00002-of-00002.gguf", 1, 2, "b");
  EXPECT_THAT(split_error(), HasSubstr("9 are announced"));
  // Parts that each point to the other must not be followed for ever.
  write_part("m-00001-of-00002.gguf", 1, 2, "a");
  EXPECT_THAT(split_error(), HasSubstr("part 1"));
  write_part("m.gguf", 0, 2, "a");
  EXPECT_THAT(error_of([&] { GgufFile(folder_.path() / "m.gguf"); }), HasSubstr("name"));
}

TEST_F(Gguf, LargeVocabulariesLoadInMilliseconds) {
  constexpr std::size_t kTokens = 262144;
  std::vector<std::string> tokens(kTokens);
  for (std::size_t i = 0; i < kTokens; ++i) tokens[i] = "token" + std::to_string(i);
  MetadataBuilder metadata;
  metadata.set("tokenizer.ggml.tokens", std::span<const std::string>(tokens));
  const auto path = folder_.path() / "large.gguf";
  GgufWriter writer(path, metadata);
  writer.begin({});
  writer.finish();
  const auto start = std::chrono::steady_clock::now();
  const GgufFile file(path);
  const auto read = file.metadata().require<std::vector<std::string_view>>("tokenizer.ggml.tokens");
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  EXPECT_EQ(read.back(), "token262143");
  EXPECT_LT(elapsed.count(), 0.5) << "generous, for slow and sanitized builds";
}

}  // namespace
}  // namespace jielong
