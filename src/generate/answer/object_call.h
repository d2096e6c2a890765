#pragma once

#include <cstdint>
#include <string>

#include "generate/answer/json_scanner.h"
#include "generate/answer/tool_section.h"

namespace jielong {

/// One call written as a JSON object with the function's name and its arguments, in either
/// order. Arguments are passed on as they come once the name is known.
class ObjectCall {
 public:
  using Result = ToolSection::Result;

  /// A call behind a mark: other keys are passed over, and arguments may be missing.
  ObjectCall() = default;
  /// What may be a call or any other object: only a name among `known` (if there are any) and
  /// arguments make it one. `known` must outlive it.
  explicit ObjectCall(const ToolTypes& known) : certain_(false), known_(&known) {}
  /// `done` comes with the closing brace.
  Result push(char byte, CallSink& sink);

 private:
  enum class State : std::uint8_t { begin, first_key, key, in_key, colon, value, after };
  enum class Key : std::uint8_t { name, arguments, other };

  Result start_value(char byte, CallSink& sink);
  Result in_value(char byte, CallSink& sink);
  bool take_value(CallSink& sink);
  bool take_arguments(CallSink& sink);
  Result after_value(char byte, CallSink& sink);

  bool certain_ = true;
  const ToolTypes* known_ = nullptr;
  State state_ = State::begin;
  std::string text_;  ///< of the key, or of a value that is not passed on yet
  bool escaped_ = false;
  Key key_ = Key::other;
  JsonScanner scanner_;
  bool value_begun_ = false;
  bool streaming_ = false;  ///< the value's bytes go to the sink
  std::string name_;
  std::string waiting_;  ///< arguments that came before the name
  bool begun_ = false, has_arguments_ = false;
};

}  // namespace jielong
