#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "cli/commands.h"
#include "cli/engine.h"
#include "cli/input.h"
#include "cli/text_width.h"

namespace jielong::cli {
namespace {

struct TokenizeFlags {
  EngineFlags engine;
  std::vector<std::string> words;
  std::string file;
  bool no_special = false;
  bool parse_special = false;
  bool ids = false;
  bool decode = false;
  bool count = false;
};

std::vector<Token> parse_ids(const std::string& text, const Vocabulary& vocabulary) {
  std::vector<Token> tokens;
  const char* at = text.data();
  const char* end = at + text.size();
  while (at < end) {
    if (*at == ' ' || *at == ',' || *at == '\n' || *at == '\t' || *at == '[' || *at == ']') {
      ++at;
      continue;
    }
    Token token = 0;
    const auto [next, error] = std::from_chars(at, end, token);
    if (error != std::errc()) {
      throw bad_input("\"" + fit(std::string(at, end), 20) + "\" is no number", "tokenize --decode",
                      "give numbers of tokens, as in: 1 15043 29991");
    }
    if (!vocabulary.contains(token)) {
      throw bad_input(fmt::format("token {} is not among the model's {}", token, vocabulary.size()),
                      "tokenize --decode");
    }
    tokens.push_back(token);
    at = next;
  }
  return tokens;
}

std::string_view class_name(TokenClass token_class) {
  switch (token_class) {
    case TokenClass::normal: return "normal";
    case TokenClass::unknown: return "unknown";
    case TokenClass::control: return "control";
    case TokenClass::user_defined: return "user_defined";
    case TokenClass::unused: return "unused";
    case TokenClass::byte: return "byte";
  }
  return "normal";
}

/// Pieces in alternating colours with their numbers below, as wide as the terminal.
void print_pieces(Console& console, const Tokenizer& tokenizer, const std::vector<Token>& tokens) {
  constexpr Style kStyles[] = {Style::cyan, Style::yellow, Style::green, Style::magenta};
  const int columns = console.columns();
  std::string pieces, numbers;
  int width = 0;
  const auto flush = [&] {
    if (width > 0) console.print(pieces + "\n" + numbers + "\n\n");
    pieces.clear();
    numbers.clear();
    width = 0;
  };
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const std::string piece = visible(tokenizer.bytes(tokens[i]));
    const std::string number = std::to_string(tokens[i]);
    const int room = std::max(display_width(piece), display_width(number)) + 1;
    if (width > 0 && width + room > columns) flush();
    const bool special = tokenizer.vocabulary().is_special(tokens[i]);
    pieces += console.paint(special ? Style::red : kStyles[i % std::size(kStyles)], piece);
    pieces.append(static_cast<std::size_t>(room - display_width(piece)), ' ');
    numbers += console.paint(Style::dim, pad(number, room));
    width += room;
  }
  flush();
}

void tokenize(const TokenizeFlags& flags, Console& console) {
  const auto model = load_model(flags.engine, console);
  const Tokenizer& tokenizer = model->tokenizer();
  const std::string text = read_input(flags.words, flags.file);
  if (flags.decode) {
    const std::string decoded = tokenizer.decode(parse_ids(text, tokenizer.vocabulary()),
                                                 {.skip_special = flags.no_special});
    if (console.json) {
      console.print_json({{"text", decoded}});
    } else {
      console.print(decoded + "\n");
    }
    return;
  }
  const std::vector<Token> tokens = tokenizer.encode(
      text, {.add_special = !flags.no_special, .parse_special = flags.parse_special});
  if (console.json) {
    OrderedJson list = OrderedJson::array();
    for (const Token token : tokens) {
      list.push_back({{"id", token},
                      {"text", tokenizer.bytes(token)},
                      {"piece", tokenizer.vocabulary().piece(token)},
                      {"class", class_name(tokenizer.vocabulary().token_class(token))}});
    }
    console.print_json({{"count", tokens.size()}, {"tokens", std::move(list)}});
  } else if (flags.count) {
    console.print(fmt::format("{}\n", tokens.size()));
  } else if (flags.ids || console.quiet) {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      console.print(fmt::format("{}{}", i > 0 ? " " : "", tokens[i]));
    }
    console.print("\n");
  } else {
    print_pieces(console, tokenizer, tokens);
    console.print(console.paint(Style::dim, fmt::format("{} tokens, {} bytes, {}\n", tokens.size(),
                                                        text.size(), tokenizer.algorithm())));
  }
}

}  // namespace

void add_tokenize(Command& command, Console& console) {
  auto flags = std::make_shared<TokenizeFlags>();
  flags->engine.model = "smollm2";
  command.argument("model,-m,--model", flags->engine.model, "Whose tokens");
  command.arguments("text", flags->words, "The text; none: standard input");
  command.value("-f,--file", flags->file, "FILE", "Read the text from a file");
  command.flag("--no-special", flags->no_special, "Without the tokens a model expects around it");
  command.flag("--parse-special", flags->parse_special, "Read names of control tokens as tokens");
  command.flag("--ids", flags->ids, "Print numbers only");
  command.flag("--count", flags->count, "Print how many there are");
  command.flag("-d,--decode", flags->decode, "The other way: numbers to text");
  command.example("jielong tokenize smollm2 \"台灣大學\"", "pieces and their numbers");
  command.example("jielong tokenize smollm2 --ids \"Hello\" | jielong tokenize smollm2 -d",
                  "there and back");
  command.action([flags, &console] { tokenize(*flags, console); });
}

}  // namespace jielong::cli
