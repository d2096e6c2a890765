#include "serve/openai_fields.h"

#include <fmt/format.h>

#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"
#include "base/quote.h"

namespace jielong::serve {
namespace {

constexpr std::int64_t kMostTokens = std::numeric_limits<std::int32_t>::max();

/// A number under any of its names.
void read_number(RequestFields& fields, std::initializer_list<std::string_view> names, double low,
                 double high, double& to) {
  for (const std::string_view name : names) {
    if (const auto value = fields.number(name, low, high)) to = *value;
  }
}

void read_integer(RequestFields& fields, std::initializer_list<std::string_view> names,
                  std::int64_t low, std::int64_t& to) {
  for (const std::string_view name : names) {
    if (const auto value = fields.integer(name, low, kMostTokens)) to = *value;
  }
}

/// {"token": bias}, or as llama.cpp takes it [[token, bias]]; −100 or false forbids the token.
void read_logit_bias(RequestFields& fields, const Limits& limits, SamplerSettings& sampling) {
  const OrderedJson* biases = fields.any("logit_bias");
  if (biases == nullptr) return;
  const std::string path = fields.path("logit_bias");
  if (biases->size() > static_cast<std::size_t>(limits.logit_biases)) {
    throw Error(ErrorKind::limit,
                fmt::format("has {} entries, more than the {} allowed", biases->size(),
                            limits.logit_biases),
                path);
  }
  const auto add = [&](std::int64_t token, const OrderedJson& bias) {
    if (token < 0 || token > kMostTokens) {
      throw bad_input(fmt::format("{} is not a token", token), path);
    }
    const bool forbidden = bias.is_boolean() && !bias.get<bool>();
    if (!forbidden && !bias.is_number()) {
      throw bad_input("a bias must be a number, not " + describe(bias), path);
    }
    const double value = forbidden ? -100 : bias.get<double>();
    if (!(value >= -100 && value <= 100)) {
      throw bad_input("a bias must lie between -100 and 100, not " + describe(bias), path);
    }
    const float logit =
        value > -100 ? static_cast<float>(value) : -std::numeric_limits<float>::infinity();
    sampling.logit_bias.emplace_back(static_cast<Token>(token), logit);
  };
  if (biases->is_object()) {
    for (const auto& [name, bias] : biases->items()) {
      std::int64_t token = 0;
      const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), token);
      if (error != std::errc() || end != name.data() + name.size()) {
        throw bad_input(in_quotes(name, 40) + " is not the number of a token", path);
      }
      add(token, bias);
    }
    return;
  }
  if (!biases->is_array()) throw bad_input("must be an object, not " + describe(*biases), path);
  for (const OrderedJson& pair : *biases) {
    if (!pair.is_array() || pair.size() != 2 || !pair[0].is_number_integer()) {
      throw bad_input("a list must hold pairs of a token's number and its bias", path);
    }
    add(pair[0].get<std::int64_t>(), pair[1]);
  }
}

void read_samplers(RequestFields& fields, const Limits& limits, SamplerSettings& s) {
  read_number(fields, {"temperature"}, 0, 2, s.temperature);
  read_number(fields, {"top_p"}, 0, 1, s.top_p);
  read_number(fields, {"frequency_penalty"}, -2, 2, s.frequency_penalty);
  read_number(fields, {"presence_penalty"}, -2, 2, s.presence_penalty);
  read_integer(fields, {"top_k"}, -1, s.top_k);
  if (s.top_k < 0) s.top_k = 0;  // vLLM's "all"
  read_number(fields, {"min_p"}, 0, 1, s.min_p);
  read_number(fields, {"typical_p"}, 0, 1, s.typical_p);
  read_number(fields, {"top_n_sigma"}, -1, 1000, s.top_n_sigma);
  read_integer(fields, {"min_keep"}, 1, s.min_keep);
  read_number(fields, {"dynamic_temperature_range", "dynatemp_range"}, 0, 100,
              s.dynamic_temperature_range);
  read_number(fields, {"dynamic_temperature_exponent", "dynatemp_exponent"}, 0, 100,
              s.dynamic_temperature_exponent);
  read_number(fields, {"xtc_probability"}, 0, 1, s.xtc_probability);
  read_number(fields, {"xtc_threshold"}, 0.001, 1, s.xtc_threshold);
  read_number(fields, {"dry_multiplier"}, 0, 1000, s.dry_multiplier);
  read_number(fields, {"dry_base"}, 0, 1000, s.dry_base);
  read_integer(fields, {"dry_allowed_length"}, 1, s.dry_allowed_length);
  read_integer(fields, {"dry_window", "dry_penalty_last_n"}, -1, s.dry_window);
  for (const std::string_view name : {"dry_breakers", "dry_sequence_breakers"}) {
    if (auto texts = fields.texts(name, static_cast<std::size_t>(limits.stop_strings),
                                  static_cast<std::size_t>(limits.stop_bytes))) {
      s.dry_breakers = std::move(*texts);
    }
  }
  read_number(fields, {"repeat_penalty", "repetition_penalty"}, 0.01, 100, s.repeat_penalty);
  read_integer(fields, {"penalty_window", "repeat_last_n"}, -1, s.penalty_window);
  if (const auto version = fields.integer("mirostat", 0, 2)) {
    if (*version == 1) {
      throw Error(ErrorKind::unsupported, "Mirostat 1 is not supported", fields.path("mirostat"),
                  "use 2");
    }
    s.mirostat = static_cast<int>(*version);
  }
  read_number(fields, {"mirostat_tau"}, 0, 100, s.mirostat_tau);
  read_number(fields, {"mirostat_eta"}, 0, 100, s.mirostat_eta);
  if (const auto names = fields.texts("samplers", 32, 64)) {
    std::string order;
    for (const std::string& name : *names) order += name + ";";
    try {
      s.order = parse_sampler_order(order);
    } catch (const Error& error) {
      throw Error(error.kind(), error.problem(), fields.path("samplers"), error.fix());
    }
  }
  read_logit_bias(fields, limits, s);
}

}  // namespace

