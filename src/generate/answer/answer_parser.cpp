#include "generate/answer/answer_parser.h"

#include <algorithm>
#include <utility>

#include "generate/answer/json_scanner.h"
#include "generate/answer/tool_section.h"

namespace jielong {
namespace {

using Kind = AnswerPiece::Kind;

constexpr std::string_view kToolCall = "<tool_call>", kFunction = "<function=";
constexpr std::string_view kFence = "```json";
constexpr std::string_view kPythonTag = "<|python_tag|>", kToolCalls = "[TOOL_CALLS]";

/// What may be a call but has not said its name after so many bytes is text. It also bounds
/// the work on an answer full of false beginnings.
constexpr std::size_t kMaxHeld = 8192;

}  // namespace

std::vector<std::string> AnswerFormat::marks() const {
  std::vector<std::string> marks;
  for (const std::string& mark : {think_begin, think_end}) {
    if (!mark.empty()) marks.push_back(mark);
  }
  switch (tools) {
    case ToolSyntax::none:
    case ToolSyntax::hermes:
    case ToolSyntax::xml:
      for (const auto mark : {kToolCall, std::string_view("</tool_call>")}) {
        marks.emplace_back(mark);
      }
      break;
    case ToolSyntax::llama3: marks.emplace_back(kPythonTag); break;
    case ToolSyntax::mistral:
      for (const auto mark :
           {kToolCalls, std::string_view("[ARGS]"), std::string_view("[CALL_ID]")}) {
        marks.emplace_back(mark);
      }
      break;
  }
  return marks;
}

/// Bytes go through three places: `held_` while they may be the beginning of a mark, a section
/// with `raw_` while they may be a call, `spaces_` while they may be the space around a mark.
struct AnswerParser::State {
  enum class Mode : std::uint8_t {
    start,  ///< nothing but space so far, or since the thoughts ended
    thinking,
    content,
    section
  };

  State(AnswerFormat f, bool look_for_calls, std::string_view definitions)
      : format(std::move(f)), tools(look_for_calls), types(tool_types(definitions)) {
    if (format.starts_thinking) think();
  }

  void push(char byte) {
    // Sections that turn out to be none are read again from their second byte.
    again.assign(1, byte);
    while (!again.empty()) {
      const std::string bytes = std::exchange(again, {});
      for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (mode == Mode::section) {
          in_section(bytes[i]);
        } else {
          outside(bytes[i]);
        }
        if (again.empty()) continue;
        again += bytes.substr(i + 1);
        break;
      }
    }
  }

  void finish() {
    while (mode == Mode::section) {
      if (begun) {
        const std::string rest = section->left_over();
        end_section();
        for (const char byte : rest) push(byte);
      } else {
        give_up_section();
        for (const char byte : std::exchange(again, {})) push(byte);
      }
    }
    const std::string rest = std::exchange(held, {});
    for (const char byte : rest) plain(byte, true);
    if (mode != Mode::thinking && !drop_spaces) emit(spaces);
    spaces.clear();
  }

  std::vector<AnswerPiece> take() { return std::exchange(out, {}); }

  AnswerFormat format;
  bool tools;
  ToolTypes types;
  Mode mode = Mode::start;
  std::string held, spaces, raw, again;
  std::size_t skipped = 0;   ///< bytes of the next text that do not come out
  bool drop_spaces = false;  ///< space now would stand beside a mark
  std::unique_ptr<ToolSection> section;
  bool begun = false;  ///< the section has brought a call
  std::int64_t calls = 0;
  std::vector<AnswerPiece> out;

 private:
  std::vector<std::string_view> marks() const {
    if (mode == Mode::thinking) return {format.think_end};
    std::vector<std::string_view> marks;
    if (mode == Mode::start && !format.think_begin.empty()) marks.push_back(format.think_begin);
    if (!tools) return marks;
    switch (format.tools) {
      case AnswerFormat::ToolSyntax::xml: marks.push_back(kFunction); [[fallthrough]];
      case AnswerFormat::ToolSyntax::none:
      case AnswerFormat::ToolSyntax::hermes:
        marks.push_back(kToolCall);
        if (mode == Mode::start) marks.push_back(kFence);
        break;
      case AnswerFormat::ToolSyntax::llama3: marks.push_back(kPythonTag); break;
      case AnswerFormat::ToolSyntax::mistral: marks.push_back(kToolCalls); break;
    }
    return marks;
  }

  void outside(char byte) {
    held += byte;
    while (!held.empty()) {
      bool possible = false;
      for (const std::string_view mark : marks()) {
        if (held == mark) return on_mark();
        possible = possible || mark.starts_with(held);
      }
      if (possible) return;
      const char first = held.front();
      held.erase(0, 1);
      plain(first);
      if (mode != Mode::section) continue;
      again = std::exchange(held, {});
      return;
    }
  }

