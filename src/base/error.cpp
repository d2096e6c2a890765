#include "base/error.h"

namespace jielong {

Error::Error(ErrorKind kind, std::string what, std::string where, std::string fix)
    : kind_(kind), problem_(std::move(what)), where_(std::move(where)), fix_(std::move(fix)) {
  if (!where_.empty()) message_ = where_ + ": ";
  message_ += problem_;
  if (!fix_.empty()) message_ += "; " + fix_;
}

Error Error::within(const std::string& place) const {
  return Error(kind_, problem_, where_.empty() ? place : place + ": " + where_, fix_);
}

}  // namespace jielong
