#include "facade/guard.h"

#include <exception>
#include <new>

namespace jielong::facade {
namespace {

thread_local std::string last_error;

jielong_status status_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::bad_input: return JIELONG_BAD_INPUT;
    case ErrorKind::not_found: return JIELONG_NOT_FOUND;
    case ErrorKind::unsupported: return JIELONG_UNSUPPORTED;
    case ErrorKind::limit: return JIELONG_LIMIT;
    case ErrorKind::io: return JIELONG_IO;
    case ErrorKind::cancelled: return JIELONG_CANCELLED;
    case ErrorKind::internal: return JIELONG_INTERNAL;
  }
  return JIELONG_INTERNAL;
}

void remember(const char* message) noexcept {
  try {
    last_error = message;
  } catch (...) {
    last_error.clear();
  }
}

}  // namespace

jielong_status status_of_current_exception() noexcept {
  try {
    throw;
  } catch (const Error& error) {
    remember(error.what());
    return status_of(error.kind());
  } catch (const std::bad_alloc&) {
    remember("there is not enough memory; use a smaller context or model");
    return JIELONG_OUT_OF_MEMORY;
  } catch (const std::exception& error) {
    remember(error.what());
  } catch (...) {
    remember("an unknown exception");
  }
  return JIELONG_INTERNAL;
}

}  // namespace jielong::facade

extern "C" const char* jielong_last_error(void) { return jielong::facade::last_error.c_str(); }
