#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/quote.h"
#include "base/similar.h"
#include "train/recipe_fields.h"

namespace jielong {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxBytes = 1 << 20, kMaxText = 1 << 16, kMaxEntries = 1024;
constexpr int kMaxExtends = 8;

/// The dotted names of everything that a recipe may say, entries of lists without their number.
class KeyCollector : public RecipeVisitor {
 public:
  void flag(const char* name, bool&, const char*) override { add(name); }
  void count(const char* name, std::int64_t&, const char*, NumberRange) override { add(name); }
  void number(const char* name, double&, const char*, NumberRange) override { add(name); }
  void text(const char* name, std::string&, const char*, TextKind) override { add(name); }
  void choice(const char* name, std::string&, const char*,
              const std::vector<std::string>&) override {
    add(name);
  }
  void texts(const char* name, std::vector<std::string>&, const char*) override { add(name); }
  void section(const char* name, const char*, const Inside& inside) override {
    add(name);
    const std::string outer = std::exchange(prefix_, prefix_ + name + ".");
    inside();
    prefix_ = outer;
  }
  void sections(const char* name, const char* help, const Items& items) override {
    section(name, help, items.visit_default);
  }

  std::vector<std::string> keys;

 private:
  void add(const char* name) { keys.push_back(prefix_ + name); }
  std::string prefix_;
};

/// Where in a recipe some other key of that last name stands.
std::optional<std::string> key_elsewhere(const std::string& name) {
  KeyCollector collector;
  Recipe recipe;
  std::string extends;
  visit_recipe(collector, recipe, extends);
  for (const std::string& key : collector.keys) {
    if (key.ends_with("." + name)) return key;
  }
  return std::nullopt;
}

/// What a plain scalar is in YAML 1.2's core schema; scalars in quotes are text.
enum class ScalarKind { text, nothing, flag, number };

bool is_number(std::string_view text) {
  std::size_t at = 0;
  const auto digits = [&] {
    const std::size_t begin = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
    return at - begin;
  };
  const auto sign = [&] {
    if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
  };
  sign();
  std::size_t found = digits();
  if (at < text.size() && text[at] == '.') {
    ++at;
    found += digits();
  }
  if (found == 0) return false;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    sign();
    if (digits() == 0) return false;
  }
  return at == text.size();
}

ScalarKind kind_of(const YAML::Node& node) {
  if (node.IsNull()) return ScalarKind::nothing;
  if (node.Tag() == "!" || node.Tag() == "tag:yaml.org,2002:str") return ScalarKind::text;
  const std::string& text = node.Scalar();
  for (const char* word : {"true", "True", "TRUE", "false", "False", "FALSE"}) {
    if (text == word) return ScalarKind::flag;
  }
  return is_number(text) ? ScalarKind::number : ScalarKind::text;
}

std::string describe(const YAML::Node& node) {
  if (node.IsSequence()) return "a list";
  if (node.IsMap()) return "a section";
  if (!node.IsScalar()) return "nothing";
  switch (kind_of(node)) {
    case ScalarKind::flag: return in_quotes(node.Scalar(), 40) + " without quotes";
    case ScalarKind::number: return "the number " + node.Scalar().substr(0, 40);
    default: return "the text " + in_quotes(node.Scalar(), 40);
  }
}

/// Where a layer of settings comes from.
struct Layer {
  std::string where;  ///< the file, or the override itself
  fs::path folder;    ///< what paths are relative to
  bool is_file = true;
};

class Reader : public RecipeVisitor {
 public:
  Reader(Layer layer, Recipe& recipe) : layer_(std::move(layer)), recipe_(recipe) {}

  void read(const YAML::Node& root) {
    if (root.IsNull()) return;
    std::string extends;
    inside(root, "", [&] { visit_recipe(*this, recipe_, extends); });
  }

  void flag(const char* name, bool& value, const char*) override {
    const auto node = find(name);
    if (!node) return;
    if (!node->IsScalar() || kind_of(*node) != ScalarKind::flag) {
      wrong(name, *node, "must be true or false");
    }
    value = node->Scalar().front() == 't' || node->Scalar().front() == 'T';
  }

  void number(const char* name, double& value, const char*, NumberRange range) override {
    if (const auto node = find(name)) value = number_of(name, *node, "must be a number", range);
  }

