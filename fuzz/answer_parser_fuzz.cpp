// A model's answer can be any text. However it is cut into pieces, the parser must make the
// same of it, calls that it says are complete must have JSON for arguments, and a text that is
// neither thoughts nor calls must come out as it went in. The first byte chooses the format.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "generate/answer/answer_parser.h"

namespace {

using namespace jielong;
using Kind = AnswerPiece::Kind;

void require(bool holds) {
  if (!holds) std::abort();
}

constexpr std::string_view kTools =
    R"([{"type":"function","function":{"name":"f","parameters":{"properties":{"s":{"type":"string"},
       "n":{"type":"integer"}}}}}])";

/// All pieces, neighbours of one kind joined.
std::vector<AnswerPiece> parse(const AnswerFormat& format, bool tools, std::string_view text,
                               std::string_view cuts) {
  AnswerParser parser(format, tools, tools ? kTools : std::string_view());
  std::vector<AnswerPiece> pieces;
  const auto add = [&](std::vector<AnswerPiece> more) {
    for (AnswerPiece& piece : more) {
      const bool joins = piece.kind != Kind::tool_call && piece.kind != Kind::tool_end &&
                         !pieces.empty() && pieces.back().kind == piece.kind &&
                         pieces.back().call == piece.call;
      if (joins) {
        pieces.back().text += piece.text;
      } else {
        pieces.push_back(std::move(piece));
      }
    }
  };
  std::size_t next = 0;
  while (!text.empty()) {
    std::size_t length = text.size();
    if (!cuts.empty()) {
      length = std::min<std::size_t>(
          1 + static_cast<unsigned char>(cuts[next++ % cuts.size()]) % 19, text.size());
    }
    add(parser.push(text.substr(0, length)));
    text.remove_prefix(length);
  }
  add(parser.finish());
  return pieces;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  AnswerFormat format;
  format.tools = static_cast<AnswerFormat::ToolSyntax>(data[0] % 5);
  if ((data[0] & 8) != 0) {
    format.think_begin = "<think>";
    format.think_end = "</think>";
    format.starts_thinking = (data[0] & 16) != 0;
  }
  const bool tools = (data[0] & 32) != 0;
  const std::string cuts(reinterpret_cast<const char*>(data + 1),
                         std::min<std::size_t>(size - 1, 8));
  const std::string text = sanitize_utf8({reinterpret_cast<const char*>(data + 1), size - 1});

  const std::vector<AnswerPiece> whole = parse(format, tools, text, {});
  const std::vector<AnswerPiece> pieces = parse(format, tools, text, cuts);
  require(whole.size() == pieces.size());
  std::string content, arguments;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    require(whole[i].kind == pieces[i].kind && whole[i].text == pieces[i].text &&
            whole[i].call == pieces[i].call);
    switch (whole[i].kind) {
      case Kind::content: content += whole[i].text; break;
      case Kind::reasoning: require((data[0] & 8) != 0); break;
      case Kind::tool_call: arguments.clear(); break;
      case Kind::tool_arguments: arguments += whole[i].text; break;
      case Kind::tool_end: require(nlohmann::json::accept(arguments)); break;
    }
    require(tools || whole[i].kind == Kind::content || whole[i].kind == Kind::reasoning);
  }
  if (!tools && (data[0] & 8) == 0) require(content == text);
  return 0;
}
