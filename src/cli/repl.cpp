#include <fmt/format.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/paths.h"
#include "cli/interrupt.h"
#include "cli/line_editor.h"
#include "cli/run_flags.h"
#include "cli/text_width.h"

namespace jielong::cli {
namespace {

constexpr std::uint64_t kMaxChatBytes = 64U << 20;
constexpr const char* kFence = "\"\"\"";

struct ChatCommand {
  const char* name;
  const char* argument;
  const char* help;
};

constexpr ChatCommand kCommands[] = {
    {"/help", "", "list these commands"},
    {"/set", "[NAME VALUE]", "change a setting, as in /set temp 0.2; alone: show them"},
    {"/system", "[TEXT]", "tell the model what it is; alone: show it; \"-\": remove it"},
    {"/clear", "", "forget the conversation"},
    {"/regen", "", "answer the last question again"},
    {"/undo", "", "take back the last question and its answer"},
    {"/dice", "[N|off]", "draw the distribution for N candidates at every token"},
    {"/history", "", "show the conversation"},
    {"/prompt", "", "show the text the model is given"},
    {"/save", "[FILE]", "save the conversation"},
    {"/load", "FILE", "go on with a saved conversation"},
    {"/stats", "[on|off]", "tell speed and counts after each answer"},
    {"/exit", "", "leave; so does Ctrl-D"}};

/// Keeps the terminal from writing ^C into an answer.
class QuietControlKeys {
 public:
  QuietControlKeys() {
    valid_ = tcgetattr(STDIN_FILENO, &before_) == 0;
    if (!valid_) return;
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHOCTL);
    tcsetattr(STDIN_FILENO, TCSANOW, &quiet);
  }
  QuietControlKeys(const QuietControlKeys&) = delete;
  QuietControlKeys& operator=(const QuietControlKeys&) = delete;
  ~QuietControlKeys() {
    if (valid_) tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }

 private:
  termios before_{};
  bool valid_ = false;
};

class Repl {
 public:
  explicit Repl(Talk& talk) : talk_(talk), editor_(data_folder() / "history", completions()) {}

  void run() {
    greet();
    std::string text;
    while (read_entry(text)) {
      if (text.empty()) continue;
      editor_.remember(text);
      try {
        const QuietControlKeys quiet;
        if (text.front() == '/' && is_command(text)) {
          if (!command(text)) return;
        } else {
          talk_.answer(text);
        }
      } catch (const Error& error) {
        talk_.console.report(error);
      }
      if (clear_interrupt()) talk_.console.note(dim("(stopped)"));
    }
  }

 private:
  static std::vector<std::string> completions() {
    std::vector<std::string> words;
    for (const ChatCommand& entry : kCommands) words.emplace_back(entry.name);
    return words;
  }

  std::string dim(const std::string& text) const {
    return talk_.console.paint_error(Style::dim, text);
  }

  void greet() {
    const Model& model = *talk_.engine.model;
    const std::string title =
        model.hyper().name.empty() ? talk_.flags.engine.model : model.hyper().name;
    talk_.console.note(
        dim(fmt::format("{} · {:.0f}M parameters · context {} · {} threads\n"
                        "/help lists commands, {} begins and ends a longer text, Ctrl-D leaves.",
                        title, static_cast<double>(model.parameter_count()) / 1e6,
                        talk_.engine.runner->context_length(), talk_.engine.pool->size(), kFence)));
  }

  /// A question: one line, lines joined by a trailing backslash, or a fenced text. False
  /// at the end of the conversation.
  bool read_entry(std::string& text) {
    text.clear();
    bool fenced = false;
    for (bool more = true; more;) {
      std::string line;
      switch (editor_.read(text.empty() && !fenced ? ">>> " : "... ", line)) {
        case LineEditor::Outcome::end: std::fputs("\n", stdout); return false;
        case LineEditor::Outcome::stopped:
          if (text.empty() && !fenced) talk_.console.note(dim("(Ctrl-D or /exit leaves)"));
          text.clear();
          return true;
        case LineEditor::Outcome::line: break;
      }
      more = add_line(line, text, fenced);
    }
    return true;
  }

