#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace jielong {

/// Part of a text, in bytes: [begin, end).
struct TextRange {
  std::uint32_t begin;
  std::uint32_t end;
};

/// A regular expression over UTF-8 (PCRE2 with JIT, Unicode classes) as the tokenizer files
/// of Hugging Face mean it: \s is White_Space, \w includes marks and connectors. Matching
/// is bounded in steps and memory; any number of threads may use one.
class Regex {
 public:
  /// Throws Error(bad_input) with the place in the pattern, Error(limit) when too large.
  explicit Regex(std::string_view pattern, const std::string& where = {});
  ~Regex();
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;

  /// Appends the non-empty matches in `text` (below 4 GiB), leftmost first, without overlap.
  /// Malformed bytes never match. Throws Error(limit) when a match costs too many steps.
  void find_all(std::string_view text, std::vector<TextRange>& matches) const;

  const std::string& pattern() const { return pattern_; }

 private:
  struct Code;
  void find_in_valid(std::string_view text, std::uint32_t offset,
                     std::vector<TextRange>& matches) const;

  std::unique_ptr<Code> code_;
  std::string pattern_;
};

/// `text` as a pattern that matches exactly itself.
std::string escape_regex(std::string_view text);

}  // namespace jielong
