#pragma once

#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace jielong {

/// Reads one section of a YAML file key by key. What was given but never asked for is an error that
/// suggests the key that was probably meant; every error names file and line.
class YamlSection {
 public:
  /// @param file  names the file in messages
  /// @param path  of the section, as "variants.deep"; empty: the whole file
  YamlSection(const YAML::Node& node, std::string file, std::string path);

  bool has(const std::string& key) const;
  /// Each leaves `value` alone when the key is not given.
  void text(const std::string& key, std::string& value);
  void count(const std::string& key, std::int64_t& value, std::int64_t low, std::int64_t high);
  void number(const std::string& key, double& value, double low, double high);
  void flag(const std::string& key, bool& value);
  void counts(const std::string& key, std::vector<std::int64_t>& value, std::int64_t low,
              std::int64_t high);
  void texts(const std::string& key, std::vector<std::string>& value);

  using Visit = std::function<void(YamlSection&)>;
  void section(const std::string& key, const Visit& visit);
  /// A section with keys of one's own choice; visits each entry, in order.
  void named_sections(const std::string& key,
                      const std::function<void(const std::string& name, YamlSection&)>& visit);
  /// The same with values that are scalars: their text as it was written.
  std::vector<std::pair<std::string, std::string>> named_values(const std::string& key);
  void list(const std::string& key, const Visit& visit);

  /// Throws when a key was given that nobody asked for.
  void finish() const;
  [[noreturn]] void fail(const std::string& problem, const std::string& key = {},
                         const std::string& fix = {}) const;

 private:
  YAML::Node find(const std::string& key);
  std::string full(const std::string& key) const;
  std::string place(const YAML::Node& node) const;
  std::string scalar(const YAML::Node& node, const std::string& key, const char* expected) const;
  std::int64_t whole(const YAML::Node& node, const std::string& key, std::int64_t low,
                     std::int64_t high) const;

  std::string file_, path_;
  YAML::Node node_;
  std::vector<std::pair<std::string, YAML::Node>> given_;
  std::vector<std::string> known_;
};

/// Parses a file of at most 1 MiB and visits all of it. Throws Error(bad_input | limit).
void read_yaml(const std::string& text, const std::string& file, const YamlSection::Visit& visit);

}  // namespace jielong
