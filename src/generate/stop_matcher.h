#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace jielong {

/// Finds stop texts in a growing text, across the borders of its pieces. Text that may
/// turn out to be the beginning of a stop text is held back.
class StopMatcher {
 public:
  explicit StopMatcher(std::vector<std::string> stops);

  /// Appends a piece and returns the text that is now certain to come before any stop.
  std::string push(std::string_view piece);
  /// The text still held back; nothing when a stop was found.
  std::string finish();

  bool found() const { return found_; }
  /// The stop text that was found.
  const std::string& match() const { return match_; }

 private:
  std::vector<std::string> stops_;
  std::string held_;
  std::string match_;
  bool found_ = false;
};

}  // namespace jielong
