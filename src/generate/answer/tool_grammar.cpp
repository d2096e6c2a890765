#include "generate/answer/tool_grammar.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "base/quote.h"

namespace jielong {
namespace {

using Pointer = Grammar::Pointer;
using ToolSyntax = AnswerFormat::ToolSyntax;

struct Tool {
  std::string name, where;
  OrderedJson parameters;  ///< null when there are none
  bool strict = false;
};

bool good_name(const std::string& name) {
  constexpr std::size_t kMaxName = 128;
  return !name.empty() && name.size() <= kMaxName &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '-' || c == '.';
         });
}

std::vector<Tool> read_tools(std::string_view text) {
  const OrderedJson list = parse_ordered_json(text, "tools");
  if (!list.is_array()) throw bad_input("must be a list", "tools");
  std::vector<Tool> tools;
  for (const OrderedJson& entry : list) {
    Tool tool;
    tool.where = fmt::format("tools[{}]", tools.size());
    if (!entry.is_object() || !entry.contains("function") || !entry["function"].is_object()) {
      throw bad_input("must be an object with a function", tool.where);
    }
    const OrderedJson& function = entry["function"];
    tool.where += ".function";
    const auto name = function.find("name");
    if (name == function.end() || !name->is_string()) {
      throw bad_input("has no name", tool.where);
    }
    tool.name = name->get<std::string>();
    if (!good_name(tool.name)) {
      throw bad_input(in_quotes(tool.name) + " is no name for a function", tool.where + ".name",
                      "use letters, digits, _ - and ., at most 128");
    }
    for (const Tool& other : tools) {
      if (other.name == tool.name) {
        throw bad_input(in_quotes(tool.name) + " is there twice", tool.where + ".name");
      }
    }
    const auto parameters = function.find("parameters");
    if (parameters != function.end()) tool.parameters = *parameters;
    if (!tool.parameters.is_null() && !tool.parameters.is_object()) {
      throw bad_input("must be a JSON Schema, an object", tool.where + ".parameters");
    }
    const auto strict = function.find("strict");
    tool.strict = strict != function.end() && strict->is_boolean() && strict->get<bool>();
    tools.push_back(std::move(tool));
  }
  return tools;
}

/// Arguments are written by the model, not by people: what nobody asked for stays out.
OrderedJson closed(OrderedJson schema) {
  if (!schema.contains("type")) schema["type"] = "object";
  for (const char* key : {"additionalProperties", "patternProperties", "unevaluatedProperties",
                          "$ref", "allOf", "anyOf", "oneOf"}) {
    if (schema.contains(key)) return schema;
  }
  schema["additionalProperties"] = false;
  return schema;
}

Pointer schema_grammar(const Tool& tool, const OrderedJson& schema, const std::string& place) {
  try {
    return Grammar::from_json_schema(schema.dump());
  } catch (const Error& error) {
    throw error.within(tool.where + ".parameters" + place);
  }
}

Pointer arguments_grammar(const Tool& tool) {
  if (tool.parameters.is_null() || tool.parameters.empty()) return Grammar::literal("{}");
  try {
    return schema_grammar(tool, closed(tool.parameters), "");
  } catch (const Error& error) {
    if (tool.strict || error.kind() != ErrorKind::unsupported) throw;
    return Grammar::from_json(JsonSpacing::compact);
  }
}

Pointer around(std::string_view before, Pointer inner, std::string_view after) {
  return Grammar::sequence({Grammar::literal(before), std::move(inner), Grammar::literal(after)});
}

/// {"name": …, "arguments": …}
Pointer object_call(const Tool& tool, std::string_view key) {
  return around("{\"name\": \"" + tool.name + "\", \"" + std::string(key) + "\": ",
                arguments_grammar(tool), "}");
}

