#pragma once

#include <string>
#include <utility>

#include "base/error.h"

namespace jielong {

/// Error(limit) of a kind that passes: a line is full, memory is taken by work under way. Doors
/// tell the client to come back (429 with Retry-After) instead of blaming the request.
class BusyError : public Error {
 public:
  explicit BusyError(std::string what, std::string where = {}, std::string fix = "try again later",
                     int retry_seconds = 1)
      : Error(ErrorKind::limit, std::move(what), std::move(where), std::move(fix)),
        retry_seconds_(retry_seconds) {}

  int retry_seconds() const { return retry_seconds_; }

 private:
  int retry_seconds_;
};

}  // namespace jielong
