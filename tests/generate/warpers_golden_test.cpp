#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/json.h"
#include "generate/sampler_chain.h"

namespace jielong {
namespace {

TEST(Samplers, AgreeWithTransformers) {
  const std::string path = std::string(JIELONG_TEST_DATA) + "/generate/goldens/warpers.json";
  const Json goldens = parse_json(read_file(path), path);
  ASSERT_GT(goldens.size(), 20U);
  for (const Json& golden : goldens) {
    const Json& given = golden.at("settings");
    SamplerSettings s;
    s.temperature = given.value("temperature", 1.0);
    s.top_k = given.value("top_k", 0);
    s.top_p = given.value("top_p", 1.0);
    s.min_p = given.value("min_p", 0.0);
    s.typical_p = given.value("typical_p", 1.0);
    s.repeat_penalty = given.value("repeat_penalty", 1.0);
    s.penalty_window = -1;
    SamplerChain chain(s, Rng(1));
    chain.start(golden.at("history").get<std::vector<Token>>());
    const auto actual = chain.shape(golden.at("logits").get<std::vector<float>>()).probabilities();
    const Json& expected = golden.at("probabilities");
    ASSERT_EQ(actual.size(), expected.size()) << given;
    for (std::size_t i = 0; i < actual.size(); ++i) {
      EXPECT_EQ(actual[i].token, expected[i][0].get<Token>()) << given;
      EXPECT_NEAR(actual[i].probability, expected[i][1].get<double>(), 2e-6) << given;
    }
  }
}

}  // namespace
}  // namespace jielong
