#include "evaluate/yaml_section.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "base/quote.h"
#include "base/similar.h"

namespace jielong {
namespace {

constexpr std::size_t kMaxBytes = 1 << 20, kMaxEntries = 4096;

}  // namespace

YamlSection::YamlSection(const YAML::Node& node, std::string file, std::string path)
    : file_(std::move(file)), path_(std::move(path)), node_(node) {
  if (!node.IsMap()) {
    throw bad_input((path_.empty() ? "the file" : path_) + " must be a section with keys",
                    place(node));
  }
  if (node.size() > kMaxEntries) {
    throw Error(ErrorKind::limit, fmt::format("has more than {} keys", kMaxEntries), place(node));
  }
  for (const auto& entry : node) {
    if (!entry.first.IsScalar()) throw bad_input("a key must be a word", place(entry.first));
    const std::string key = entry.first.Scalar();
    for (const auto& [other, value] : given_) {
      if (other == key) {
        throw bad_input("the key " + in_quotes(key, 60) + " is given twice", place(entry.first));
      }
    }
    given_.emplace_back(key, entry.second);
  }
}

std::string YamlSection::full(const std::string& key) const {
  if (path_.empty()) return key;
  return key.empty() ? path_ : path_ + "." + key;
}

std::string YamlSection::place(const YAML::Node& node) const {
  if (node.Mark().is_null()) return file_;
  return fmt::format("{}:{}", file_, node.Mark().line + 1);
}

void YamlSection::fail(const std::string& problem, const std::string& key,
                       const std::string& fix) const {
  YAML::Node node = node_;
  for (const auto& [name, value] : given_) {
    if (name == key) node.reset(value);
  }
  throw bad_input(full(key) + " " + problem, place(node), fix);
}

YAML::Node YamlSection::find(const std::string& key) {
  known_.push_back(key);
  for (const auto& [name, value] : given_) {
    if (name == key) return value;
  }
  return YAML::Node(YAML::NodeType::Undefined);
}

bool YamlSection::has(const std::string& key) const {
  return std::any_of(given_.begin(), given_.end(),
                     [&](const auto& entry) { return entry.first == key; });
}

std::string YamlSection::scalar(const YAML::Node& node, const std::string& key,
                                const char* expected) const {
  if (!node.IsScalar()) fail(expected, key);
  return node.Scalar();
}

std::int64_t YamlSection::whole(const YAML::Node& node, const std::string& key, std::int64_t low,
                                std::int64_t high) const {
  const std::string text = scalar(node, key, "must be a whole number");
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    fail("must be a whole number, not " + in_quotes(text, 40), key);
  }
  if (value < low || value > high) {
    fail(fmt::format("must lie between {} and {}, not {}", low, high, value), key);
  }
  return value;
}

void YamlSection::text(const std::string& key, std::string& value) {
  if (const YAML::Node node = find(key)) value = scalar(node, key, "must be a text");
}

void YamlSection::count(const std::string& key, std::int64_t& value, std::int64_t low,
                        std::int64_t high) {
  if (const YAML::Node node = find(key)) value = whole(node, key, low, high);
}

void YamlSection::number(const std::string& key, double& value, double low, double high) {
  const YAML::Node node = find(key);
  if (!node) return;
  const std::string text = scalar(node, key, "must be a number");
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    fail("must be a number, not " + in_quotes(text, 40), key);
  }
  if (!(value >= low && value <= high)) {
    fail(fmt::format("must lie between {} and {}, not {}", low, high, text), key);
  }
}

void YamlSection::flag(const std::string& key, bool& value) {
  const YAML::Node node = find(key);
  if (!node) return;
  const std::string text = scalar(node, key, "must be true or false");
  if (text != "true" && text != "false") {
    fail("must be true or false, not " + in_quotes(text, 40), key);
  }
  value = text == "true";
}

void YamlSection::counts(const std::string& key, std::vector<std::int64_t>& value, std::int64_t low,
                         std::int64_t high) {
  const YAML::Node node = find(key);
  if (!node) return;
  if (!node.IsSequence() || node.size() == 0 || node.size() > kMaxEntries) {
    fail("must be a list of whole numbers", key);
  }
  value.clear();
  for (const YAML::Node& entry : node) value.push_back(whole(entry, key, low, high));
}

void YamlSection::texts(const std::string& key, std::vector<std::string>& value) {
  const YAML::Node node = find(key);
  if (!node) return;
  if (!node.IsSequence() || node.size() > kMaxEntries) fail("must be a list of texts", key);
  value.clear();
  for (const YAML::Node& entry : node) value.push_back(scalar(entry, key, "must hold texts"));
}

void YamlSection::section(const std::string& key, const Visit& visit) {
  const YAML::Node node = find(key);
  if (!node) return;
  YamlSection inside(node, file_, full(key));
  visit(inside);
  inside.finish();
}

void YamlSection::named_sections(
    const std::string& key,
    const std::function<void(const std::string& name, YamlSection&)>& visit) {
  section(key, [&](YamlSection& names) {
    for (const auto& [name, node] : names.given_) {
      names.section(name, [&, &called = name](YamlSection& one) { visit(called, one); });
    }
  });
}

std::vector<std::pair<std::string, std::string>> YamlSection::named_values(const std::string& key) {
  std::vector<std::pair<std::string, std::string>> values;
  section(key, [&](YamlSection& names) {
    for (const auto& [name, node] : names.given_) {
      std::string value;
      names.text(name, value);
      // What was quoted is a text for whoever reads the value, too.
      if (node.Tag() == "!") value = dump(OrderedJson(value));
      values.emplace_back(name, value);
    }
  });
  return values;
}

void YamlSection::list(const std::string& key, const Visit& visit) {
  const YAML::Node node = find(key);
  if (!node) return;
  if (!node.IsSequence() || node.size() > kMaxEntries) fail("must be a list of sections", key);
  std::size_t index = 0;
  for (const YAML::Node& entry : node) {
    YamlSection inside(entry, file_, fmt::format("{}.{}", full(key), index++));
    visit(inside);
    inside.finish();
  }
}

void YamlSection::finish() const {
  for (const auto& [key, value] : given_) {
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    std::string known;
    for (const std::string& one : known_) known += (known.empty() ? "" : ", ") + one;
    const auto similar = most_similar(key, known_);
    throw bad_input(in_quotes(key, 60) + " is no key of " + (path_.empty() ? "this file" : path_),
                    place(value),
                    similar ? "did you mean \"" + *similar + "\"?" : "known here: " + known);
  }
}

void read_yaml(const std::string& text, const std::string& file, const YamlSection::Visit& visit) {
  if (text.size() > kMaxBytes) {
    throw Error(ErrorKind::limit, fmt::format("has more than {} bytes", kMaxBytes), file);
  }
  try {
    YamlSection whole(YAML::Load(text), file, {});
    visit(whole);
    whole.finish();
  } catch (const YAML::Exception& error) {
    throw bad_input("is not YAML: " + error.msg,
                    error.mark.is_null() ? file : fmt::format("{}:{}", file, error.mark.line + 1));
  }
}

}  // namespace jielong
