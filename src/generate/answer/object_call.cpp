#include "generate/answer/object_call.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"

namespace jielong {
namespace {

/// What a JSON string spells; empty when it is none.
std::string unquoted(const std::string& text) {
  try {
    const Json value = parse_json(text, "tool call");
    return value.is_string() ? value.get<std::string>() : std::string();
  } catch (const Error&) {
    return {};
  }
}

bool is_object(const std::string& text) {
  try {
    return parse_json(text, "arguments").is_object();
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

ObjectCall::Result ObjectCall::push(char byte, CallSink& sink) {
  switch (state_) {
    case State::in_key:
      if (byte == '"' && !escaped_) {
        state_ = State::colon;
        if (text_ == "name" || text_ == "function") {
          key_ = Key::name;
        } else if (text_ == "arguments" || text_ == "parameters") {
          key_ = Key::arguments;
        } else {
          key_ = Key::other;
          if (!certain_ && !begun_ && text_ != "type") return Result::invalid;
        }
        return Result::more;
      }
      if (static_cast<unsigned char>(byte) < 0x20) return Result::invalid;
      escaped_ = byte == '\\' && !escaped_;
      text_ += byte;
      return Result::more;
    case State::value: return in_value(byte, sink);
    default: break;
  }
  if (is_json_space(byte)) return Result::more;
  switch (state_) {
    case State::begin:
      state_ = State::first_key;
      return byte == '{' ? Result::more : Result::invalid;
    case State::first_key:
    case State::key:
      if (byte != '"') return Result::invalid;
      state_ = State::in_key;
      text_.clear();
      escaped_ = false;
      return Result::more;
    case State::colon:
      if (byte != ':') return Result::invalid;
      state_ = State::value;
      scanner_ = JsonScanner();
      text_.clear();
      value_begun_ = false;
      streaming_ = false;
      return Result::more;
    default: return after_value(byte, sink);
  }
}

ObjectCall::Result ObjectCall::start_value(char byte, CallSink& sink) {
  value_begun_ = true;
  if (key_ == Key::name && (byte != '"' || !name_.empty())) return Result::invalid;
  if (key_ != Key::arguments) return Result::more;
  if (has_arguments_ || (byte != '{' && byte != '"' && byte != 'n')) return Result::invalid;
  has_arguments_ = true;
  // Arguments as a text or null are looked at when they are complete.
  if (byte == '{' && !name_.empty()) {
    begun_ = true;
    streaming_ = true;
    sink.begin(name_);
  }
  return Result::more;
}

ObjectCall::Result ObjectCall::in_value(char byte, CallSink& sink) {
  if (!value_begun_) {
    if (is_json_space(byte)) return Result::more;
    if (start_value(byte, sink) == Result::invalid) return Result::invalid;
  }
  switch (scanner_.push(byte)) {
    case JsonScanner::Result::invalid: return Result::invalid;
    case JsonScanner::Result::done_before:
      state_ = State::after;
      if (!take_value(sink)) return Result::invalid;
      return is_json_space(byte) ? Result::more : after_value(byte, sink);
    case JsonScanner::Result::done: state_ = State::after; break;
    case JsonScanner::Result::more: break;
  }
  if (streaming_) {
    sink.arguments(std::string_view(&byte, 1));
  } else if (key_ != Key::other) {
    text_ += byte;
  }
  if (state_ != State::after) return Result::more;
  return take_value(sink) ? Result::more : Result::invalid;
}

bool ObjectCall::take_value(CallSink& sink) {
  if (streaming_ || key_ == Key::other) return true;
  if (key_ == Key::name) {
    name_ = unquoted(text_);
    const bool any_name = known_ == nullptr || known_->empty();
    return !name_.empty() && (any_name || known_->contains(name_));
  }
  if (text_.front() == '"') text_ = unquoted(text_);
  if (text_ == "null") text_ = "{}";
  waiting_ = text_;
  return is_object(waiting_) && take_arguments(sink);
}

/// Passes complete arguments on, when the name is known.
bool ObjectCall::take_arguments(CallSink& sink) {
  if (name_.empty()) return true;
  begun_ = true;
  sink.begin(name_);
  sink.arguments(waiting_);
  waiting_.clear();
  return true;
}

ObjectCall::Result ObjectCall::after_value(char byte, CallSink& sink) {
  if (byte == ',') {
    state_ = State::key;
    return Result::more;
  }
  if (byte != '}' || name_.empty()) return Result::invalid;
  if (!begun_) {
    if (!has_arguments_) {
      if (!certain_) return Result::invalid;
      waiting_ = "{}";
    }
    take_arguments(sink);
  }
  sink.end();
  return Result::done;
}

}  // namespace jielong
