#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "train/recipe_fields.h"

namespace jielong {
namespace {

class SchemaWriter : public RecipeVisitor {
 public:
  void flag(const char* name, bool& value, const char* help) override {
    OrderedJson& field = add(name, "boolean", help);
    field["default"] = value;
  }
  void count(const char* name, std::int64_t& value, const char* help, NumberRange range) override {
    OrderedJson& field = add(name, "integer", help);
    field["minimum"] = static_cast<std::int64_t>(range.low);
    if (!std::isinf(range.high)) field["maximum"] = static_cast<std::int64_t>(range.high);
    field["default"] = value;
  }
  void number(const char* name, double& value, const char* help, NumberRange range) override {
    OrderedJson& field = add(name, "number", help);
    field["minimum"] = range.low;
    if (!std::isinf(range.high)) field["maximum"] = range.high;
    field["default"] = value;
  }
  void text(const char* name, std::string& value, const char* help, TextKind) override {
    add(name, "string", help)["default"] = value;
  }
  void choice(const char* name, std::string& value, const char* help,
              const std::vector<std::string>& choices) override {
    OrderedJson& field = add(name, "string", help);
    field["enum"] = choices;
    field["default"] = value;
  }
  void texts(const char* name, std::vector<std::string>&, const char* help) override {
    add(name, "array", help)["items"] = {{"type", "string"}};
  }
  void section(const char* name, const char* help, const Inside& inside) override {
    OrderedJson section = object_of(inside);
    section["description"] = help;
    (*properties_)[name] = std::move(section);
  }
  void sections(const char* name, const char* help, const Items& items) override {
    OrderedJson entry = object_of(items.visit_default);
    add(name, "array", help)["items"] = std::move(entry);
  }

  OrderedJson object_of(const Inside& inside) {
    OrderedJson properties = OrderedJson::object();
    OrderedJson* outer = std::exchange(properties_, &properties);
    inside();
    properties_ = outer;
    return {
        {"type", "object"}, {"additionalProperties", false}, {"properties", std::move(properties)}};
  }

 private:
  OrderedJson& add(const char* name, const char* type, const char* help) {
    OrderedJson& field = (*properties_)[name];
    field = {{"description", help}, {"type", type}};
    return field;
  }

  OrderedJson* properties_ = nullptr;
};

}  // namespace

OrderedJson recipe_schema() {
  SchemaWriter writer;
  Recipe recipe;
  std::string extends;
  OrderedJson schema{{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                     {"title", "A training recipe of jielong train"}};
  schema.update(writer.object_of([&] { visit_recipe(writer, recipe, extends); }));
  return schema;
}

}  // namespace jielong