std::vector<Token> read_token_list(const OrderedJson& list, const std::string& path) {
  std::vector<Token> tokens;
  tokens.reserve(list.size());
  for (const OrderedJson& entry : list) {
    const bool number = entry.is_number_integer();
    if (!number || entry < 0 || entry > kMostTokens) {
      throw bad_input("must be the number of a token, not " + describe(entry),
                      fmt::format("{}[{}]", path, tokens.size()));
    }
    tokens.push_back(entry.get<Token>());
  }
  return tokens;
}

void read_generation(RequestFields& fields, const Limits& limits, ChatRequest& request) {
  GenerateOptions& options = request.options;
  read_samplers(fields, limits, options.sampling);
  if (const auto seed = fields.integer("seed", std::numeric_limits<std::int64_t>::min(),
                                       std::numeric_limits<std::int64_t>::max())) {
    options.seed = static_cast<std::uint64_t>(*seed);
  }
  if (auto texts = fields.texts("stop", static_cast<std::size_t>(limits.stop_strings),
                                static_cast<std::size_t>(limits.stop_bytes))) {
    options.stop = std::move(*texts);
    for (const std::string& text : options.stop) {
      if (text.empty()) throw bad_input("must not hold an empty text", fields.path("stop"));
    }
  }
  options.ignore_end = fields.boolean("ignore_eos").value_or(false);
  options.trace_top = fields.integer("trace_top", 0, limits.trace_top).value_or(0);
  if (const OrderedJson* prefix =
          fields.list("answer_prefix", static_cast<std::size_t>(limits.max_tokens))) {
    request.answer_prefix = read_token_list(*prefix, fields.path("answer_prefix"));
  }
}

void check_grammar_size(const std::string& source, const std::string& path, const Limits& limits) {
  if (source.size() <= static_cast<std::size_t>(limits.grammar_bytes)) return;
  throw Error(
      ErrorKind::limit,
      fmt::format("has {} bytes, more than the {} allowed", source.size(), limits.grammar_bytes),
      path);
}

AnswerShape read_format(const OrderedJson& format, const std::string& path, bool flat,
                        const Limits& limits) {
  AnswerShape shape;
  RequestFields fields(format, path);
  const auto type = fields.choice("type", {"text", "json_object", "json_schema"});
  if (!type) throw fields.missing("type");
  const auto take_schema = [&](RequestFields& from, bool required) {
    const OrderedJson* schema = from.any("schema");
    if (schema == nullptr) {
      if (required) throw from.missing("schema");
      return;
    }
    if (!schema->is_object() && !schema->is_boolean()) {
      throw bad_input("must be a JSON Schema, not " + describe(*schema), from.path("schema"));
    }
    shape.kind = AnswerShape::Kind::json_schema;
    shape.source = schema->dump();
    shape.where = from.path("schema");
    check_grammar_size(shape.source, shape.where, limits);
  };
  const auto pass_over_names = [](RequestFields& from) {
    from.text("name", 256);
    from.text("description");
    from.boolean("strict");  // always
  };
  if (*type == 1) {
    shape.kind = AnswerShape::Kind::json;
    take_schema(fields, false);
  } else if (*type == 2 && flat) {
    pass_over_names(fields);
    take_schema(fields, true);
  } else if (*type == 2) {
    const OrderedJson* object = fields.object("json_schema");
    if (object == nullptr) throw fields.missing("json_schema");
    RequestFields inner(*object, fields.path("json_schema"));
    pass_over_names(inner);
    take_schema(inner, true);
    inner.finish();
  }
  fields.finish();
  return shape;
}

