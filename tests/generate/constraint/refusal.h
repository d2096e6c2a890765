#pragma once

#include <gtest/gtest.h>

#include <string>

#include "base/error.h"

namespace jielong::test {

/// What compile(source) is refused with; a failure unless it is refused for this kind of reason.
template <typename Compile>
std::string refusal_of(const Compile& compile, const std::string& source, ErrorKind kind) {
  try {
    compile(source);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "accepted: " << source.substr(0, 200);
  return {};
}

}  // namespace jielong::test
