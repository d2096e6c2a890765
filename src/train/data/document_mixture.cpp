#include "train/data/document_mixture.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "token/json_fields.h"
#include "train/data/document_order.h"

namespace jielong {

DocumentMixture::DocumentMixture(std::vector<MixedShard> shards, std::int64_t group,
                                 std::uint64_t seed, Passes passes)
    : group_(group), seed_(seed), passes_(passes) {
  double sum = 0;
  for (const MixedShard& shard : shards) sum += shard.weight;
  for (const MixedShard& shard : shards) {
    const std::int64_t items = shard.shard->documents() / group;
    if (items == 0) throw bad_input("there are no documents", "data");
    sources_.push_back({shard.shard, shard.weight / sum, static_cast<std::uint64_t>(items)});
  }
  if (sources_.empty()) throw bad_input("there are no sources", "data");
}

std::optional<std::size_t> DocumentMixture::choose() const {
  std::optional<std::size_t> chosen;
  double most = 0;
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    if (passes_ == Passes::once && sources_[i].epoch > 0) continue;
    const double lag = sources_[i].share * static_cast<double>(taken_ + 1) -
                       static_cast<double>(sources_[i].taken);
    if (!chosen || lag > most) {
      most = lag;
      chosen = i;
    }
  }
  return chosen;
}

std::int64_t DocumentMixture::tokens(const Source& source, std::int64_t document) const {
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < group_; ++i) sum += source.shard->length(document + i);
  return sum;
}

std::optional<MixedItem> DocumentMixture::next() {
  const std::optional<std::size_t> chosen = choose();
  if (!chosen) return std::nullopt;
  Source& source = sources_[*chosen];
  std::uint64_t place = source.next;
  if (passes_ == Passes::shuffled) {
    const std::uint64_t seed = mix_bits(mix_bits(seed_ + *chosen) + source.epoch);
    place = DocumentOrder(source.items, seed)[place];
  }
  if (++source.next == source.items) {
    source.next = 0;
    ++source.epoch;
  }
  const auto document = static_cast<std::int64_t>(place) * group_;
  const MixedItem item{static_cast<std::uint32_t>(*chosen), document, tokens(source, document)};
  source.taken += item.tokens;
  taken_ += item.tokens;
  return item;
}

MixedItem DocumentMixture::item(std::uint64_t source, std::int64_t document,
                                const std::string& where) const {
  const bool known = source < sources_.size() && document >= 0 && document % group_ == 0 &&
                     static_cast<std::uint64_t>(document / group_) < sources_[source].items;
  if (!known) throw bad_input("names a document that is not there", where);
  return {static_cast<std::uint32_t>(source), document, tokens(sources_[source], document)};
}

std::uint64_t DocumentMixture::items() const {
  std::uint64_t sum = 0;
  for (const Source& source : sources_) sum += source.items;
  return sum;
}

double DocumentMixture::epochs() const {
  double sum = 0;
  for (const Source& source : sources_) {
    sum += source.share * (static_cast<double>(source.epoch) +
                           static_cast<double>(source.next) / static_cast<double>(source.items));
  }
  return sum;
}

Json DocumentMixture::position() const {
  Json list = Json::array();
  for (const Source& source : sources_) {
    list.push_back({{"epoch", source.epoch}, {"next", source.next}, {"taken", source.taken}});
  }
  return list;
}

void DocumentMixture::restore(const Json& position, const std::string& where) {
  namespace fields = json_fields;
  if (!position.is_array() || position.size() != sources_.size()) {
    throw bad_input("is no position of this data", where);
  }
  constexpr std::size_t kMost = std::size_t{1} << 62;
  taken_ = 0;
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    Source& source = sources_[i];
    const auto number = [&](const char* key, std::size_t limit) {
      return fields::integer(fields::require(position[i], key, where), limit, where + "." + key);
    };
    source.epoch = number("epoch", kMost);
    source.next = number("next", source.items);
    source.taken = static_cast<std::int64_t>(number("taken", kMost));
    taken_ += source.taken;
  }
}

}  // namespace jielong
