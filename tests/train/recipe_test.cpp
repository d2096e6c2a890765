#include "train/recipe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/scratch.h"

namespace jielong {
namespace {

using testing::HasSubstr;

constexpr const char* kSmall = R"(name: small
model: {layers: 2, channels: 64, heads: 4}
data:
  sources:
    - path: texts/*.txt
budget: {steps: 10}
)";

Recipe parse(const std::string& yaml, const std::vector<std::string>& overrides = {}) {
  return parse_recipe(yaml, "r.yaml", "/data", overrides);
}

/// The whole message of the error that reading ends in.
std::string error_of(const std::string& yaml, const std::vector<std::string>& overrides = {}) {
  try {
    parse(yaml, overrides);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Recipe, ReadsWhatIsGivenAndKeepsDefaults) {
  const Recipe recipe = parse(kSmall);
  EXPECT_EQ(recipe.name, "small");
  EXPECT_EQ(recipe.model.layers, 2);
  EXPECT_EQ(recipe.model.family, ModelRecipe().family);
  ASSERT_EQ(recipe.data.sources.size(), 1U);
  EXPECT_EQ(recipe.data.sources[0].path, "/data/texts/*.txt");
  EXPECT_EQ(recipe.place("model.layers"), "r.yaml:2");
  EXPECT_EQ(recipe.place("model.context"), "model.context");
}

TEST(Recipe, WrittenOutItSaysTheSame) {
  Recipe recipe =
      parse(kSmall, {"samples.prompts=[\"Once, \\\"she\\\"\\n# said: 她說\", \"- x\", \"\"]",
                     "optimizer.groups=[{match: [token_embd.weight], learning_rate: 1e-5}, "
                     "{match: ['blk.0.*', \"*norm*\"], frozen: true}]",
                     "optimizer.epsilon=1e-20", "optimizer.kind=muon", "about=\"true\"",
                     "data.sources.0.separator=\"<|end|>\\n\""});
  const std::string text = write_recipe(recipe);
  const Recipe again = parse_recipe(text, "again", "/elsewhere");
  EXPECT_EQ(write_recipe(again), text);
  EXPECT_EQ(again.samples.prompts, recipe.samples.prompts);
  EXPECT_EQ(again.optimizer.groups[1].match, recipe.optimizer.groups[1].match);
  EXPECT_EQ(again.optimizer.epsilon, 1e-20);
  EXPECT_EQ(again.about, "true");
  EXPECT_EQ(again.data.sources[0].path, "/data/texts/*.txt");
}

TEST(Recipe, UnknownKeysAreErrorsWithLineAndSuggestion) {
  EXPECT_THAT(error_of("name: a\nmodle:\n  layers: 2\n"),
              testing::AllOf(HasSubstr("r.yaml:2"), HasSubstr("did you mean \"model\"?")));
  EXPECT_THAT(error_of("model:\n  layers: 2\n  haeds: 2\n"),
              testing::AllOf(HasSubstr("r.yaml:3"), HasSubstr("did you mean \"heads\"?")));
  EXPECT_THAT(error_of("learning_rate: 0.1\n"),
              HasSubstr("did you mean \"optimizer.learning_rate\"?"));
  EXPECT_THAT(error_of("data:\n  sources:\n  - path: a\n    wieght: 2\n"),
              testing::AllOf(HasSubstr("r.yaml:4"), HasSubstr("\"weight\"")));
  EXPECT_THAT(error_of("batch: {frobnicate: 1}\n"), HasSubstr("known here: sequences"));
  EXPECT_THAT(error_of("seed: 1\nseed: 2\n"), HasSubstr("given twice"));
}

TEST(Recipe, WrongTypesAreErrorsThatNameTheKey) {
  struct Case {
    const char *yaml, *message;
  };
  for (const Case& wrong :
       {Case{"model: {layers: two}", "model.layers must be a whole number, not the text \"two\""},
        {"model: {layers: 2.5}", "model.layers must be a whole number"},
        {"model: {layers: \"2\"}", "not the text \"2\""},
        {"model: {layers: }", "not nothing"},
        {"model: {layers: [1]}", "not a list"},
        {"model: 5", "model must be a section with keys, not the number 5"},
        {"model: {tied_embeddings: yes}", "must be true or false, not the text \"yes\""},
        {"name: 7", "put it in quotes: \"7\""},
        {"model: {layers: 0}", "model.layers must lie between 1 and 1024, not 0"},
        {"optimizer: {learning_rate: -1}", "must lie between 0 and 1000"},
        {"optimizer: {kind: adam}", "did you mean adamw?"},
        {"data: {sources: texts}", "data.sources must be a list, not the text \"texts\""},
        {"data: {sources: [texts]}", "must be a list of sections"},
        {"samples: {prompts: hello}", "samples.prompts must be a list of texts"},
        {"seed: .inf", "must be a whole number"},
        {"seed: 1e400", "must be a whole number"},
        {"- a\n- b", "a recipe is a list of keys"},
        {"a: [1, 2", "is not YAML"},
        {"? [x]\n: 1", "a key must be a word"},
        {"<<: {seed: 1}", "is no key of a recipe"}}) {
    EXPECT_THAT(error_of(wrong.yaml), HasSubstr(wrong.message)) << wrong.yaml;
  }
}

TEST(Recipe, WholeNumbersMayBeWrittenWithAnExponent) {
  EXPECT_EQ(parse(std::string(kSmall), {"budget.tokens=2e7"}).budget.tokens, 20'000'000);
}

TEST(Recipe, PartsThatDoNotFitTogetherAreErrors) {
  const std::string small = kSmall;
  EXPECT_THAT(error_of(small, {"model.heads=3"}), HasSubstr("cannot be split into 3 heads"));
  EXPECT_THAT(error_of(small, {"model.kv_heads=3"}), HasSubstr("key and value heads"));
  EXPECT_THAT(error_of(small, {"batch.length=512"}), HasSubstr("longer than the model's context"));
  EXPECT_THAT(error_of(small, {"budget.steps=0"}), HasSubstr("never end"));
  EXPECT_THAT(error_of(small, {"name=../x"}), HasSubstr("name of a run"));
  EXPECT_THAT(error_of("budget: {steps: 1}"), HasSubstr("nothing to learn from"));
  // The line of what was said is shown even when it is wrong only beside something else.
  EXPECT_THAT(error_of("batch:\n  length: 300\n" + small), HasSubstr("r.yaml:2: sequences of 300"));
}

TEST(Recipe, OverridesComeLast) {
  const Recipe recipe =
      parse(kSmall, {"model.layers=3", "data.sources.0.weight=2", "model.from=", "samples.every=7",
                     "samples.prompts=[A, B]", "model.layers=5"});
  EXPECT_EQ(recipe.model.layers, 5);
  EXPECT_EQ(recipe.data.sources[0].weight, 2);
  EXPECT_EQ(recipe.data.sources[0].path, "/data/texts/*.txt");
  EXPECT_EQ(recipe.samples.prompts, (std::vector<std::string>{"A", "B"}));
  EXPECT_EQ(recipe.place("model.layers"), "--set model.layers=5");
  EXPECT_THAT(
      error_of(kSmall, {"model.layer=3"}),
      testing::AllOf(HasSubstr("--set model.layer=3"), HasSubstr("did you mean \"layers\"?")));
  for (const char* bad :
       {"layers", "=3", ".a=1", "a..b=1", "data.sources.1.weight=2", "data.sources.x.weight=2",
        "extends=other.yaml", "model.layers=[", "model=3", "data.sources.0=3"}) {
    EXPECT_THAT(error_of(kSmall, {bad}), HasSubstr("--set ")) << bad;
  }
}

TEST(Recipe, ExtendsAnotherFileAndItsPathsStayTheirs) {
  const test::Scratch folder;
  std::filesystem::create_directories(folder / "variants");
  write_file(folder / "recipe.yaml", kSmall);
  write_file(folder / "variants/tiny.yaml",
             "extends: ../recipe.yaml\nname: tiny\nmodel: {layers: 1}\n"
             "tokenizer: {from: ./tokenizer.json}\n");
  const Recipe recipe = read_recipe(folder / "variants/tiny.yaml", {"batch.length=32"});
  EXPECT_EQ(recipe.name, "tiny");
  EXPECT_EQ(recipe.model.layers, 1);
  EXPECT_EQ(recipe.model.channels, 64);
  EXPECT_EQ(recipe.batch.length, 32);
  EXPECT_EQ(recipe.data.sources[0].path, (folder / "texts/*.txt").string());
  EXPECT_EQ(recipe.tokenizer.from, (folder / "variants/tokenizer.json").string());
  write_file(folder / "loop.yaml", "extends: loop.yaml\n");
  EXPECT_THROW(read_recipe(folder / "loop.yaml"), Error);
  EXPECT_THROW(read_recipe(folder / "absent.yaml"), Error);
}

TEST(Recipe, NamesOfModelsAreNoPaths) {
  const auto from = [](const std::string& text) {
    return parse(kSmall, {"model.from=" + text}).model.from;
  };
  EXPECT_EQ(from("smollm2"), "smollm2");
  EXPECT_EQ(from("hf:user/repo"), "hf:user/repo");
  EXPECT_EQ(from("/models/x"), "/models/x");
  EXPECT_TRUE(std::filesystem::path(from("x.gguf")).is_absolute());
  EXPECT_TRUE(std::filesystem::path(from("./smollm2")).is_absolute());
}

TEST(Recipe, IsNamedAfterItsFileOrFolder) {
  const test::Scratch folder;
  std::filesystem::create_directories(folder / "adder");
  const std::string nameless = std::string(kSmall).substr(12);
  write_file(folder / "adder/recipe.yaml", nameless);
  write_file(folder / "other.yaml", nameless);
  EXPECT_EQ(read_recipe(folder / "adder/recipe.yaml").name, "adder");
  EXPECT_EQ(read_recipe(folder / "other.yaml").name, "other");
}

TEST(Recipe, LimitsHold) {
  EXPECT_THAT(error_of("about: " + std::string(100'000, 'x')), HasSubstr("has more than 65536"));
  EXPECT_THAT(error_of("#" + std::string(2 << 20, 'x')), HasSubstr("has more than 1048576"));
  std::string prompts = "samples: {prompts: [";
  for (int i = 0; i < 2000; ++i) prompts += "a,";
  EXPECT_THAT(error_of(prompts + "]}"), HasSubstr("more than 1024 entries"));
  EXPECT_NE(error_of(std::string(50'000, '[')), "no error");
  EXPECT_NE(error_of("a: &a [*a, *a]\nmodel: *a\n"), "no error");
}

/// Calls `check(key, schema)` for every field of a schema that is no section.
void each_field(const OrderedJson& schema, const std::string& prefix,
                const std::function<void(const std::string&, const OrderedJson&)>& check) {
  EXPECT_EQ(schema["additionalProperties"], false) << prefix;
  for (const auto& [name, field] : schema["properties"].items()) {
    EXPECT_TRUE(field.contains("description")) << prefix << name;
    if (field["type"] == "object") {
      each_field(field, prefix + name + ".", check);
    } else if (field["type"] == "array" && field["items"]["type"] == "object") {
      each_field(field["items"], prefix + name + ".0.", check);
    } else {
      check(prefix + name, field);
    }
  }
}

// What the schema allows is read, and what it does not allow is not.
TEST(Recipe, SchemaAndParserAgree) {
  const std::string base = std::string(kSmall) + "optimizer: {groups: [{match: [x]}]}\n";
  int fields = 0;
  each_field(recipe_schema(), "", [&](const std::string& key, const OrderedJson& field) {
    if (key == "extends") return;
    ++fields;
    const auto message = [&](const OrderedJson& value) {
      return error_of(base, {key + "=" + dump(value)});
    };
    const std::string type = field["type"];
    const auto is_understood = [&](const OrderedJson& value) {
      // It may still not fit the others, but it was read.
      const std::string text = message(value);
      return text.find(key + " must") == std::string::npos &&
             text.find("none of") == std::string::npos && text.find("no key") == std::string::npos;
    };
    for (const OrderedJson& value :
         {OrderedJson(true), OrderedJson(1), OrderedJson(1.5), OrderedJson("x"),
          OrderedJson::array({"x"}), OrderedJson::object()}) {
      const bool fits = type == "boolean"   ? value.is_boolean()
                        : type == "integer" ? value.is_number_integer()
                        : type == "number"  ? value.is_number()
                        : type == "array"   ? value.is_array()
                                            : value.is_string();
      const bool in_range =
          !value.is_number() || !field.contains("minimum") ||
          (value >= field["minimum"] && (!field.contains("maximum") || value <= field["maximum"]));
      const bool allowed = fits && in_range && !field.contains("enum");
      EXPECT_EQ(is_understood(value), allowed) << key << " = " << value << ": " << message(value);
    }
    for (const OrderedJson& choice : field.value("enum", OrderedJson::array())) {
      EXPECT_TRUE(is_understood(choice)) << key << " = " << choice;
    }
    for (const char* border : {"minimum", "maximum"}) {
      if (!field.contains(border)) continue;
      EXPECT_TRUE(is_understood(field[border])) << key << ": " << message(field[border]);
      const double at = field[border].get<double>();
      const double beyond = border[1] == 'a' ? 2 * at + 1 : at - std::abs(at) - 1;
      EXPECT_FALSE(is_understood(beyond)) << key << " = " << beyond;
    }
  });
  EXPECT_GT(fields, 70);
}

TEST(Recipe, SchemaInTheRepositoryIsThatOfTheProgram) {
  const std::filesystem::path root = std::filesystem::path(JIELONG_TEST_DATA).parent_path();
  EXPECT_TRUE(read_file(root / "recipes/schema.json") == recipe_schema().dump(2) + "\n")
      << "write it anew with: jielong train --schema > recipes/schema.json";
}

}  // namespace
}  // namespace jielong
