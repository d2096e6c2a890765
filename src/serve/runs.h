#pragma once

#include <filesystem>

#include "serve/http.h"

namespace jielong::serve {

/// Trainings on this machine, to look at:
///   GET /v1/runs         all of them, the newest first, with their latest figures
///   GET /v1/runs/NAME    one: its curves (thinned), evaluations and latest samples
///   GET /runs/NAME       its report, a page of its own
/// The view that draws them is the page's (add_page_routes). Names cannot leave the folder.
void add_run_routes(RouteTable& table, std::filesystem::path runs);

}  // namespace jielong::serve
