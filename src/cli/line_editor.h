#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace jielong::cli {

/// Reads lines from a terminal with editing keys, a history that is kept in a file, pasting
/// of several lines and completion of words.
class LineEditor {
 public:
  enum class Outcome { line, end, stopped };

  /// @param history_file read now, appended to by remember(); need not exist
  /// @param completions  whole lines that Tab may complete a line's beginning to
  explicit LineEditor(std::filesystem::path history_file,
                      std::vector<std::string> completions = {});
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;
  ~LineEditor();

  /// Waits for a line, which may hold line breaks when it was pasted. `end` on Ctrl-D,
  /// `stopped` on Ctrl-C.
  Outcome read(const std::string& prompt, std::string& line);

  /// Adds an entry to the history and its file.
  void remember(const std::string& entry);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace jielong::cli
