#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace jielong {

/// The one of `known` that `word` was most likely meant to be: the fewest insertions, deletions,
/// replacements and swaps of neighbours away, and no more than a third of its letters.
std::optional<std::string> most_similar(std::string_view word,
                                        const std::vector<std::string>& known);

}  // namespace jielong
