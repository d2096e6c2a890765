#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "train/recipe_fields.h"

namespace jielong {
namespace {

/// A JSON string is a YAML one, too. Bytes that are no UTF-8 would be no YAML either.
std::string yaml_text(const std::string& text) { return dump(OrderedJson(text)); }

class Writer : public RecipeVisitor {
 public:
  void flag(const char* name, bool& value, const char* help) override {
    line(name, value ? "true" : "false", help);
  }
  void count(const char* name, std::int64_t& value, const char* help, NumberRange) override {
    line(name, std::to_string(value), help);
  }
  void number(const char* name, double& value, const char* help, NumberRange) override {
    line(name, fmt::format("{}", value), help);
  }
  void text(const char* name, std::string& value, const char* help, TextKind kind) override {
    if (kind != TextKind::recipe) line(name, yaml_text(value), help);
  }
  void choice(const char* name, std::string& value, const char* help,
              const std::vector<std::string>&) override {
    line(name, value.empty() ? "\"\"" : value, help);
  }
  void texts(const char* name, std::vector<std::string>& value, const char* help) override {
    if (value.empty()) return line(name, "[]", help);
    line(name, "", help);
    for (const std::string& text : value) {
      written += indent_ + "  - " + yaml_text(text) + "\n";
    }
  }
  void section(const char* name, const char* help, const Inside& inside) override {
    if (indent_.empty()) written += "\n";
    line(name, "", help);
    const std::string outer = std::exchange(indent_, indent_ + "  ");
    inside();
    indent_ = outer;
  }
  void sections(const char* name, const char* help, const Items& items) override {
    if (items.size() == 0) return line(name, "[]", help);
    line(name, "", help);
    const std::string outer = indent_;
    for (std::size_t i = 0; i < items.size(); ++i) {
      indent_ = outer + "    ";
      const std::size_t begin = written.size();
      items.visit(i);
      written[begin + outer.size() + 2] = '-';
    }
    indent_ = outer;
  }

  std::string written;

 private:
  void line(const char* name, const std::string& value, const char* help) {
    const std::string said =
        fmt::format("{}{}:{}{}", indent_, name, value.empty() ? "" : " ", value);
    written += fmt::format("{:<36}  # {}\n", said, help);
  }

  std::string indent_;
};

}  // namespace

std::string write_recipe(const Recipe& recipe) {
  Writer writer;
  Recipe copy = recipe;
  std::string extends;
  visit_recipe(writer, copy, extends);
  return std::move(writer.written);
}

}  // namespace jielong