  void count(const char* name, std::int64_t& value, const char*, NumberRange range) override {
    const auto node = find(name);
    if (!node) return;
    const double number = number_of(name, *node, "must be a whole number", range);
    if (std::floor(number) != number || std::abs(number) > 1e15) {
      wrong(name, *node, "must be a whole number");
    }
    value = static_cast<std::int64_t>(number);
  }

  void text(const char* name, std::string& value, const char*, TextKind kind) override {
    const auto node = find(name);
    if (!node) return;
    const std::string text = text_of(name, *node);
    if (kind == TextKind::recipe) {
      if (!layer_.is_file) throw bad_input("can only be said in a file", line_of(*node));
      return;  // the other recipe has been read already
    }
    value = kind == TextKind::plain ? text : resolved(text, kind);
  }

  void choice(const char* name, std::string& value, const char*,
              const std::vector<std::string>& choices) override {
    const auto node = find(name);
    if (!node) return;
    const std::string text = text_of(name, *node);
    if (std::find(choices.begin(), choices.end(), text) == choices.end()) {
      std::string list;
      for (const std::string& one : choices) {
        if (!one.empty()) list += (list.empty() ? "" : ", ") + one;
      }
      const auto similar = most_similar(text, choices);
      throw bad_input(full(name) + " is " + in_quotes(text, 40) + ", which is none of " + list,
                      line_of(*node),
                      similar && !similar->empty() ? "did you mean " + *similar + "?" : "");
    }
    value = text;
  }

  void texts(const char* name, std::vector<std::string>& value, const char*) override {
    const auto node = find(name);
    if (!node) return;
    if (!node->IsSequence()) wrong(name, *node, "must be a list of texts");
    limit_entries(name, *node);
    std::vector<std::string> read;
    for (const YAML::Node& entry : *node) read.push_back(text_of(name, entry));
    value = std::move(read);
  }

  void section(const char* name, const char*, const Inside& visit) override {
    if (const auto node = find(name)) {
      if (!node->IsMap()) wrong(name, *node, "must be a section with keys");
      inside(*node, full(name), visit);
    }
  }

  void sections(const char* name, const char*, const Items& items) override {
    const auto node = find(name);
    if (!node) return;
    // An override may name one entry by its number.
    if (!layer_.is_file && node->IsMap()) return one_section(name, *node, items);
    if (!node->IsSequence()) wrong(name, *node, "must be a list");
    limit_entries(name, *node);
    items.resize(0);
    items.resize(node->size());
    std::size_t index = 0;
    for (const YAML::Node& entry : *node) {
      const std::string key = fmt::format("{}.{}", full(name), index);
      if (!entry.IsMap()) wrong(name, entry, "must be a list of sections with keys");
      inside(entry, key, [&] { items.visit(index); });
      ++index;
    }
  }

 private:
  struct Frame {
    std::string path;
    std::vector<std::pair<std::string, YAML::Node>> given;
    std::vector<std::string> known;
  };

  std::string full(const std::string& name) const {
    const std::string& path = frames_.back().path;
    return path.empty() ? name : path + "." + name;
  }

  std::string line_of(const YAML::Node& node) const {
    if (!layer_.is_file) return layer_.where;
    return fmt::format("{}:{}", layer_.where, node.Mark().line + 1);
  }

  [[noreturn]] void wrong(const std::string& name, const YAML::Node& node,
                          const std::string& expected) const {
    std::string fix;
    if (node.IsNull()) fix = "leave the key out, or give it a value";
    throw bad_input(full(name) + " " + expected + ", not " + describe(node), line_of(node), fix);
  }

  void limit_entries(const std::string& name, const YAML::Node& node) const {
    if (node.size() <= kMaxEntries) return;
    throw Error(ErrorKind::limit,
                fmt::format("{} has more than {} entries", full(name), kMaxEntries), line_of(node));
  }

  /// Reads a map: `visit` asks for what it knows, and what it does not know is an error.
  void inside(const YAML::Node& node, const std::string& path, const Inside& visit) {
    Frame frame;
    frame.path = path;
    if (!node.IsMap()) {
      throw bad_input("a recipe is a list of keys such as \"model:\", not " + describe(node),
                      line_of(node));
    }
    if (node.size() > kMaxEntries) {
      throw Error(ErrorKind::limit, fmt::format("has more than {} keys", kMaxEntries),
                  line_of(node));
    }
    for (const auto& entry : node) {
      if (!entry.first.IsScalar()) {
        throw bad_input("a key must be a word, not " + describe(entry.first), line_of(entry.first));
      }
      const std::string key = entry.first.Scalar();
      for (const auto& [other, first] : frame.given) {
        if (other == key) {
          throw bad_input("the key " + in_quotes(key, 60) + " is given twice",
                          line_of(entry.first));
        }
      }
      frame.given.emplace_back(key, entry.second);
    }
    frames_.push_back(std::move(frame));
    visit();
    finish(node);
    frames_.pop_back();
  }

