#include "cli/interrupt.h"

#include <unistd.h>

#include <csignal>

namespace jielong::cli {

std::atomic<bool> interrupted{false};

namespace {

std::atomic<int> pressed{0};

void on_signal(int) {
  interrupted.store(true);
  if (pressed.fetch_add(1) >= 2) _exit(130);
}

}  // namespace

void watch_interrupts() {
  static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
}

bool clear_interrupt() {
  pressed.store(0);
  return interrupted.exchange(false);
}

}  // namespace jielong::cli
