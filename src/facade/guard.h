#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>

#include "base/error.h"
#include "jielong/jielong.h"

namespace jielong::facade {

/// Turns the exception in flight into a status and this thread's last error.
jielong_status status_of_current_exception() noexcept;

/// The border between C and C++: runs `body`, which returns a status, and lets nothing out.
template <typename Body>
jielong_status guard(const Body& body) noexcept {
  try {
    return body();
  } catch (...) {
    return status_of_current_exception();
  }
}

/// Throws Error(bad_input) when a pointer that must be given is null.
template <typename T>
T& given(T* pointer, const char* name) {
  if (pointer == nullptr) throw bad_input("is null", name, "pass a valid pointer");
  return *pointer;
}

/// The caller's struct over `defaults`: members that its header did not know keep them.
template <typename Struct>
Struct read_struct(const Struct* from, const Struct& defaults, const char* name) {
  if (from == nullptr) return defaults;
  if (from->struct_size < sizeof(std::size_t)) {
    throw bad_input("has no struct_size", name, "call its _init function first");
  }
  Struct out = defaults;
  std::memcpy(&out, from, std::min(from->struct_size, sizeof out));
  return out;
}

/// Fills as much of the caller's struct as its header knew.
template <typename Struct>
void write_struct(Struct* to, Struct value, const char* name) {
  const std::size_t size = given(to, name).struct_size;
  if (size < sizeof(std::size_t)) {
    throw bad_input("has no struct_size", name, "set it to the struct's sizeof");
  }
  value.struct_size = size;
  std::memcpy(to, &value, std::min(size, sizeof value));
}

/// Fills a struct of `size` bytes with defaults, for an _init function.
template <typename Struct>
void init_struct(Struct* to, std::size_t size, Struct defaults) noexcept {
  if (to == nullptr) return;
  defaults.struct_size = size;
  // What a newer header knows and this library does not stays zero.
  std::memset(to, 0, size);
  std::memcpy(to, &defaults, std::min(size, sizeof defaults));
}

/// Copies `items` into the caller's buffer as the header promises for out, capacity, count.
template <typename Items, typename T>
jielong_status copy_out(const Items& items, T* out, std::size_t capacity, std::size_t* count) {
  given(count, "count") = items.size();
  // Text gets a terminating zero, which is not counted.
  const std::size_t zero = std::is_same_v<T, char> ? 1 : 0;
  if (items.size() + zero > capacity) return JIELONG_BUFFER_TOO_SMALL;
  if (items.size() + zero > 0) given(out, "out");
  std::copy(items.begin(), items.end(), out);
  if constexpr (std::is_same_v<T, char>) out[items.size()] = '\0';
  return JIELONG_OK;
}

}  // namespace jielong::facade
