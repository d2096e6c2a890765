// Tokens of published vocabularies against `tokenizers` and `sentencepiece`, where the model
// files are at hand: JIELONG_TEST_MODELS names the folder. The goldens and their script are
// in tests/token/goldens.

#include <gtest/gtest.h>

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/json.h"
#include "model/gguf.h"
#include "model/tokenizer_source.h"

namespace jielong {
namespace {

namespace fs = std::filesystem;

struct RealTokenizer {
  const char* file;
  const char* golden;
  /// SentencePiece neither adds nor reads special tokens; its Python binding stops at NUL.
  bool sentencepiece;
};

class RealTokenizers : public testing::TestWithParam<RealTokenizer> {};

std::string hash_ids(const std::vector<Token>& ids) {
  std::uint64_t hash = 0xCBF29CE484222325ULL;
  for (const Token id : ids) {
    for (int shift = 0; shift < 32; shift += 8) {
      hash = (hash ^ (static_cast<std::uint32_t>(id) >> shift & 0xFF)) * 0x100000001B3ULL;
    }
  }
  return fmt::format("{:016x}", hash);
}

TEST_P(RealTokenizers, EncodeLikeTheReference) {
  const char* folder = std::getenv("JIELONG_TEST_MODELS");
  if (folder == nullptr) GTEST_SKIP() << "JIELONG_TEST_MODELS is not set";
  const auto [file, golden_name, sentencepiece] = GetParam();
  const fs::path path = fs::path(folder) / file;
  if (!fs::exists(path)) GTEST_SKIP() << path << " is not there";
  const std::string goldens = std::string(JIELONG_TEST_DATA) + "/token/goldens/";
  const Json golden = parse_json(read_file(goldens + golden_name), golden_name);
  const auto lines =
      parse_json(read_file(goldens + "lines.json"), "lines.json").get<std::vector<std::string>>();

  std::unique_ptr<Tokenizer> tokenizer;
  if (path.extension() == ".json") {
    tokenizer = tokenizer_from_json(read_file(path), path.string());
  } else {
    const GgufFile gguf(path);
    tokenizer = tokenizer_from_gguf(gguf.metadata(), "", false);
  }
  constexpr std::size_t kBlock = 50, kStep = 100;
  std::vector<Token> block;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const bool skipped = sentencepiece && lines[i].find('\0') != std::string::npos;
    const auto ids = skipped ? std::vector<Token>()
                             : tokenizer->encode(lines[i], {.add_special = !sentencepiece,
                                                            .parse_special = !sentencepiece});
    if (i % kStep == 0) {
      ASSERT_EQ(ids, golden["ids"][i / kStep].get<std::vector<Token>>()) << lines[i];
    }
    block.insert(block.end(), ids.begin(), ids.end());
    block.push_back(-1);
    if ((i + 1) % kBlock == 0) {
      EXPECT_EQ(hash_ids(block), golden["hashes"][i / kBlock].get<std::string>())
          << "some line of " << i + 1 - kBlock << " to " << i;
      block.clear();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Model, RealTokenizers,
    testing::Values(
        RealTokenizer{"SmolLM2-135M-Instruct.Q4_1.gguf", "real_smollm2.golden.json", false},
        RealTokenizer{"qwen2.5-coder-1.5b-instruct-q4_k_m.gguf", "real_qwen2.golden.json", false},
        RealTokenizer{"gemma-3-270m-q4_k_m.gguf", "real_gemma3.golden.json", true},
        RealTokenizer{"minilm/tokenizer.json", "real_minilm.golden.json", false}));

}  // namespace
}  // namespace jielong
