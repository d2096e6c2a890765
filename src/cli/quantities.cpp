#include "cli/quantities.h"

#include <cmath>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/quote.h"

namespace jielong::cli {
namespace {

/// The number at the front of `text` and what follows it, without spaces between.
std::pair<double, std::string> split(const std::string& text, const std::string& where) {
  std::size_t used = 0;
  double number = 0;
  try {
    number = std::stod(text, &used);
  } catch (const std::exception&) {
    throw bad_input(in_quotes(text) + " is no number", where);
  }
  if (!std::isfinite(number)) throw bad_input(in_quotes(text) + " is no number", where);
  while (used < text.size() && text[used] == ' ') ++used;
  return {number, text.substr(used)};
}

}  // namespace

std::uint64_t parse_bytes(const std::string& text, const std::string& where) {
  const auto [number, unit] = split(text, where);
  constexpr std::string_view kUnits = "KMGT";
  double factor = 1;
  if (!unit.empty() && unit != "B") {
    const std::size_t power = kUnits.find(unit.front());
    const std::string_view rest = std::string_view(unit).substr(1);
    if (power == std::string_view::npos || (!rest.empty() && rest != "B" && rest != "iB")) {
      throw bad_input(in_quotes(unit) + " is no unit of memory", where, "give it as 8G or 512M");
    }
    factor = std::pow(1024.0, static_cast<double>(power + 1));
  }
  if (number < 0 || number * factor > 1e18) throw bad_input("is out of range", where);
  return static_cast<std::uint64_t>(number * factor);
}

std::chrono::seconds parse_seconds(const std::string& text, const std::string& where) {
  const auto [number, unit] = split(text, where);
  double factor = 1;
  if (unit == "m") {
    factor = 60;
  } else if (unit == "h") {
    factor = 3600;
  } else if (!unit.empty() && unit != "s") {
    throw bad_input(in_quotes(unit) + " is no unit of time", where, "give it as 90s, 5m or 2h");
  }
  if (std::abs(number * factor) > 1e9) throw bad_input("is out of range", where);
  return std::chrono::seconds(static_cast<std::int64_t>(std::floor(number * factor)));
}

}  // namespace jielong::cli