  void finish(const YAML::Node& node) const {
    const Frame& frame = frames_.back();
    for (const auto& entry : node) {
      const std::string& key = entry.first.Scalar();
      if (std::find(frame.known.begin(), frame.known.end(), key) != frame.known.end()) continue;
      std::string shown = in_quotes(key, 60);
      std::string fix;
      if (const auto similar = most_similar(key, frame.known)) {
        fix = "did you mean \"" + *similar + "\"?";
      } else if (const auto elsewhere = key_elsewhere(key)) {
        fix = "did you mean \"" + *elsewhere + "\"?";
      } else {
        fix = frame.path.empty() ? "see docs/guide/training.md for all keys"
                                 : "known here: " + joined(frame.known);
      }
      throw bad_input(shown + (frame.path.empty() ? " is no key of a recipe"
                                                  : " is no key of \"" + frame.path + "\""),
                      line_of(entry.first), fix);
    }
  }

  static std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
    return text;
  }

  /// The value of a key that is known here; nothing when it was not given.
  std::optional<YAML::Node> find(const char* name) {
    Frame& frame = frames_.back();
    frame.known.emplace_back(name);
    for (const auto& [key, node] : frame.given) {
      if (key != name) continue;
      recipe_.places[full(name)] = line_of(node);
      return node;
    }
    return std::nullopt;
  }

  double number_of(const std::string& name, const YAML::Node& node, const char* expected,
                   NumberRange range) const {
    if (!node.IsScalar() || kind_of(node) != ScalarKind::number) wrong(name, node, expected);
    std::string_view text = node.Scalar();
    if (text.front() == '+') text.remove_prefix(1);
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) wrong(name, node, expected);
    if (value >= range.low && value <= range.high) return value;
    throw bad_input(std::isinf(range.high)
                        ? fmt::format("{} must be at least {:.15g}, not {}", full(name), range.low,
                                      text.substr(0, 40))
                        : fmt::format("{} must lie between {:.15g} and {:.15g}, not {}", full(name),
                                      range.low, range.high, text.substr(0, 40)),
                    line_of(node));
  }

  std::string text_of(const std::string& name, const YAML::Node& node) const {
    if (!node.IsScalar() || kind_of(node) == ScalarKind::nothing) {
      wrong(name, node, "must be a text");
    }
    const std::string& text = node.Scalar();
    if (kind_of(node) != ScalarKind::text) {
      throw bad_input(full(name) + " must be a text, not " + describe(node), line_of(node),
                      "put it in quotes: \"" + text.substr(0, 40) + "\"");
    }
    if (text.size() > kMaxText) {
      throw Error(ErrorKind::limit, fmt::format("{} has more than {} bytes", full(name), kMaxText),
                  line_of(node));
    }
    return text;
  }

  std::string resolved(const std::string& text, TextKind kind) const {
    if (text.empty() || fs::path(text).is_absolute()) return text;
    const bool is_name = kind == TextKind::model && !text.starts_with(".") &&
                         (text.find('/') == std::string::npos || text.starts_with("hf:")) &&
                         !text.ends_with(".gguf") && !text.ends_with(".json");
    return is_name ? text : (layer_.folder / text).lexically_normal().string();
  }

  void one_section(const char* name, const YAML::Node& node, const Items& items) {
    for (const auto& entry : node) {
      const std::string& key = entry.first.Scalar();
      std::size_t index = 0;
      const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), index);
      if (error != std::errc() || end != key.data() + key.size() || index >= items.size()) {
        throw bad_input(fmt::format("{} is a list of {} entries, which {} does not number",
                                    full(name), items.size(), in_quotes(key, 40)),
                        layer_.where);
      }
      if (!entry.second.IsMap()) wrong(name, entry.second, "has entries with keys");
      inside(entry.second, full(name) + "." + key, [&] { items.visit(index); });
    }
  }

  Layer layer_;
  Recipe& recipe_;
  std::vector<Frame> frames_;
};

