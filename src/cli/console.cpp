#include "cli/console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>

namespace jielong::cli {
namespace {

std::string painted(bool colors, Style style, std::string_view text) {
  if (!colors || style == Style::plain || text.empty()) return std::string(text);
  constexpr const char* kCodes[] = {"", "1", "2", "31", "32", "33", "34", "35", "36"};
  return std::string("\x1b[") + kCodes[static_cast<int>(style)] + "m" + std::string(text) +
         "\x1b[0m";
}

void say(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stderr); }

bool set(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

std::string_view kind_name(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::bad_input: return "bad_input";
    case ErrorKind::not_found: return "not_found";
    case ErrorKind::unsupported: return "unsupported";
    case ErrorKind::limit: return "limit";
    case ErrorKind::io: return "io";
    case ErrorKind::cancelled: return "cancelled";
    case ErrorKind::internal: return "internal";
  }
  return "internal";
}

}  // namespace

Console::Console()
    : out_is_terminal_(isatty(STDOUT_FILENO) != 0),
      error_is_terminal_(isatty(STDERR_FILENO) != 0),
      in_is_terminal_(isatty(STDIN_FILENO) != 0) {
  const char* terminal = std::getenv("TERM");
  color_allowed_ = !set("NO_COLOR") && terminal != nullptr && std::strcmp(terminal, "dumb") != 0;
}

int Console::columns() const {
  winsize size{};
  for (const int descriptor : {STDOUT_FILENO, STDERR_FILENO}) {
    if (ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  }
  return 80;
}

void Console::print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) {
    throw Error(ErrorKind::io, std::strerror(errno), "standard output");
  }
}

void Console::print_json(const OrderedJson& value) {
  // Bytes that are no UTF-8 must not make a result unreadable.
  print(value.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n");
}

void Console::flush() {
  if (std::fflush(stdout) != 0) {
    throw Error(ErrorKind::io, std::strerror(errno), "standard output");
  }
}

void Console::note(std::string_view text) {
  if (quiet) return;
  say(std::string(text) + "\n");
}

std::string Console::paint(Style style, std::string_view text) const {
  return painted(colors(), style, text);
}

std::string Console::paint_error(Style style, std::string_view text) const {
  return painted(color_allowed_ && error_is_terminal_ && !no_color, style, text);
}

void Console::report(const Error& error) {
  std::fflush(stdout);
  if (json) {
    const OrderedJson value{{"error",
                             {{"kind", kind_name(error.kind())},
                              {"message", error.problem()},
                              {"where", error.where()},
                              {"fix", error.fix()}}}};
    say(value.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n");
    return;
  }
  report(error.where().empty() ? error.problem() : error.where() + ": " + error.problem(),
         error.fix());
}

void Console::report(std::string_view problem, std::string_view fix) {
  say(paint_error(Style::red, "error:") + " " + std::string(problem) + "\n");
  if (!fix.empty()) say(paint_error(Style::green, "fix:") + " " + std::string(fix) + "\n");
}

}  // namespace jielong::cli