  void on_mark() {
    const std::string mark = std::exchange(held, {});
    if (mark == format.think_end && mode == Mode::thinking) {
      spaces.clear();
      skipped = 0;
      drop_spaces = true;
      mode = Mode::start;
    } else if (mark == format.think_begin && mode == Mode::start) {
      think();
    } else if (mark == kFunction) {
      open(function_section(types), mark);
    } else if (mark == kToolCall) {
      open(tagged_section(types), mark);
    } else if (mark == kPythonTag) {
      open(objects_section(), mark);
    } else if (mark == kFence) {
      open(fenced_section(types), mark);
    } else {
      open(mistral_section(), mark);
    }
  }

  void think() {
    spaces.clear();
    skipped = 0;
    drop_spaces = true;
    mode = Mode::thinking;
  }

  /// A byte that is not part of a mark. At the `end` it cannot begin a call either.
  void plain(char byte, bool end = false) {
    if (is_json_space(byte)) {
      if (drop_spaces) return;
      if (mode == Mode::content && !tools) return emit(std::string_view(&byte, 1));
      spaces += byte;
      return;
    }
    if (mode == Mode::start) {
      const bool bare = format.tools != AnswerFormat::ToolSyntax::mistral &&
                        format.tools != AnswerFormat::ToolSyntax::xml;
      if (tools && bare && byte == '{' && !end) return open(objects_section(types), "{");
      mode = Mode::content;
    }
    emit(spaces);
    spaces.clear();
    drop_spaces = false;
    emit(std::string_view(&byte, 1));
  }

  void emit(std::string_view text) {
    const std::size_t known = std::min(skipped, text.size());
    skipped -= known;
    text.remove_prefix(known);
    if (text.empty()) return;
    const Kind kind = mode == Mode::thinking ? Kind::reasoning : Kind::content;
    if (!out.empty() && out.back().kind == kind) {
      out.back().text += text;
    } else {
      out.push_back({kind, std::string(text), 0});
    }
  }

  void open(std::unique_ptr<ToolSection> opened, std::string_view mark) {
    section = std::move(opened);
    raw = mark;
    begun = false;
    before = mode;
    mode = Mode::section;
    if (mark != "{") return;
    CallSink sink(out, calls);
    section->push('{', sink);
  }

  void in_section(char byte) {
    const std::int64_t calls_before = calls;
    CallSink sink(out, calls);
    // Space before a call is dropped, but only once it is one.
    const ToolSection::Result result = section->push(byte, sink);
    if (calls > calls_before) {
      begun = true;
      skipped = 0;
      spaces.clear();
      raw.clear();
    }
    if (!begun) raw += byte;
    if (result == ToolSection::Result::done) {
      std::string rest = std::move(section->left_over());
      end_section();
      again = std::move(rest);
    } else if (result == ToolSection::Result::invalid) {
      if (begun) {
        end_section();
        again.assign(1, byte);
      } else {
        give_up_section();
      }
    } else if (raw.size() > kMaxHeld) {
      give_up_section();
    }
  }

  void end_section() {
    section.reset();
    raw.clear();
    spaces.clear();
    drop_spaces = true;
    mode = Mode::content;
  }

  /// The section was text: its first byte certainly, the rest is to be read again.
  void give_up_section() {
    section.reset();
    mode = before == Mode::start ? Mode::content : before;
    const std::string text = std::exchange(raw, {});
    plain(text.front());
    again = text.substr(1);
  }

  Mode before = Mode::start;
};

AnswerParser::AnswerParser(AnswerFormat format, bool tools, std::string_view definitions)
    : state_(std::make_unique<State>(std::move(format), tools, definitions)) {}
AnswerParser::AnswerParser(AnswerParser&&) noexcept = default;
AnswerParser& AnswerParser::operator=(AnswerParser&&) noexcept = default;
AnswerParser::~AnswerParser() = default;

std::vector<AnswerPiece> AnswerParser::push(std::string_view text) {
  for (const char byte : text) state_->push(byte);
  return state_->take();
}

std::vector<AnswerPiece> AnswerParser::finish() {
  state_->finish();
  return state_->take();
}

void AnswerParser::skip_held() {
  state_->skipped = state_->spaces.size() + state_->held.size() + state_->raw.size();
}

bool AnswerParser::thinking() const { return state_->mode == State::Mode::thinking; }
std::int64_t AnswerParser::calls() const { return state_->calls; }

}  // namespace jielong
