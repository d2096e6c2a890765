#pragma once

#include <span>
#include <string_view>

namespace jielong::serve {

/// A file of the built page, part of the program (cmake/page.cmake).
struct PageFile {
  std::string_view path;  ///< "/index.html"
  std::string_view etag;  ///< with its quotes
  std::string_view plain, gzip;
};

/// All of them; none when the page had not been built.
std::span<const PageFile> page_files();

}  // namespace jielong::serve
