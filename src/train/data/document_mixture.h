#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "train/data/token_shard.h"

namespace jielong {

/// A shard in a mixture.
struct MixedShard {
  const TokenShard* shard = nullptr;
  double weight = 1;
};

/// An item of a mixture: a document, or in preference data a pair of them.
struct MixedItem {
  std::uint32_t source = 0;
  std::int64_t document = 0;  ///< of a pair the first
  std::int64_t tokens = 0;
};

/// How a mixture goes through its shards.
enum class Passes : std::uint8_t {
  shuffled,  ///< for ever, in a new order each time
  once       ///< one time, in the order of the shards
};

/// A stream of items from several shards. Each shard is gone through in a new order every
/// epoch; which one is next is decided by how far each lags behind its share of the tokens, so the
/// mixture is as exact as it can be at every moment.
class DocumentMixture {
 public:
  /// @param group  documents an item; the shards must outlive the mixture and not be empty
  DocumentMixture(std::vector<MixedShard> shards, std::int64_t group, std::uint64_t seed,
                  Passes passes);

  /// Nothing when all have been gone through once and that was asked for.
  std::optional<MixedItem> next();
  /// Throws Error(bad_input) when there is no such item.
  MixedItem item(std::uint64_t source, std::int64_t document, const std::string& where) const;
  std::uint64_t items() const;
  /// Whole passes so far, weighted as the sources are.
  double epochs() const;

  Json position() const;
  /// Throws Error(bad_input) for what is no position of these shards.
  void restore(const Json& position, const std::string& where);

 private:
  struct Source {
    const TokenShard* shard;
    double share;
    std::uint64_t items;
    std::uint64_t epoch = 0, next = 0;
    std::int64_t taken = 0;  ///< tokens
  };
  /// The source that is next; none at the end.
  std::optional<std::size_t> choose() const;
  std::int64_t tokens(const Source& source, std::int64_t document) const;

  std::vector<Source> sources_;
  std::int64_t group_;
  std::uint64_t seed_;
  Passes passes_;
  std::int64_t taken_ = 0;
};

}  // namespace jielong