  /// Returns whether the entry goes on.
  static bool add_line(std::string line, std::string& text, bool& fenced) {
    if (!fenced && text.empty() && line.starts_with(kFence)) {
      fenced = true;
      line.erase(0, 3);
      if (line.empty()) return true;
    }
    if (fenced) {
      const std::size_t end = line.find(kFence);
      text += line.substr(0, end);
      if (end != std::string::npos) {
        if (text.ends_with('\n')) text.pop_back();
        return false;
      }
      text += '\n';
      return true;
    }
    if (line.ends_with('\\')) {
      line.back() = '\n';
      text += line;
      return true;
    }
    text += line;
    return false;
  }

  /// Whether it looks like a command and not like a path or a Unicode face.
  static bool is_command(const std::string& text) {
    const std::string word = text.substr(0, text.find_first_of(" \n"));
    return word.find('/', 1) == std::string::npos;
  }

  /// Returns false to leave.
  bool command(const std::string& text) {
    const std::size_t space = text.find_first_of(" \n");
    const std::string name = text.substr(0, space);
    std::string argument = space == std::string::npos ? "" : text.substr(space + 1);
    argument.erase(0, argument.find_first_not_of(' '));
    Console& console = talk_.console;
    if (name == "/exit" || name == "/quit" || name == "/bye") return false;
    if (name == "/help" || name == "/?") {
      for (const ChatCommand& entry : kCommands) {
        console.print(fmt::format(
            "  {} {}\n", pad(std::string(entry.name) + " " + entry.argument, 20), entry.help));
      }
    } else if (name == "/set") {
      set(argument);
    } else if (name == "/system") {
      set_system(argument);
    } else if (name == "/clear") {
      clear();
    } else if (name == "/regen") {
      talk_.answer_again();
    } else if (name == "/undo") {
      undo();
    } else if (name == "/dice") {
      set_dice(argument);
    } else if (name == "/history") {
      for (const ChatMessage& message : talk_.chat->messages()) {
        console.print(console.paint(Style::bold, message.role + ": ") + harmless(message.content) +
                      "\n");
      }
    } else if (name == "/prompt") {
      console.print(harmless(talk_.chat->prompt_text()) + "\n");
    } else if (name == "/save") {
      save(argument);
    } else if (name == "/load") {
      load(argument);
    } else if (name == "/stats") {
      talk_.flags.timings = argument == "on" || (argument != "off" && !talk_.flags.timings);
      console.note(dim(talk_.flags.timings ? "(figures after each answer)" : "(no figures)"));
    } else {
      throw bad_input("unknown command " + name, "", "/help lists the commands");
    }
    return true;
  }

  void set(const std::string& argument) {
    GenerationFlags& flags = talk_.flags.generation;
    if (argument.empty()) {
      talk_.console.print(flags.describe(talk_.tokenizer()) +
                          fmt::format("; max-tokens {}; seed {}\n", flags.max_tokens,
                                      flags.seed ? std::to_string(*flags.seed) : "random"));
      return;
    }
    std::vector<std::string> words;
    std::istringstream stream(argument);
    for (std::string word; stream >> word;) words.push_back(word);
    std::string name = words[0].substr(std::min(words[0].find_first_not_of('-'), words[0].size()));
    std::replace(name.begin(), name.end(), '_', '-');
    // One word with "=", so that flags without a value can be switched off again, too.
    std::string value = words.size() > 1 ? argument.substr(argument.find(words[1], words[0].size()))
                                         : std::string();
    while (value.ends_with(' ')) value.pop_back();
    GenerationFlags changed = flags;
    try {
      parse_flags([&](Command& command) { changed.declare(command); },
                  {"--" + name + (value.empty() ? "" : "=" + value)});
    } catch (const Error& error) {
      throw bad_input(error.problem(), "/set " + argument,
                      "names are the flags of jielong run --help, as in /set temp 0.2");
    }
    changed.options(talk_.tokenizer(), 0);  // throws on values that make no sense
    flags = changed;
    talk_.console.note(dim(flags.describe(talk_.tokenizer())));
  }

