#pragma once

#include <string>
#include <string_view>

namespace jielong::cli {

/// Columns that UTF-8 text takes on a terminal: Chinese characters take two, marks none.
int display_width(std::string_view text);

/// `text` cut to at most `columns`, with … where something is missing.
std::string fit(std::string_view text, int columns);

/// fit() and spaces behind, so that it takes exactly `columns`.
std::string pad(std::string_view text, int columns);

/// A token's bytes on one line: line breaks and other invisible bytes as ↵, ⇥, ␣ or <0A>.
std::string visible(std::string_view bytes);

/// `text` without what would steer a terminal: control characters other than line breaks
/// and tabs appear as <1B>.
std::string harmless(std::string_view text);

/// "12.3 MB", in powers of ten as disks and downloads count.
std::string human_bytes(double bytes);

}  // namespace jielong::cli
