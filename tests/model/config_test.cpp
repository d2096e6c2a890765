// What config.json and GGUF metadata may say wrongly.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/json.h"
#include "model/convert_support.h"
#include "model/family.h"
#include "model/gguf.h"
#include "model/tensor_writer.h"

namespace jielong {
namespace {

using testing::HasSubstr;

Hyperparameters read(Json config) {
  const Family& family = family_by_model_type(config.at("model_type").get<std::string>());
  return read_config_hyperparameters(config, family);
}

Json golden_config(const std::string& family) {
  return parse_json(read_file(golden_model(family) / "config.json"), "config.json");
}

TEST(Config, NamesTheFieldOfAnotherType) {
  for (const auto& [family, field, value] :
       {std::tuple{"gemma3", "query_pre_attn_scalar", Json("x")},
        std::tuple{"gemma3", "sliding_window_pattern", Json(1.5)},
        std::tuple{"gemma3", "sliding_window_pattern", Json(0)},
        std::tuple{"gemma3", "sliding_window_pattern", Json(-2)},
        std::tuple{"qwen2", "use_sliding_window", Json(1)},
        std::tuple{"qwen2", "num_hidden_layers", Json("2")},
        std::tuple{"qwen3_moe", "norm_topk_prob", Json::array()}}) {
    Json config = golden_config(family);
    config.erase("layer_types");
    config[field] = value;
    EXPECT_THAT(error_of([&] { read(config); }), HasSubstr(field)) << value.dump();
  }
}

TEST(Config, TakesNullForAbsent) {
  Json config = golden_config("gemma3");
  config["query_pre_attn_scalar"] = nullptr;
  config["sliding_window_pattern"] = nullptr;
  EXPECT_GT(read(config).attention_scale, 0);
  config = golden_config("qwen2");
  config["use_sliding_window"] = nullptr;
  config["max_window_layers"] = nullptr;
  EXPECT_EQ(read(config).window, 0);
}

TEST(Config, RefusesAPeriodOfNoLayersInGguf) {
  const TemporaryFolder folder;
  MetadataBuilder metadata;
  for (const char* key : {"block_count", "embedding_length", "context_length",
                          "attention.head_count", "attention.sliding_window"}) {
    metadata.set(std::string("gemma3.") + key, std::uint32_t{4});
  }
  metadata.set("gemma3.attention.sliding_window_pattern", std::uint32_t{0});
  GgufWriter writer(folder.path() / "x.gguf", metadata);
  writer.begin({});
  writer.finish();
  const GgufFile file(folder.path() / "x.gguf");
  EXPECT_THAT(
      error_of([&] { read_gguf_hyperparameters(file.metadata(), family_by_name("gemma3")); }),
      HasSubstr("period"));
}

}  // namespace
}  // namespace jielong
