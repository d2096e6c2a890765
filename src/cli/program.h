#pragma once

namespace jielong::cli {

/// The whole program: parses, runs a command, reports errors. Returns the exit code: 0,
/// 1 after an error, 2 after wrong usage, 130 when interrupted.
int run_program(int argc, char** argv);

}  // namespace jielong::cli
