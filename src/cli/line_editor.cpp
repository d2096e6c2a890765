#include "cli/line_editor.h"

#include <histedit.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <clocale>
#include <cstdio>
#include <cstring>
#include <cwchar>
#include <fstream>
#include <system_error>
#include <utility>

#include "cli/interrupt.h"

namespace jielong::cli {
namespace {

constexpr std::size_t kMaxHistory = 2000;
// One entry a line in the file: line breaks within an entry are escaped.
std::string escape(const std::string& entry) {
  std::string out;
  for (const char c : entry) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

std::string unescape(const std::string& line) {
  std::string out;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\\' && i + 1 < line.size()) {
      out += line[++i] == 'n' ? '\n' : line[i];
    } else {
      out += line[i];
    }
  }
  return out;
}

/// libedit decodes UTF-8 only under a UTF-8 locale, which minimal systems do not set.
void use_utf8_locale() {
  std::setlocale(LC_CTYPE, "");
  if (MB_CUR_MAX == 1) std::setlocale(LC_CTYPE, "C.UTF-8");
}

}  // namespace

struct LineEditor::State {
  EditLine* edit = nullptr;
  History* history = nullptr;
  std::filesystem::path file;
  std::vector<std::string> completions;
  std::string prompt;

  static State& of(EditLine* edit) {
    void* data = nullptr;
    el_get(edit, EL_CLIENTDATA, &data);
    return *static_cast<State*>(data);
  }

  /// Reads one key for libedit. A Ctrl-C that comes while the program is not yet waiting, or
  /// that another thread receives, would not wake a plain read(): hence the looks at the flag.
  static int read_key(EditLine*, wchar_t* key) {
    constexpr int kLookEveryMilliseconds = 50;
    std::mbstate_t character{};
    for (;;) {
      pollfd input{STDIN_FILENO, POLLIN, 0};
      if (interrupted.load()) {
        errno = EINTR;
        return -1;
      }
      const int ready = ::poll(&input, 1, kLookEveryMilliseconds);
      if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
      char byte = 0;
      const ssize_t count = ready < 0 ? -1 : ::read(STDIN_FILENO, &byte, 1);
      if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (count <= 0) return static_cast<int>(count);
      constexpr auto kInvalid = static_cast<std::size_t>(-1);
      constexpr auto kIncomplete = static_cast<std::size_t>(-2);
      const std::size_t result = std::mbrtowc(key, &byte, 1, &character);
      if (result == kIncomplete) continue;
      if (result == kInvalid) *key = 0xFFFD;
      return 1;
    }
  }

  static char* show_prompt(EditLine* edit) { return of(edit).prompt.data(); }

  /// Terminals with bracketed paste send ESC[200~ text ESC[201~: the text goes into the
  /// line as it is, line breaks included.
  static unsigned char paste(EditLine* edit, int) {
    const std::wstring end = L"\x1b[201~";
    std::wstring text;
    wchar_t c = 0;
    while (el_wgetc(edit, &c) == 1) {
      text += c == L'\r' ? L'\n' : c;
      if (text.ends_with(end)) {
        text.resize(text.size() - end.size());
        break;
      }
    }
    std::replace(text.begin(), text.end(), L'\t', L' ');
    if (el_winsertstr(edit, text.c_str()) != 0) return CC_ERROR;
    return CC_REFRESH;
  }

  static unsigned char complete(EditLine* edit, int) {
    const LineInfo* line = el_line(edit);
    const std::string typed(line->buffer, line->cursor);
    std::vector<std::string> fitting;
    for (const std::string& candidate : of(edit).completions) {
      if (candidate.starts_with(typed)) fitting.push_back(candidate);
    }
    if (typed.empty() || fitting.empty()) return CC_ERROR;
    std::string common = fitting.front();
    for (const std::string& candidate : fitting) {
      const auto parting =
          std::mismatch(common.begin(), common.end(), candidate.begin(), candidate.end());
      common.erase(parting.first, common.end());
    }
    if (fitting.size() == 1) common += ' ';
    if (common.size() > typed.size()) {
      el_insertstr(edit, common.substr(typed.size()).c_str());
      return CC_REFRESH;
    }
    std::string list = "\n";
    for (const std::string& candidate : fitting) list += candidate + "  ";
    std::fputs((list + "\n").c_str(), stdout);
    return CC_REDISPLAY;
  }
};

