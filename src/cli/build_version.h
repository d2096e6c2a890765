#pragma once

namespace jielong::cli {

/// What was built, as git describes it ("v0.1.0-12-gabc1234", "-dirty" with changes); outside of a
/// repository the version. Written by cmake/build_version.cmake with every build.
const char* build_version();

}  // namespace jielong::cli
