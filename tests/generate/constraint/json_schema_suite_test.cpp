// The official JSON-Schema-Test-Suite, which is not part of this repository:
//     git clone https://github.com/json-schema-org/JSON-Schema-Test-Suite
// and in its folder, with the path of test_generate:
//     export JIELONG_JSON_SCHEMA_SUITE=$PWD/tests/draft2020-12
//     test_generate --gtest_filter='JsonSchemaSuite*'
// An invalid instance must never be accepted. A valid one may be refused only because of how
// JSON is written (the order of properties is tried out; what is left is counted).

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "generate/constraint/grammar.h"

namespace jielong {
namespace {

constexpr std::size_t kMostSpellings = 400;

/// The ways to write a value: every order of properties, whole numbers without a fraction.
std::vector<std::string> spellings(const OrderedJson& value) {
  if (value.is_number_float()) {
    const double number = value.get<double>();
    if (number == std::floor(number) && std::abs(number) < 1e15) {
      return {value.dump(), std::to_string(static_cast<std::int64_t>(number))};
    }
  }
  if (!value.is_structured()) return {value.dump()};
  std::vector<std::vector<std::string>> parts;
  for (auto item = value.begin(); item != value.end(); ++item) {
    parts.push_back(spellings(*item));
    if (!value.is_object()) continue;
    for (std::string& text : parts.back()) text = OrderedJson(item.key()).dump() + ":" + text;
  }
  std::vector<std::size_t> order(parts.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::vector<std::string> texts;
  do {
    std::vector<std::string> joined = {value.is_object() ? "{" : "["};
    for (std::size_t i = 0; i < order.size(); ++i) {
      std::vector<std::string> longer;
      for (const std::string& text : joined) {
        for (const std::string& part : parts[order[i]]) {
          if (longer.size() < kMostSpellings) longer.push_back(text + (i > 0 ? "," : "") + part);
        }
      }
      joined = std::move(longer);
    }
    for (const std::string& text : joined) texts.push_back(text + (value.is_object() ? "}" : "]"));
  } while (value.is_object() && texts.size() < kMostSpellings &&
           std::next_permutation(order.begin(), order.end()));
  return texts;
}

TEST(JsonSchemaSuite, NothingInvalidIsAccepted) {
  const char* folder = std::getenv("JIELONG_JSON_SCHEMA_SUITE");
  if (folder == nullptr) GTEST_SKIP() << "set JIELONG_JSON_SCHEMA_SUITE to its folder";
  int schemas = 0, compiled = 0, valid = 0, accepted = 0, invalid = 0, outside = 0;
  std::map<std::string, int> refusals;
  std::string missed;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    if (file.path().extension() != ".json") continue;
    const std::string name = file.path().stem().string();
    for (const OrderedJson& group : parse_ordered_json(read_file(file.path(), 16 << 20), name)) {
      ++schemas;
      Grammar::Pointer grammar;
      try {
        grammar = Grammar::from_json_schema(group["schema"].dump());
      } catch (const Error& error) {
        ++refusals[std::string(error.kind() == ErrorKind::unsupported ? "unsupported: "
                                                                      : "error: ") +
                   error.problem()];
        const bool unsatisfiable =
            error.kind() == ErrorKind::bad_input && error.problem() == "no text can match";
        for (const OrderedJson& test : group["tests"]) {
          if (!unsatisfiable) {
            ++outside;
          } else if (!test["valid"].get<bool>()) {
            ++invalid;
          } else {
            ++valid;
            missed +=
                fmt::format("{}: {}: {}\n", name, group["description"].dump(), test["data"].dump());
          }
        }
        continue;
      }
      ++compiled;
      for (const OrderedJson& test : group["tests"]) {
        const std::vector<std::string> texts = spellings(test["data"]);
        const bool matched = std::any_of(texts.begin(), texts.end(),
                                         [&](const auto& text) { return grammar->matches(text); });
        if (!test["valid"].get<bool>()) {
          ++invalid;
          EXPECT_FALSE(matched) << name << ": " << group["description"] << ": "
                                << test["description"] << "\n"
                                << group["schema"] << "\n"
                                << test["data"];
          continue;
        }
        ++valid;
        accepted += matched ? 1 : 0;
        if (!matched) {
          missed += fmt::format("{}: {}: {}: {}\n", name, group["description"].dump(),
                                test["description"].dump(), test["data"].dump());
        }
      }
    }
  }
  fmt::print(
      "{} schemas, {} compiled; of their instances {} invalid, all refused; {} valid, {} "
      "accepted, {} refused by form; {} instances of refused schemas\n",
      schemas, compiled, invalid, valid, accepted, valid - accepted, outside);
  for (const auto& [reason, count] : refusals) fmt::print("  {:3} {}\n", count, reason);
  if (std::getenv("JIELONG_JSON_SCHEMA_MISSED") != nullptr) fmt::print("{}", missed);
  EXPECT_GT(compiled, schemas / 2);
}

}  // namespace
}  // namespace jielong
