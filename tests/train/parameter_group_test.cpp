#include "train/parameter_group.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace jielong {
namespace {

using Role = Parameter::Role;
using testing::HasSubstr;

void add_model(Parameters& parameters) {
  parameters.add("token_embd.weight", Role::embedding, 10, 4);
  parameters.add("blk.0.attn_norm.weight", Role::vector, 1, 4);
  parameters.add("blk.0.attn_q.weight", Role::matrix, 4, 4);
  parameters.add("blk.1.attn_q.weight", Role::matrix, 4, 4);
  parameters.add("output.weight", Role::matrix, 10, 4);
}

std::vector<std::string> names(const ParameterGroup& group) {
  std::vector<std::string> result;
  for (const Parameter* parameter : group.parameters) result.push_back(parameter->name);
  return result;
}

GroupSettings group(std::string name, std::vector<std::string> patterns) {
  GroupSettings settings;
  settings.name = std::move(name);
  settings.patterns = std::move(patterns);
  return settings;
}

std::string error_of(Parameters& parameters, const std::vector<GroupSettings>& groups) {
  try {
    group_parameters(parameters, groups);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(ParameterGroup, PatternsMatchFromBeginningToEnd) {
  EXPECT_TRUE(matches("", ""));
  EXPECT_TRUE(matches("*", ""));
  EXPECT_TRUE(matches("blk.*.attn_?.weight", "blk.12.attn_q.weight"));
  EXPECT_TRUE(matches("*a*b", "aabab"));
  EXPECT_FALSE(matches("*a*b", "aaba"));
  EXPECT_FALSE(matches("blk.?.x", "blk.12.x"));
  EXPECT_FALSE(matches("blk", "blk.0"));
  EXPECT_FALSE(matches("blk.0", "blk"));
  EXPECT_TRUE(matches("**x**", "x"));
}

TEST(ParameterGroup, TheFirstMatchTakesAParameter) {
  Parameters parameters;
  add_model(parameters);
  const auto groups = group_parameters(
      parameters, std::vector{group("first block", {"blk.0.*"}), group("rest", {})});
  ASSERT_EQ(groups.size(), 2U);
  EXPECT_THAT(names(groups[0]),
              testing::ElementsAre("blk.0.attn_norm.weight", "blk.0.attn_q.weight"));
  EXPECT_EQ(groups[1].parameters.size(), 3U);
}

TEST(ParameterGroup, FrozenOnesLoseTheirGradient) {
  Parameters parameters;
  add_model(parameters);
  auto frozen = group("frozen", {"token_embd.weight", "blk.0.*"});
  frozen.frozen = true;
  const auto groups = group_parameters(parameters, std::vector{frozen, group("rest", {})});
  ASSERT_EQ(groups.size(), 1U);
  EXPECT_THAT(names(groups[0]), testing::ElementsAre("blk.1.attn_q.weight", "output.weight"));
  EXPECT_EQ(parameters.find("token_embd.weight")->gradient, nullptr);
  EXPECT_FALSE(parameters.find("blk.0.attn_q.weight")->trained);
}

TEST(ParameterGroup, DefaultsSpareVectorsFromDecay) {
  Parameters parameters;
  add_model(parameters);
  const auto groups = group_parameters(parameters, default_groups({}));
  ASSERT_EQ(groups.size(), 2U);
  EXPECT_EQ(groups[0].parameters.size(), 4U);
  EXPECT_GT(groups[0].optimizer.weight_decay, 0);
  EXPECT_THAT(names(groups[1]), testing::ElementsAre("blk.0.attn_norm.weight"));
  EXPECT_EQ(groups[1].optimizer.weight_decay, 0);
}

TEST(ParameterGroup, MuonLeavesEmbeddingsAndHeadToAdamw) {
  Parameters parameters;
  add_model(parameters);
  OptimizerSettings muon;
  muon.kind = OptimizerKind::muon;
  for (const ParameterGroup& each : group_parameters(parameters, default_groups(muon))) {
    for (const Parameter* parameter : each.parameters) {
      const bool inner = parameter->name.find("attn_q") != std::string::npos;
      EXPECT_EQ(each.optimizer.kind, inner ? OptimizerKind::muon : OptimizerKind::adamw)
          << parameter->name;
    }
  }
}

TEST(ParameterGroup, MistakesAreNamed) {
  Parameters parameters;
  add_model(parameters);
  EXPECT_THAT(error_of(parameters, {group("a", {"blk.*"})}), HasSubstr("token_embd.weight"));
  EXPECT_THAT(error_of(parameters, {group("typo", {"blok.*"}), group("rest", {})}),
              HasSubstr("typo"));
  auto muon = group("all", {});
  muon.optimizer.kind = OptimizerKind::muon;
  EXPECT_THAT(error_of(parameters, {muon}), HasSubstr("blk.0.attn_norm.weight"));
  auto frozen = group("all", {});
  frozen.frozen = true;
  EXPECT_THAT(error_of(parameters, {frozen}), HasSubstr("frozen"));
  EXPECT_THROW(optimizer_by_name("adam"), Error);
}

}  // namespace
}  // namespace jielong
