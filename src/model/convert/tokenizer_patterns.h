#pragma once

#include <string_view>

namespace jielong {

/// The expressions by which tokenizer.json says what GGUF's remove_extra_whitespaces does.
/// Spaces alone: "Strip" would take other white space, too.
inline constexpr std::string_view kOuterSpaces = R"(\A +| +\z)";
inline constexpr std::string_view kInnerSpaces = " {2,}";

}  // namespace jielong
