#pragma once

#include <string>
#include <string_view>

namespace jielong::store {

/// A checked http or https URL. Parsed by libcurl, so that what is checked is what is used.
class Url {
 public:
  /// Throws Error(bad_input) for anything but http and https.
  static Url parse(const std::string& text);
  /// `reference`, absolute or relative to this URL, without this one's credentials
  /// when it leads to another origin.
  Url resolve(const std::string& reference) const;

  const std::string& text() const { return text_; }
  /// Scheme, host and port: what a secret is bound to.
  const std::string& origin() const { return origin_; }
  bool is_https() const { return origin_.starts_with("https:"); }
  /// For messages: without user name, password and query.
  const std::string& shown() const { return shown_; }

 private:
  std::string text_, origin_, shown_;
};

/// A path segment with what is special in URLs written as %XX; '/' is kept.
std::string escape_path(std::string_view path);

}  // namespace jielong::store