/// What stands between <parameter=…> and </parameter>.
Pointer value_grammar(const Tool& tool, const std::string& key, OrderedJson schema) {
  if (schema.is_object() && schema.contains("enum") && schema["enum"].is_array()) {
    std::vector<Pointer> choices;
    for (const OrderedJson& value : schema["enum"]) {
      choices.push_back(
          Grammar::literal(value.is_string() ? value.get<std::string>() : value.dump()));
    }
    if (!choices.empty()) return Grammar::alternatives(choices);
  }
  if (!schema.is_object() || !schema.contains("type") || schema["type"] == "string") {
    // Any text that cannot be taken for a closing tag.
    return Grammar::from_gbnf("root ::= ([^<] | \"<\" [^/<])*");
  }
  for (const char* definitions : {"$defs", "definitions"}) {
    if (tool.parameters.contains(definitions)) schema[definitions] = tool.parameters[definitions];
  }
  return schema_grammar(tool, schema, ".properties." + key);
}

/// <function=…> … </function>
Pointer function_call(const Tool& tool) {
  std::vector<Pointer> parts{Grammar::literal("<function=" + tool.name + ">\n")};
  const OrderedJson& schema = tool.parameters;
  const bool has_properties =
      schema.is_object() && schema.contains("properties") && schema["properties"].is_object();
  if (has_properties) {
    for (const auto& [key, property] : schema["properties"].items()) {
      if (key.find_first_of("<>\n") != std::string::npos) {
        throw Error(ErrorKind::unsupported,
                    in_quotes(key) + " cannot be written in this model's tool syntax",
                    tool.where + ".parameters.properties");
      }
      bool required = false;
      if (schema.contains("required") && schema["required"].is_array()) {
        for (const OrderedJson& name : schema["required"]) required = required || name == key;
      }
      Pointer parameter = around("<parameter=" + key + ">\n", value_grammar(tool, key, property),
                                 "\n</parameter>\n");
      parts.push_back(required ? std::move(parameter) : Grammar::repeat(parameter, 0, 1));
    }
  }
  parts.push_back(Grammar::literal("</function>"));
  return Grammar::sequence(parts);
}

/// `call` once, or several times with `between` before each further one.
Pointer calls(const Pointer& call, std::string_view between, bool parallel) {
  if (!parallel) return call;
  const Pointer more = Grammar::sequence({Grammar::literal(between), call});
  return Grammar::sequence({call, Grammar::repeat(more, 0, kMaxParallelCalls - 1)});
}

}  // namespace

std::string_view tool_mark(ToolSyntax syntax) {
  switch (syntax) {
    case ToolSyntax::llama3: return "<|python_tag|>";
    case ToolSyntax::mistral: return "[TOOL_CALLS]";
    default: return "<tool_call>";
  }
}

Grammar::Pointer tool_grammar(ToolSyntax syntax, std::string_view tools,
                              const ToolGrammarOptions& options) {
  std::vector<Pointer> choices;
  for (const Tool& tool : read_tools(tools)) {
    if (!options.only.empty() && tool.name != options.only) continue;
    switch (syntax) {
      case ToolSyntax::xml: choices.push_back(function_call(tool)); break;
      case ToolSyntax::llama3: choices.push_back(object_call(tool, "parameters")); break;
      default: choices.push_back(object_call(tool, "arguments")); break;
    }
  }
  if (choices.empty()) {
    throw bad_input(options.only.empty()
                        ? "a tool must be called, but there are none"
                        : "there is no tool " + in_quotes(std::string(options.only)),
                    "tool_choice");
  }
  const Pointer call = choices.size() == 1 ? choices.front() : Grammar::alternatives(choices);
  switch (syntax) {
    case ToolSyntax::llama3:
      // The mark is optional, and these models make one call at a time.
      return call;
    case ToolSyntax::mistral: {
      Pointer list = around("[", calls(call, ", ", options.parallel), "]");
      return options.after_mark ? list
                                : Grammar::sequence({Grammar::literal("[TOOL_CALLS]"), list});
    }
    default: break;
  }
  const Pointer rest = around("\n", call, "\n</tool_call>");
  const Pointer tagged = Grammar::sequence({Grammar::literal("<tool_call>"), rest});
  if (!options.after_mark) return calls(tagged, "\n", options.parallel);
  if (!options.parallel) return rest;
  const Pointer more = Grammar::sequence({Grammar::literal("\n"), tagged});
  return Grammar::sequence({rest, Grammar::repeat(more, 0, kMaxParallelCalls - 1)});
}

void check_tools(std::string_view tools) {
  if (!tools.empty()) read_tools(tools);
}

}  // namespace jielong
