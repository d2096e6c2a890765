#pragma once

#include <cstdint>

namespace jielong {

/// So many of so many, with what that says about the share behind it.
struct Share {
  std::int64_t hits = 0, count = 0;

  void add(bool hit) {
    hits += hit ? 1 : 0;
    ++count;
  }
  void add(const Share& other) {
    hits += other.hits;
    count += other.count;
  }
  /// 0 of nothing.
  double value() const;
  /// Ends of the 95 % confidence interval (Wilson 1927), which also says something when all or
  /// none hit; 0 and 1 when nothing was counted.
  double low() const;
  double high() const;
};

}  // namespace jielong