LineEditor::LineEditor(std::filesystem::path history_file, std::vector<std::string> completions)
    : state_(std::make_unique<State>()) {
  use_utf8_locale();
  State& s = *state_;
  s.file = std::move(history_file);
  s.completions = std::move(completions);
  s.edit = el_init("jielong", stdin, stdout, stderr);
  s.history = history_init();
  HistEvent event;
  history(s.history, &event, H_SETSIZE, static_cast<int>(kMaxHistory));
  history(s.history, &event, H_SETUNIQUE, 1);
  el_set(s.edit, EL_CLIENTDATA, &s);
  el_set(s.edit, EL_GETCFN, &State::read_key);
  el_set(s.edit, EL_PROMPT, &State::show_prompt);
  el_set(s.edit, EL_EDITOR, "emacs");
  el_set(s.edit, EL_HIST, history, s.history);
  el_set(s.edit, EL_ADDFN, "jielong-paste", "insert pasted text", &State::paste);
  el_set(s.edit, EL_ADDFN, "jielong-complete", "complete a command", &State::complete);
  el_set(s.edit, EL_BIND, "\x1b[200~", "jielong-paste", nullptr);
  el_set(s.edit, EL_BIND, "\t", "jielong-complete", nullptr);
  el_set(s.edit, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  // Home, End, Delete and Ctrl with arrows, as terminals send them.
  constexpr std::pair<const char*, const char*> kKeys[] = {
      {"\x1b[H", "ed-move-to-beg"},       {"\x1b[F", "ed-move-to-end"},
      {"\x1b[1~", "ed-move-to-beg"},      {"\x1b[4~", "ed-move-to-end"},
      {"\x1b[3~", "ed-delete-next-char"}, {"\x1b[1;5C", "em-next-word"},
      {"\x1b[1;5D", "ed-prev-word"}};
  for (const auto& [keys, function] : kKeys) el_set(s.edit, EL_BIND, keys, function, nullptr);
  el_source(s.edit, nullptr);

  std::ifstream file(s.file);
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) history(s.history, &event, H_ENTER, unescape(line).c_str());
  }
}

LineEditor::~LineEditor() {
  if (state_->edit != nullptr) el_end(state_->edit);
  if (state_->history != nullptr) history_end(state_->history);
}

LineEditor::Outcome LineEditor::read(const std::string& prompt, std::string& line) {
  State& s = *state_;
  s.prompt = prompt;
  clear_interrupt();
  std::fputs("\x1b[?2004h", stdout);
  std::fflush(stdout);
  // libedit prints the prompt before it takes over the terminal when keys are waiting, and a
  // Ctrl-D typed in between would reach it as a zero byte.
  el_set(s.edit, EL_PREP_TERM, 1);
  int count = 0;
  errno = 0;
  const char* text = el_gets(s.edit, &count);
  std::fputs("\x1b[?2004l", stdout);
  std::fflush(stdout);
  if (clear_interrupt()) {
    el_reset(s.edit);
    std::fputs("\n", stdout);
    return Outcome::stopped;
  }
  if (text == nullptr || count <= 0) return Outcome::end;
  line.assign(text, static_cast<std::size_t>(count));
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
  return Outcome::line;
}

void LineEditor::remember(const std::string& entry) {
  if (entry.empty()) return;
  HistEvent event;
  history(state_->history, &event, H_ENTER, entry.c_str());
  // A history that cannot be kept must not end a conversation.
  std::error_code ignored;
  std::filesystem::create_directories(state_->file.parent_path(), ignored);
  std::ofstream(state_->file, std::ios::app) << escape(entry) << '\n';
}

}  // namespace jielong::cli
