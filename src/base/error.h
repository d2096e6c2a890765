#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace jielong {

/// What kind of trouble an Error reports; doors map it to exit and HTTP codes.
enum class ErrorKind {
  bad_input,    ///< a file, request or argument is not what it should be
  not_found,    ///< a named file, model or tensor is not there
  unsupported,  ///< valid, but Jielong does not do it
  limit,        ///< a stated limit or budget was reached
  io,           ///< the disk or the network failed
  cancelled,    ///< the user or a deadline stopped the work
  internal      ///< a broken promise inside Jielong
};

/// The one exception of the library. `what()` reads as one sentence:
/// "<where>: <what>; <fix>", parts that are empty left out.
class Error : public std::exception {
 public:
  /// @param what  what is wrong, in plain words, without a full stop
  /// @param where the file, tensor, field or offset concerned
  /// @param fix   what the user can do about it
  explicit Error(ErrorKind kind, std::string what, std::string where = {}, std::string fix = {});

  ErrorKind kind() const { return kind_; }
  const std::string& problem() const { return problem_; }
  const std::string& where() const { return where_; }
  const std::string& fix() const { return fix_; }
  const char* what() const noexcept override { return message_.c_str(); }

  /// The same error with `place` put before its present place.
  Error within(const std::string& place) const;

 private:
  ErrorKind kind_;
  std::string problem_, where_, fix_, message_;
};

inline Error bad_input(std::string what, std::string where = {}, std::string fix = {}) {
  return Error(ErrorKind::bad_input, std::move(what), std::move(where), std::move(fix));
}

}  // namespace jielong
