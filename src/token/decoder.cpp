#include "token/decoder.h"

#include <algorithm>

#include "token/byte_letters.h"
#include "token/subword.h"

namespace jielong {
namespace {

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  if (from.empty()) return;
  std::size_t at = text.find(from);
  if (at == std::string::npos) return;
  std::string out;
  std::size_t begin = 0;
  for (; at != std::string::npos; at = text.find(from, begin)) {
    out.append(text, begin, at - begin);
    out += to;
    begin = at + from.size();
  }
  out.append(text, begin);
  text = std::move(out);
}

bool starts_with(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

void strip_start(std::string& text, const std::string& what, int count) {
  for (; count > 0 && !what.empty() && starts_with(text, what); --count) text.erase(0, what.size());
}

void strip_end(std::string& text, const std::string& what, int count) {
  const auto ends = [&] {
    return !what.empty() && text.size() >= what.size() &&
           text.compare(text.size() - what.size(), what.size(), what) == 0;
  };
  for (; count > 0 && ends(); --count) text.resize(text.size() - what.size());
}

}  // namespace

bool Decoder::reads_byte_letters() const {
  return std::any_of(steps_.begin(), steps_.end(),
                     [](const Step& step) { return step.rule == Rule::byte_letters; });
}

void Decoder::decode(std::string& out, std::string_view piece, DecodeState& state) const {
  const bool first = state.at_start;
  std::string text(piece);
  for (const Step& step : steps_) {
    switch (step.rule) {
      case Rule::replace: replace_all(text, step.from, step.to); break;
      case Rule::byte_letters: {
        std::string bytes;
        if (byte_letters::read(bytes, text)) text = std::move(bytes);
        break;
      }
      case Rule::byte_fallback:
        if (const int byte = byte_token_value(text); byte >= 0) {
          text.assign(1, static_cast<char>(byte));
        }
        break;
      case Rule::strip_start: strip_start(text, step.from, step.count); break;
      case Rule::strip_end: strip_end(text, step.from, step.count); break;
      case Rule::strip_text:
        if (first) strip_start(text, step.from, step.count);
        break;
      case Rule::word_pieces:
        if (first) break;
        if (!step.from.empty() && starts_with(text, step.from)) {
          text.erase(0, step.from.size());
        } else {
          text.insert(0, 1, ' ');
        }
        break;
      case Rule::metaspace:
        if (first && step.count > 0) strip_start(text, step.from, 1);
        replace_all(text, step.from, " ");
        break;
      case Rule::end_of_word:
        if (const std::size_t before = text.size();
            strip_end(text, step.from, 1), text.size() != before) {
          text += ' ';
        }
        break;
      case Rule::join_words:
        if (!first) text.insert(0, 1, ' ');
        break;
      case Rule::clean_up: text = clean_up_spaces(text); break;
    }
  }
  out += text;
  state.at_start = false;
}

}  // namespace jielong
