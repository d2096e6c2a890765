#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "generate/answer/answer_parser.h"

namespace jielong {

/// Where sections put the calls they find.
class CallSink {
 public:
  CallSink(std::vector<AnswerPiece>& out, std::int64_t& calls) : out_(out), calls_(calls) {}
  void begin(std::string name);
  void arguments(std::string_view text);
  void end();

 private:
  std::vector<AnswerPiece>& out_;
  std::int64_t& calls_;  ///< begun so far
};

/// The part of an answer that follows a mark and holds calls, read byte by byte.
class ToolSection {
 public:
  enum class Result : std::uint8_t {
    more,
    done,    ///< it is over; what left_over() gives was not part of it
    invalid  ///< this byte is no part of any call
  };
  virtual ~ToolSection() = default;
  virtual Result push(char byte, CallSink& sink) = 0;
  /// Bytes taken since the last call was complete that turned out to belong to none.
  std::string& left_over() { return left_over_; }

 protected:
  std::string left_over_;
};

/// A tool's parameters' types by name, as JSON Schema's "type" says; only those it does say.
using ParameterTypes = std::map<std::string, std::string, std::less<>>;
/// The parameters of each tool.
using ToolTypes = std::map<std::string, ParameterTypes, std::less<>>;
/// Reads them from a JSON list of OpenAI's function tools.
ToolTypes tool_types(std::string_view definitions);

/// What follows <tool_call>: an object or <function=…>, then </tool_call> if the model is tidy.
/// `types` must outlive the section.
std::unique_ptr<ToolSection> tagged_section(const ToolTypes& types);
/// The same, the mark <function= being read already.
std::unique_ptr<ToolSection> function_section(const ToolTypes& types);
/// What follows ```json at the beginning of an answer, when it is a call of a known tool.
std::unique_ptr<ToolSection> fenced_section(const ToolTypes& types);
/// Objects separated by semicolons, behind <|python_tag|>.
std::unique_ptr<ToolSection> objects_section();
/// The same without a mark, when the first is a call of a known tool.
std::unique_ptr<ToolSection> objects_section(const ToolTypes& types);
/// What follows [TOOL_CALLS].
std::unique_ptr<ToolSection> mistral_section();

}  // namespace jielong
