// Random walks under the masks of many schemas, for an independent validator to judge:
//     JIELONG_WALKS=walks.jsonl test_generate --gtest_filter='JsonSchemaWalks*'
//     python3 tests/generate/goldens/check_walks.py walks.jsonl
// With JIELONG_JSON_SCHEMA_SUITE set, the suite's schemas are walked as well.

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "generate/constraint/grammar.h"
#include "generate/constraint/walk.h"

namespace jielong {
namespace {

std::vector<OrderedJson> schemas() {
  std::vector<OrderedJson> all;
  const std::string own = std::string(JIELONG_TEST_DATA) + "/generate/goldens/json_schemas.json";
  for (const OrderedJson& schema : parse_ordered_json(read_file(own, 1 << 20), own)) {
    all.push_back(schema);
  }
  if (const char* suite = std::getenv("JIELONG_JSON_SCHEMA_SUITE")) {
    for (const auto& file : std::filesystem::directory_iterator(suite)) {
      if (file.path().extension() != ".json") continue;
      for (const OrderedJson& group :
           parse_ordered_json(read_file(file.path(), 16 << 20), file.path().string())) {
        all.push_back(group["schema"]);
      }
    }
  }
  return all;
}

TEST(JsonSchemaWalks, AreJsonAndOfTheGrammar) {
  const char* out = std::getenv("JIELONG_WALKS");
  std::ofstream file;
  if (out != nullptr) file.open(out);
  const auto trie = small_vocabulary();
  Rng rng(2);
  int finished = 0;
  for (const OrderedJson& schema : schemas()) {
    Grammar::Pointer grammar;
    try {
      grammar = Grammar::from_json_schema(schema.dump());
    } catch (const Error&) {
      continue;
    }
    const MakeConstraint make = constrain(grammar, trie);
    for (int walk = 0; walk < (out != nullptr ? 40 : 2); ++walk) {
      const auto text = random_walk(make, *trie, rng, 300);
      if (!text) continue;
      ++finished;
      EXPECT_TRUE(grammar->matches(*text)) << schema << "\n" << *text;
      EXPECT_TRUE(OrderedJson::accept(*text)) << schema << "\n" << *text;
      if (file.is_open()) file << OrderedJson{{"schema", schema}, {"text", *text}} << "\n";
    }
  }
  EXPECT_GT(finished, 10);
}

}  // namespace
}  // namespace jielong