void read_response_format(RequestFields& fields, const Limits& limits, AnswerShape& shape) {
  if (const OrderedJson* format = fields.object("response_format")) {
    shape = read_format(*format, fields.path("response_format"), false, limits);
  }
  for (const auto& [name, kind] :
       {std::pair{"grammar", AnswerShape::Kind::gbnf}, {"regex", AnswerShape::Kind::regex}}) {
    const auto source = fields.text(name, static_cast<std::size_t>(limits.grammar_bytes));
    if (!source) continue;
    if (shape.kind != AnswerShape::Kind::free) {
      throw bad_input("the answer can have one form only", fields.path(name),
                      "give one of response_format, grammar and regex");
    }
    shape = {kind, *source, fields.path(name)};
  }
}

void read_tools(RequestFields& fields, bool flat, const Limits& limits, ChatRequest& request) {
  OrderedJson tools = OrderedJson::array();
  if (const OrderedJson* list = fields.list("tools", static_cast<std::size_t>(limits.tools))) {
    for (const OrderedJson& entry : *list) {
      const std::string path = fmt::format("{}[{}]", fields.path("tools"), tools.size());
      RequestFields tool(entry, path);
      const auto type = tool.text("type");
      if (!type) throw tool.missing("type");
      if (*type != "function") {
        throw Error(ErrorKind::unsupported,
                    in_quotes(*type, 40) + " tools are not supported: Jielong runs no tools itself",
                    tool.path("type"), "describe it as a function");
      }
      const OrderedJson* object = flat ? &entry : tool.object("function");
      if (object == nullptr) throw tool.missing("function");
      RequestFields nested(*object, flat ? path : tool.path("function"));
      RequestFields& function = flat ? tool : nested;
      OrderedJson kept = OrderedJson::object();
      const auto name = function.text("name", 128);
      if (!name) throw function.missing("name");
      kept["name"] = *name;
      if (const auto text = function.text("description")) kept["description"] = *text;
      if (const OrderedJson* schema = function.object("parameters")) {
        kept["parameters"] = *schema;
        check_grammar_size(schema->dump(), function.path("parameters"), limits);
      }
      if (const auto strict = function.boolean("strict"); strict.value_or(false)) {
        kept["strict"] = true;
      }
      if (!flat) nested.finish();
      tool.finish();
      tools.push_back({{"type", "function"}, {"function", std::move(kept)}});
    }
  }
  if (!tools.empty()) request.tools = tools.dump();
  request.parallel_tool_calls = fields.boolean("parallel_tool_calls").value_or(true);

  const OrderedJson* choice = fields.any("tool_choice");
  if (choice == nullptr) return;
  const std::string path = fields.path("tool_choice");
  if (choice->is_string()) {
    constexpr ToolChoice kChoices[] = {ToolChoice::automatic, ToolChoice::none,
                                       ToolChoice::required};
    request.tool_choice = kChoices[*fields.choice("tool_choice", {"auto", "none", "required"})];
  } else {
    RequestFields named(*choice, path);
    const auto type = named.text("type");
    if (!type) throw named.missing("type");
    if (*type != "function") {
      throw Error(ErrorKind::unsupported, in_quotes(*type, 40) + " is not supported",
                  named.path("type"), "use \"auto\", \"none\", \"required\" or a function");
    }
    const OrderedJson* object = flat ? choice : named.object("function");
    if (object == nullptr) throw named.missing("function");
    RequestFields nested(*object, flat ? path : named.path("function"));
    RequestFields& function = flat ? named : nested;
    const auto name = function.text("name", 128);
    if (!name) throw function.missing("name");
    if (!flat) nested.finish();
    named.finish();
    bool found = false;
    for (const OrderedJson& tool : tools) found = found || tool["function"]["name"] == *name;
    if (!found) throw bad_input(in_quotes(*name) + " is not one of the tools", path);
    request.tool_choice = ToolChoice::named;
    request.tool_name = *name;
  }
  if (tools.empty() && request.tool_choice == ToolChoice::required) {
    throw bad_input("asks for a call, but there are no tools", path);
  }
}

std::string read_effort(RequestFields& fields, std::string_view name) {
  constexpr std::string_view kEfforts[] = {"none", "minimal", "low", "medium", "high", "xhigh"};
  const auto effort = fields.choice(name, {"none", "minimal", "low", "medium", "high", "xhigh"});
  return effort ? std::string(kEfforts[*effort]) : std::string();
}

void read_template_variables(RequestFields& fields, const std::string& effort,
                             ChatRequest& request) {
  OrderedJson variables = OrderedJson::object();
  if (!effort.empty()) {
    // gpt-oss and its like read the effort, Qwen3 and its like a switch.
    variables["reasoning_effort"] = effort == "xhigh" ? "high" : effort;
    variables["enable_thinking"] = effort != "none" && effort != "minimal";
  }
  if (const OrderedJson* given = fields.object("chat_template_kwargs")) {
    for (const auto& [name, value] : given->items()) {
      for (const char* own : {"messages", "tools", "add_generation_prompt"}) {
        if (name == own) {
          throw bad_input("cannot be replaced", fields.path("chat_template_kwargs") + "." + name);
        }
      }
      variables[name] = value;
    }
  }
  if (!variables.empty()) request.template_variables = variables.dump();
}

}  // namespace jielong::serve
