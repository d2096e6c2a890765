#include "generate/answer/function_call.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "generate/answer/json_scanner.h"

namespace jielong {
namespace {

constexpr std::string_view kFunction = "<function=", kFunctionEnd = "</function>";
constexpr std::string_view kParameter = "<parameter=", kParameterEnd = "</parameter>";
constexpr std::size_t kMaxName = 256;

/// The value as JSON: a text where the tool wants one or where it is no JSON.
std::string as_json(const std::string& value, const std::string* type) {
  if (type == nullptr || *type != "string") {
    try {
      const OrderedJson parsed = parse_ordered_json(value, "parameter");
      // Without a type a text in quotes is taken as it stands.
      if (type != nullptr || !parsed.is_string()) return parsed.dump();
    } catch (const Error&) {
      // Then it is a text.
    }
  }
  return dump(OrderedJson(value));
}

}  // namespace

FunctionCall::Result FunctionCall::push(char byte, CallSink& sink) {
  switch (state_) {
    case State::begin:
      if (text_.empty() && is_json_space(byte)) return Result::more;
      text_ += byte;
      if (!kFunction.starts_with(text_)) return Result::invalid;
      if (text_ != kFunction) return Result::more;
      text_.clear();
      state_ = State::name;
      return Result::more;
    case State::name:
      if (byte == '>') {
        if (text_.empty()) return Result::invalid;
        const auto found = types_.find(text_);
        if (found != types_.end()) parameters_ = &found->second;
        sink.begin(text_);
        text_.clear();
        state_ = State::between;
        return Result::more;
      }
      text_ += byte;
      if (byte == '<' || byte == '\n' || text_.size() > kMaxName) return Result::invalid;
      return Result::more;
    case State::between: return between(byte, sink);
    case State::key:
      if (byte == '>') {
        key_ = std::move(text_);
        text_.clear();
        state_ = State::value;
        return Result::more;
      }
      text_ += byte;
      if (byte == '<' || byte == '\n' || text_.size() > kMaxName) return Result::invalid;
      return Result::more;
    case State::value: break;
  }
  text_ += byte;
  if (byte != '>') return Result::more;
  if (text_.ends_with(kParameterEnd)) {
    text_.resize(text_.size() - kParameterEnd.size());
    take_value(sink);
  } else if (text_.ends_with(kFunctionEnd)) {
    // The model forgot to close the parameter.
    text_.resize(text_.size() - kFunctionEnd.size());
    take_value(sink);
    return finish(sink);
  }
  return Result::more;
}

FunctionCall::Result FunctionCall::between(char byte, CallSink& sink) {
  if (text_.empty() && is_json_space(byte)) return Result::more;
  text_ += byte;
  if (text_ == kFunctionEnd) return finish(sink);
  if (text_ == kParameter) {
    text_.clear();
    state_ = State::key;
    return Result::more;
  }
  const bool possible = kFunctionEnd.starts_with(text_) || kParameter.starts_with(text_);
  return possible ? Result::more : Result::invalid;
}

void FunctionCall::take_value(CallSink& sink) {
  // The line breaks next to the tags are not part of the value.
  std::string_view value = text_;
  if (value.starts_with('\n')) value.remove_prefix(1);
  if (value.ends_with('\n')) value.remove_suffix(1);
  const std::string* type = nullptr;
  if (parameters_ != nullptr) {
    const auto found = parameters_->find(key_);
    if (found != parameters_->end()) type = &found->second;
  }
  std::string out = count_++ == 0 ? "{" : ", ";
  out += dump(OrderedJson(key_));
  out += ": ";
  out += as_json(std::string(value), type);
  sink.arguments(out);
  text_.clear();
  state_ = State::between;
}

FunctionCall::Result FunctionCall::finish(CallSink& sink) {
  sink.arguments(count_ == 0 ? "{}" : "}");
  sink.end();
  return Result::done;
}

}  // namespace jielong
