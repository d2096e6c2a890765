#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/template/value.h"

namespace jielong::jinja {

// Python's text functions over UTF-8. Places and lengths count code points.

std::size_t count_points(std::string_view text);
/// The byte at which each code point starts, and the size of the text at the end.
std::vector<std::size_t> point_offsets(std::string_view text);

std::string upper(std::string_view text);
std::string lower(std::string_view text);
/// str.title(): every run of letters starts with a capital.
std::string title(std::string_view text);
std::string capitalize(std::string_view text);

enum class Side { both, left, right };
/// str.strip() and its one-sided twins; `characters` null means white space.
std::string_view strip(std::string_view text, const std::string* characters, Side side);
std::vector<std::string> split_lines(std::string_view text, bool keep_ends);
/// str.replace(); `count` below zero means all.
std::string replace(Runtime& runtime, const std::string& text, const std::string& old_part,
                    const std::string& new_part, std::int64_t count);
/// The first place of `part` at or after byte `from`, or npos. Linear time.
std::size_t find_part(std::string_view text, std::string_view part, std::size_t from);

/// "…" % values, printf's conversions as Python has them.
std::string format_percent(Runtime& runtime, const std::string& format, const Value& values);
/// "…".format(…) with {}, {0}, {name} and the common format specifications.
std::string format_braces(Runtime& runtime, const std::string& format, const Arguments& arguments);

/// int(text, base) and float(text); false when Python would refuse the text.
bool read_whole(std::string_view text, int base, std::int64_t* value);
bool read_real(std::string_view text, double* value);
/// round(value, digits): half to even on the exact decimal value.
double round_real(double value, int digits);

}  // namespace jielong::jinja