YAML::Node load_yaml(const std::string& text, const std::string& where, bool is_file) {
  try {
    return YAML::Load(text);
  } catch (const YAML::Exception& error) {
    throw bad_input("is not YAML: " + error.msg,
                    is_file && !error.mark.is_null()
                        ? fmt::format("{}:{}", where, error.mark.line + 1)
                        : where);
  }
}

void read_layer(const YAML::Node& node, Layer layer, Recipe& recipe) {
  const std::string where = layer.where;
  try {
    Reader(std::move(layer), recipe).read(node);
  } catch (const YAML::Exception& error) {
    throw bad_input("is not YAML: " + error.msg, where);
  }
}

void read_override(const std::string& text, Recipe& recipe) {
  const std::string where = "--set " + text.substr(0, 200);
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw bad_input("is no setting", where, "give it as model.layers=4");
  }
  if (text.size() > kMaxText) throw Error(ErrorKind::limit, "is too long", where);
  YAML::Node node = load_yaml(text.substr(equals + 1), where, false);
  if (node.IsNull() && equals + 1 == text.size()) {
    node = YAML::Node("");
    node.SetTag("!");
  }
  std::string path = text.substr(0, equals);
  for (int depth = 0; !path.empty(); ++depth) {
    const std::size_t dot = path.rfind('.');
    const std::string part = path.substr(dot == std::string::npos ? 0 : dot + 1);
    if (part.empty() || depth > 8) {
      throw bad_input("is no setting", where, "give it as model.layers=4");
    }
    YAML::Node outer(YAML::NodeType::Map);
    outer[part] = node;
    node.reset(outer);
    path.resize(dot == std::string::npos ? 0 : dot);
  }
  read_layer(node, {where, fs::current_path(), false}, recipe);
}

/// What a file says that it extends; empty: nothing.
std::string extended_by(const YAML::Node& root) {
  if (!root.IsMap()) return {};
  for (const auto& entry : root) {
    if (entry.first.IsScalar() && entry.first.Scalar() == "extends" && entry.second.IsScalar()) {
      return entry.second.Scalar();
    }
  }
  return {};
}

void read_file_layers(const fs::path& file, Recipe& recipe, int depth) {
  const std::string where = file.string();
  if (depth > kMaxExtends) {
    throw Error(ErrorKind::limit,
                fmt::format("recipes extend each other more than {} times", kMaxExtends), where);
  }
  const YAML::Node root = load_yaml(read_file(file, kMaxBytes), where, true);
  const fs::path folder = fs::absolute(file).parent_path();
  const std::string base = extended_by(root);
  if (!base.empty()) read_file_layers((folder / base).lexically_normal(), recipe, depth + 1);
  read_layer(root, {where, folder, true}, recipe);
}

/// "stories" for stories.yaml and for stories/recipe.yaml.
std::string name_of(const fs::path& file) {
  const std::string stem = file.stem().string();
  return stem == "recipe" ? fs::absolute(file).parent_path().filename().string() : stem;
}

}  // namespace

Recipe parse_recipe(std::string_view yaml, const std::string& where, const fs::path& folder,
                    const std::vector<std::string>& overrides) {
  if (yaml.size() > kMaxBytes) {
    throw Error(ErrorKind::limit, fmt::format("has more than {} bytes", kMaxBytes), where);
  }
  Recipe recipe;
  const YAML::Node root = load_yaml(std::string(yaml), where, true);
  if (!extended_by(root).empty()) {
    throw Error(ErrorKind::unsupported, "only a recipe in a file may extend another one", where);
  }
  read_layer(root, {where, folder, true}, recipe);
  for (const std::string& text : overrides) read_override(text, recipe);
  if (recipe.name.empty()) recipe.name = "run";
  check_recipe(recipe);
  return recipe;
}

Recipe read_recipe(const fs::path& file, const std::vector<std::string>& overrides) {
  Recipe recipe;
  read_file_layers(file, recipe, 0);
  for (const std::string& text : overrides) read_override(text, recipe);
  if (recipe.name.empty()) recipe.name = name_of(file);
  check_recipe(recipe);
  return recipe;
}

std::string Recipe::place(const std::string& key) const {
  const auto found = places.find(key);
  return found == places.end() ? key : found->second;
}

}  // namespace jielong
