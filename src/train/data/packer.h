#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "train/data/document_mixture.h"

namespace jielong {

/// Part of an item that lies in one window: rows [begin, end) of it.
struct PackedPiece {
  MixedItem item;
  std::int64_t begin = 0, end = 0;

  std::int64_t rows() const { return end - begin; }
};

/// Packs the items of a mixture into windows of a fixed number of rows: the item that waits
/// longest, then, as long as there is room, the largest waiting one that fits. So documents stay
/// whole where they fit in a window, and windows become nearly full. With at most 64 waiting, an
/// item's turn comes soon.
class Packer {
 public:
  /// Rows of an item for windows of `window` rows; 0: nothing to learn there, it is passed over.
  using Measure = std::function<std::int64_t(const MixedItem& item, std::int64_t window)>;

  /// Items longer than a window are split.
  Packer(DocumentMixture mixture, Measure measure)
      : mixture_(std::move(mixture)), measure_(std::move(measure)) {}

  /// The pieces of the next window of at most `rows` rows; none at the end of a mixture that has
  /// one. Throws Error(bad_input) when no item has any row.
  std::vector<PackedPiece> next(std::int64_t rows);

  double epochs() const { return mixture_.epochs(); }
  Json position() const;
  void restore(const Json& position, const std::string& where);

 private:
  static constexpr std::size_t kWaiting = 64;
  void refill(std::int64_t rows);

  DocumentMixture mixture_;
  Measure measure_;
  std::vector<PackedPiece> waiting_;  ///< oldest first
};

}  // namespace jielong
