#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/json.h"

namespace jielong::cli {

enum class Style : std::uint8_t { plain, bold, dim, red, green, yellow, blue, magenta, cyan };

/// Where a command's words go: results to standard output, everything else to standard
/// error. Colours appear on terminals only, and never under NO_COLOR or --no-color.
class Console {
 public:
  Console();

  bool json = false;      ///< --json: the result as one JSON value
  bool quiet = false;     ///< --quiet: results only, bare
  bool no_color = false;  ///< --no-color

  bool out_is_terminal() const { return out_is_terminal_; }
  bool error_is_terminal() const { return error_is_terminal_; }
  bool in_is_terminal() const { return in_is_terminal_; }
  /// Columns of the terminal, 80 when unknown.
  int columns() const;

  /// Writes to standard output. Throws Error(io) when that fails.
  void print(std::string_view text);
  void print_json(const OrderedJson& value);
  void flush();
  /// Writes a line to standard error, unless --quiet.
  void note(std::string_view text);

  /// `text` in a style, for standard output.
  std::string paint(Style style, std::string_view text) const;
  /// The same for standard error.
  std::string paint_error(Style style, std::string_view text) const;
  bool colors() const { return color_allowed_ && out_is_terminal_ && !no_color; }

  /// "error: …" and "fix: …" on standard error, or one JSON object with --json.
  void report(const Error& error);
  void report(std::string_view problem, std::string_view fix = {});

 private:
  bool out_is_terminal_, error_is_terminal_, in_is_terminal_, color_allowed_;
};

}  // namespace jielong::cli
