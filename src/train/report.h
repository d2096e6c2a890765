#pragma once

#include <string>
#include <string_view>

#include "train/run_folder.h"

namespace jielong {

struct ReportInput {
  const RunInfo& info;
  std::string recipe;  ///< its YAML
  const RunRecords& records;
};

/// A run as one HTML file that needs nothing else: curves as inline SVG, no script, readable in
/// light and dark, by eye and by ear. Everything from the run is escaped; a policy inside the file
/// allows nothing but its own style.
std::string render_report(const ReportInput& input);

/// What a server should send as Content-Security-Policy with the report.
std::string report_policy();

}  // namespace jielong
