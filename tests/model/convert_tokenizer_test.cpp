#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "base/file.h"
#include "base/json.h"
#include "model/convert/tokenizer_files.h"
#include "model/convert/tokenizer_metadata.h"
#include "model/file_bytes.h"
#include "model/gguf.h"
#include "model/tensor_writer.h"
#include "model/tokenizer_source.h"
#include "token/normalizer.h"

namespace jielong {
namespace {

namespace fs = std::filesystem;

std::string golden(const std::string& name) {
  return read_file(fs::path(JIELONG_TEST_DATA "/token/goldens") / name);
}

/// The precompiled map in a tokenizer.json.
std::string charsmap_of(const std::string& tokenizer) {
  const Json json = parse_json(tokenizer, "tokenizer.json");
  const Json& normalizer = json.at("normalizer").at("normalizers").at(0);
  return decode_base64(normalizer.at("precompiled_charsmap").get<std::string>(), "tokenizer.json");
}

class TokenizerFiles : public testing::Test {
 protected:
  /// A folder with the tokenizer and next to no weights.
  ModelFolder folder_with(const std::string& tokenizer) {
    folder_.write("config.json", "{}");
    folder_.write("tokenizer.json", tokenizer);
    folder_.write("tokenizer_config.json", R"({"chat_template":"{{ messages }}"})");
    SafetensorsWriter writer(folder_.path() / "model.safetensors");
    writer.begin({{"w", DType::f32, {1}}});
    writer.write(std::vector<std::byte>(4));
    writer.finish();
    return ModelFolder(folder_.path());
  }

  GgufFile through_gguf(const ModelFolder& folder, const std::string& family) {
    Hyperparameters hyper;
    hyper.family = family;
    hyper.vocabulary = 1600;  // more rows than tokens, as embeddings are often padded
    MetadataBuilder metadata;
    std::vector<std::string> notes;
    put_tokenizer(folder, hyper, metadata, notes);
    const fs::path path = folder_.path() / "tokenizer.gguf";
    GgufWriter writer(path, metadata);
    writer.begin({});
    writer.finish();
    return GgufFile(path);
  }

  /// @param charsmap  of a Unigram tokenizer. tokenizer.json applies it by grapheme clusters and
  ///   keeps a space at the end, GGUF by longest match and without one.
  void expect_same_ids(const Tokenizer& actual, const Tokenizer& expected,
                       const std::string& charsmap = "") {
    const bool trims = !charsmap.empty();
    const auto normalizer = [&](bool by_graphemes) {
      return normalizers::precompiled(trims ? Charsmap(std::string_view(charsmap)) : Charsmap(),
                                      by_graphemes);
    };
    const auto by_graphemes = normalizer(true), by_length = normalizer(false);
    EncodeOptions options;
    options.add_special = false;
    std::size_t checked = 0;
    for (const Json& line : parse_json(golden("lines.json"), "lines.json")) {
      const auto& text = line.get_ref<const std::string&>();
      // GGUF cannot tell the space mark in a text from one in a piece, nor say that these
      // added tokens match whole words only or take in spaces.
      if (text.find("\u2581") != text.npos || text.find("e-mail") != text.npos ||
          text.find("<pad>") != text.npos) {
        continue;
      }
      if (trims && by_graphemes->apply(text) != by_length->apply(text)) continue;
      std::vector<Token> wanted = expected.encode(text, options);
      while (trims && !wanted.empty() && expected.vocabulary().piece(wanted.back()) == "\u2581") {
        wanted.pop_back();
      }
      ASSERT_EQ(actual.encode(text, options), wanted) << text;
      if (++checked == 400) break;
    }
    EXPECT_GT(checked, 50u);
  }

  TemporaryFolder folder_;
};

class ConvertTokenizer : public TokenizerFiles, public testing::WithParamInterface<const char*> {};

TEST_P(ConvertTokenizer, GivesTheSameTokensInEitherForm) {
  const std::string name = GetParam(), source = golden(name + ".json");
  const bool bert = name.starts_with("bert");
  const auto original = tokenizer_from_json(source);
  const ModelFolder folder = folder_with(source);
  const GgufFile gguf = through_gguf(folder, bert ? "bert" : "llama");
  EXPECT_EQ(gguf.metadata().require<std::string>("tokenizer.chat_template"), "{{ messages }}");
  EXPECT_EQ(gguf.metadata().find("tokenizer.ggml.tokens")->size(), 1600u);
  const auto converted = tokenizer_from_gguf(gguf.metadata(), bert ? "bert" : "llama", false);
  const std::string charsmap = name == "t5" ? charsmap_of(source) : "";
  expect_same_ids(*converted, *original, charsmap);

  std::vector<std::pair<std::string, std::string>> files;
  std::vector<std::string> notes;
  add_tokenizer_files(gguf.metadata(), files, notes);
  ASSERT_GE(files.size(), 2u);
  ASSERT_EQ(files[0].first, "tokenizer.json");
  expect_same_ids(*tokenizer_from_json(files[0].second), *original, charsmap);
  EXPECT_THAT(files[1].second, testing::HasSubstr("{{ messages }}"));
}

INSTANTIATE_TEST_SUITE_P(Kinds, ConvertTokenizer,
                         testing::Values("gpt2", "smollm", "llama3", "qwen2", "tekken", "gpt4o",
                                         "deepseek_v3", "llama2", "gemma", "bert_uncased", "t5"));

TEST_F(TokenizerFiles, RefusesWhatGgufCannotName) {
  const ModelFolder folder = folder_with(golden("unigram.json"));
  EXPECT_THAT(error_of([&] { through_gguf(folder, "llama"); }), testing::HasSubstr("Unigram"));
}

}  // namespace
}  // namespace jielong
