#pragma once

#include <cstdint>
#include <string>

#include "generate/answer/tool_section.h"

namespace jielong {

/// One call written as <function=name><parameter=key>value</parameter>…</function>, whose
/// arguments become JSON, one parameter at a time.
class FunctionCall {
 public:
  using Result = ToolSection::Result;

  /// @param types must outlive it
  /// @param begun whether <function= has been read
  FunctionCall(const ToolTypes& types, bool begun)
      : types_(types), state_(begun ? State::name : State::begin) {}
  /// `done` comes with the last byte of </function>.
  Result push(char byte, CallSink& sink);

 private:
  enum class State : std::uint8_t { begin, name, between, key, value };

  Result between(char byte, CallSink& sink);
  void take_value(CallSink& sink);
  Result finish(CallSink& sink);

  const ToolTypes& types_;
  State state_;
  std::string text_;  ///< read in this state
  const ParameterTypes* parameters_ = nullptr;
  std::string key_;
  std::int64_t count_ = 0;  ///< of parameters
};

}  // namespace jielong
