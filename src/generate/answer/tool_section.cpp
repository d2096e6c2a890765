#include "generate/answer/tool_section.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"
#include "generate/answer/function_call.h"
#include "generate/answer/object_call.h"

namespace jielong {
namespace {

using Result = ToolSection::Result;

/// <tool_call> … </tool_call>, or ```json … ```
class TaggedSection : public ToolSection {
 public:
  enum class Form : std::uint8_t { unknown, object, function, end };

  TaggedSection(const ToolTypes& types, Form form)
      : form_(form), function_(types, form == Form::function) {}

  /// A fence.
  explicit TaggedSection(const ToolTypes& types)
      : form_(Form::object), object_(types), function_(types, false), end_("```") {}

  Result push(char byte, CallSink& sink) override {
    if (form_ == Form::end) return read_end(byte);
    if (form_ == Form::unknown) {
      if (is_json_space(byte)) return Result::more;
      form_ = byte == '<' ? Form::function : Form::object;
    }
    const Result result =
        form_ == Form::object ? object_.push(byte, sink) : function_.push(byte, sink);
    if (result != Result::done) return result;
    form_ = Form::end;
    return Result::more;
  }

 private:
  Result read_end(char byte) {
    left_over_ += byte;
    if (matched_ == 0 && is_json_space(byte)) return Result::more;
    if (byte != end_[matched_]) return Result::done;
    if (++matched_ < end_.size()) return Result::more;
    left_over_.clear();
    return Result::done;
  }

  Form form_;
  ObjectCall object_;
  FunctionCall function_;
  std::string_view end_ = "</tool_call>";
  std::size_t matched_ = 0;
};

/// {…}; {…}
class ObjectsSection : public ToolSection {
 public:
  explicit ObjectsSection(ObjectCall first) : object_(std::move(first)) {}

  Result push(char byte, CallSink& sink) override {
    if (in_object_) {
      const Result result = object_.push(byte, sink);
      if (result != Result::done) return result;
      in_object_ = false;
      return Result::more;
    }
    left_over_ += byte;
    if (is_json_space(byte)) return Result::more;
    if (after_semicolon_ && byte == '{') {
      left_over_.clear();
      after_semicolon_ = false;
      in_object_ = true;
      object_ = ObjectCall();
      return object_.push(byte, sink);
    }
    if (after_semicolon_ || byte != ';') return Result::done;
    after_semicolon_ = true;
    return Result::more;
  }

 private:
  ObjectCall object_;
  bool in_object_ = true, after_semicolon_ = false;
};

/// A list of objects, one object, or name[ARGS]{…}.
class MistralSection : public ToolSection {
 public:
  Result push(char byte, CallSink& sink) override {
    switch (state_) {
      case State::begin:
        if (is_json_space(byte)) return Result::more;
        if (byte == '[' || byte == '{') {
          state_ = byte == '[' ? State::before_object : State::object;
          in_list_ = byte == '[';
          return in_list_ ? Result::more : object_.push(byte, sink);
        }
        state_ = State::name;
        [[fallthrough]];
      case State::name: return read_name(byte, sink);
      case State::arguments: return read_arguments(byte, sink);
      case State::before_object:
        if (is_json_space(byte)) return Result::more;
        object_ = ObjectCall();
        state_ = State::object;
        [[fallthrough]];
      case State::object: {
        const Result result = object_.push(byte, sink);
        if (result != Result::done) return result;
        state_ = State::after_object;
        return in_list_ ? Result::more : Result::done;
      }
      case State::after_object: break;
    }
    if (is_json_space(byte)) return Result::more;
    if (byte == ']') return Result::done;
    state_ = State::before_object;
    return byte == ',' ? Result::more : Result::invalid;
  }

 private:
  enum class State : std::uint8_t { begin, name, arguments, before_object, object, after_object };

  Result read_name(char byte, CallSink& sink) {
    constexpr std::size_t kMaxHeader = 256;
    if (byte != '{') {
      header_ += byte;
      return header_.size() > kMaxHeader ? Result::invalid : Result::more;
    }
    // name, maybe [CALL_ID]…, maybe [ARGS]
    std::string name = header_.substr(0, header_.find_first_of("[ \t\r\n"));
    if (name.empty()) return Result::invalid;
    sink.begin(std::move(name));
    state_ = State::arguments;
    return read_arguments(byte, sink);
  }

  Result read_arguments(char byte, CallSink& sink) {
    const JsonScanner::Result result = scanner_.push(byte);
    if (result == JsonScanner::Result::invalid) return Result::invalid;
    sink.arguments(std::string_view(&byte, 1));
    if (result != JsonScanner::Result::done) return Result::more;
    sink.end();
    return Result::done;
  }

  State state_ = State::begin;
  bool in_list_ = false;
  ObjectCall object_;
  std::string header_;
  JsonScanner scanner_;
};

}  // namespace

void CallSink::begin(std::string name) {
  out_.push_back({AnswerPiece::Kind::tool_call, std::move(name), calls_++});
}

void CallSink::arguments(std::string_view text) {
  if (text.empty()) return;
  if (!out_.empty() && out_.back().kind == AnswerPiece::Kind::tool_arguments &&
      out_.back().call == calls_ - 1) {
    out_.back().text += text;
  } else {
    out_.push_back({AnswerPiece::Kind::tool_arguments, std::string(text), calls_ - 1});
  }
}

void CallSink::end() { out_.push_back({AnswerPiece::Kind::tool_end, {}, calls_ - 1}); }

ToolTypes tool_types(std::string_view definitions) {
  ToolTypes types;
  if (definitions.empty()) return types;
  const Json tools = parse_json(definitions, "tools");
  if (!tools.is_array()) return types;
  for (const Json& tool : tools) {
    const Json& function = tool.is_object() && tool.contains("function") ? tool["function"] : tool;
    if (!function.is_object() || !function.contains("name") || !function["name"].is_string()) {
      continue;
    }
    ParameterTypes& of = types[function["name"].get<std::string>()];
    const auto properties = Json::json_pointer("/parameters/properties");
    if (!function.contains(properties) || !function[properties].is_object()) continue;
    for (const auto& [key, schema] : function[properties].items()) {
      if (schema.is_object() && schema.contains("type") && schema["type"].is_string()) {
        of[key] = schema["type"].get<std::string>();
      }
    }
  }
  return types;
}

std::unique_ptr<ToolSection> tagged_section(const ToolTypes& types) {
  return std::make_unique<TaggedSection>(types, TaggedSection::Form::unknown);
}

std::unique_ptr<ToolSection> function_section(const ToolTypes& types) {
  return std::make_unique<TaggedSection>(types, TaggedSection::Form::function);
}

std::unique_ptr<ToolSection> fenced_section(const ToolTypes& types) {
  return std::make_unique<TaggedSection>(types);
}

std::unique_ptr<ToolSection> objects_section() {
  return std::make_unique<ObjectsSection>(ObjectCall());
}

std::unique_ptr<ToolSection> objects_section(const ToolTypes& types) {
  return std::make_unique<ObjectsSection>(ObjectCall(types));
}

std::unique_ptr<ToolSection> mistral_section() { return std::make_unique<MistralSection>(); }

}  // namespace jielong