  void set_system(const std::string& argument) {
    const auto& messages = talk_.chat->messages();
    if (argument.empty()) {
      const bool there = !messages.empty() && messages.front().role == "system";
      talk_.console.print((there ? messages.front().content : "(none)") + "\n");
      return;
    }
    talk_.chat->set_system(argument == "-" ? "" : argument);
  }

  void clear() {
    auto& messages = talk_.chat->messages();
    std::erase_if(messages, [](const ChatMessage& message) { return message.role != "system"; });
    talk_.retries = 0;
    talk_.console.note(dim("(forgotten)"));
  }

  void undo() {
    auto& messages = talk_.chat->messages();
    const auto is_answer = [](const ChatMessage& message) { return message.role == "assistant"; };
    if (!messages.empty() && is_answer(messages.back())) messages.pop_back();
    if (!messages.empty() && messages.back().role == "user") {
      talk_.console.note(dim("(taken back: " + fit(harmless(messages.back().content), 60) + ")"));
      messages.pop_back();
    }
  }

  void set_dice(const std::string& argument) {
    std::int64_t& dice = talk_.flags.generation.dice;
    if (argument == "off" || (argument.empty() && dice > 0)) {
      dice = 0;
    } else if (argument.empty() || argument == "on") {
      dice = 8;
    } else {
      try {
        dice = std::clamp<std::int64_t>(std::stol(argument), 0, 1000);
      } catch (const std::exception&) {
        throw bad_input("\"" + argument + "\" is no number", "/dice", "use /dice 8 or /dice off");
      }
    }
    talk_.console.note(dim(dice > 0 ? fmt::format("(drawing {} candidates)", dice) : "(no dice)"));
  }

  void save(const std::string& argument) {
    const std::filesystem::path file =
        argument.empty() ? data_folder() / "chats" / "chat.json" : std::filesystem::path(argument);
    OrderedJson messages = OrderedJson::array();
    for (const ChatMessage& message : talk_.chat->messages()) {
      messages.push_back({{"role", message.role}, {"content", message.content}});
    }
    const OrderedJson chat{{"format", "jielong-chat"},
                           {"version", 1},
                           {"model", talk_.flags.engine.model},
                           {"messages", std::move(messages)}};
    if (file.has_parent_path()) std::filesystem::create_directories(file.parent_path());
    write_file(file, chat.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n");
    talk_.console.note(dim("(saved to " + file.string() + ")"));
  }

  void load(const std::string& argument) {
    const std::filesystem::path file =
        argument.empty() ? data_folder() / "chats" / "chat.json" : std::filesystem::path(argument);
    const Json chat = parse_json(read_file(file, kMaxChatBytes), file.string());
    // A bare list of messages is read too: other programs write that.
    const Json* list = chat.is_array() ? &chat : nullptr;
    if (chat.is_object() && chat.contains("messages")) list = &chat["messages"];
    std::vector<ChatMessage> messages;
    const auto bad = [&] {
      return bad_input("this is no saved conversation", file.string(),
                       "load a file that /save wrote, or a list of {role, content}");
    };
    if (list == nullptr || !list->is_array()) throw bad();
    for (const Json& entry : *list) {
      if (!entry.is_object() || !entry.contains("role") || !entry["role"].is_string() ||
          !entry.contains("content") || !entry["content"].is_string()) {
        throw bad();
      }
      messages.push_back({entry["role"].get<std::string>(), entry["content"].get<std::string>()});
    }
    talk_.chat->messages() = std::move(messages);
    talk_.console.note(dim(fmt::format("({} messages)", talk_.chat->messages().size())));
  }

  Talk& talk_;
  LineEditor editor_;
};

}  // namespace

void run_repl(Talk& talk) { Repl(talk).run(); }

}  // namespace jielong::cli
