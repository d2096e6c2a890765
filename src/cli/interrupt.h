#pragma once

#include <atomic>

namespace jielong::cli {

/// Set by Ctrl-C (SIGINT) once watch_interrupts() was called.
extern std::atomic<bool> interrupted;

/// From now on the first Ctrl-C only sets `interrupted`; a third one before it is cleared
/// ends the program with 130, for work that cannot look at the flag. System calls are not
/// restarted, so that waiting for input ends too.
void watch_interrupts();

/// Takes note of interruptions and returns whether there was one since the last call.
bool clear_interrupt();

}  // namespace jielong::cli
