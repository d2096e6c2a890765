#include "train/data/packer.h"

#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "token/json_fields.h"

namespace jielong {

void Packer::refill(std::int64_t rows) {
  std::uint64_t passed_over = 0;
  while (waiting_.size() < kWaiting) {
    const std::optional<MixedItem> item = mixture_.next();
    if (!item) return;
    const std::int64_t all = measure_(*item, rows);
    if (all > 0) {
      waiting_.push_back({*item, 0, all});
    } else if (++passed_over > mixture_.items()) {
      throw bad_input(fmt::format("no document has anything to learn within {} tokens", rows),
                      "data", "train on longer sequences, or check the data");
    }
  }
}

std::vector<PackedPiece> Packer::next(std::int64_t rows) {
  std::vector<PackedPiece> window;
  std::int64_t room = rows;
  while (room > 0) {
    refill(rows);
    auto best = window.empty() ? waiting_.begin() : waiting_.end();
    for (auto it = waiting_.begin(); !window.empty() && it != waiting_.end(); ++it) {
      if (it->rows() <= room && (best == waiting_.end() || it->rows() > best->rows())) best = it;
    }
    if (best == waiting_.end()) break;
    PackedPiece piece = *best;
    if (piece.rows() <= room) {
      waiting_.erase(best);
    } else {
      piece.end = piece.begin + room;
      best->begin = piece.end;  // the rest keeps its place
    }
    room -= piece.rows();
    window.push_back(piece);
  }
  return window;
}

Json Packer::position() const {
  Json waiting = Json::array();
  for (const PackedPiece& piece : waiting_) {
    waiting.push_back(
        Json::array({piece.item.source, piece.item.document, piece.begin, piece.end}));
  }
  return {{"sources", mixture_.position()}, {"waiting", std::move(waiting)}};
}

void Packer::restore(const Json& position, const std::string& where) {
  namespace fields = json_fields;
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() / 4;
  const Json& waiting = fields::array(position, "waiting", where);
  const std::string place = where + ".waiting";
  if (waiting.size() > kWaiting) throw bad_input("is too long", place);
  std::vector<PackedPiece> pieces;
  for (const Json& entry : waiting) {
    if (!entry.is_array() || entry.size() != 4) throw bad_input("is malformed", place);
    const auto number = [&](std::size_t i, std::int64_t limit) {
      return static_cast<std::int64_t>(
          fields::integer(entry[i], static_cast<std::size_t>(limit), place));
    };
    PackedPiece piece;
    piece.item =
        mixture_.item(static_cast<std::uint64_t>(number(0, kMost)), number(1, kMost), place);
    piece.end = number(3, measure_(piece.item, kMost) + 1);
    piece.begin = number(2, piece.end);
    pieces.push_back(piece);
  }
  mixture_.restore(fields::require(position, "sources", where), where);
  waiting_ = std::move(pieces);
}

}  // namespace jielong
