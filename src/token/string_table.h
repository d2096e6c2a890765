#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace jielong {

/// A fast hash of short byte strings; not for untrusted keys in unbounded tables.
inline std::uint64_t hash_bytes(std::string_view text) {
  constexpr std::uint64_t kMultiplier = 0x9E3779B97F4A7C15ULL;
  const char* data = text.data();
  std::size_t left = text.size();
  std::uint64_t hash = left * 0xD6E8FEB86659FD93ULL;
  const auto mix = [&hash](std::uint64_t chunk) {
    hash = (hash ^ chunk) * kMultiplier;
    hash ^= hash >> 32;
  };
  for (; left >= 8; left -= 8, data += 8) {
    std::uint64_t chunk;
    std::memcpy(&chunk, data, 8);
    mix(chunk);
  }
  if (left >= 4) {
    std::uint32_t front, back;
    std::memcpy(&front, data, 4);
    std::memcpy(&back, data + left - 4, 4);
    mix(std::uint64_t{front} << 32 | back);
  } else if (left > 0) {
    mix(std::uint64_t{static_cast<unsigned char>(data[0])} << 16 |
        std::uint64_t{static_cast<unsigned char>(data[left / 2])} << 8 |
        static_cast<unsigned char>(data[left - 1]));
  }
  hash *= kMultiplier;
  return hash ^ (hash >> 29);
}

/// Strings numbered in the order of their arrival, in one block of memory, with a flat
/// hash table over them. Of equal strings the last one is found.
class StringTable {
 public:
  static constexpr std::uint32_t kNone = 0xFFFFFFFFU;

  std::uint32_t size() const { return static_cast<std::uint32_t>(ends_.size()); }

  std::string_view view(std::uint32_t id) const {
    const std::uint32_t begin = id == 0 ? 0 : ends_[id - 1];
    return {bytes_.data() + begin, ends_[id] - begin};
  }

  void reserve(std::size_t strings, std::size_t bytes) {
    ends_.reserve(strings);
    bytes_.reserve(bytes);
    std::size_t slots = 64;
    while (slots < strings * 2) slots *= 2;
    if (slots > slots_.size()) rehash(slots);
  }

  std::uint32_t add(std::string_view text) {
    if (text.size() > 0xFFFFFFFEU - bytes_.size()) {
      throw Error(ErrorKind::limit, "the vocabulary's pieces are larger than 4 GiB");
    }
    const std::uint32_t id = size();
    bytes_.append(text);
    ends_.push_back(static_cast<std::uint32_t>(bytes_.size()));
    if (slots_.size() < std::size_t{size()} * 2) {
      rehash(slots_.empty() ? 64 : slots_.size() * 2);  // inserts the new string too
    } else {
      insert(id, static_cast<std::uint32_t>(hash_bytes(text)));
    }
    return id;
  }

  std::uint32_t find(std::string_view text) const {
    if (slots_.empty()) return kNone;
    const auto hash = static_cast<std::uint32_t>(hash_bytes(text));
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t at = hash & mask; slots_[at].id != kNone; at = (at + 1) & mask) {
      if (slots_[at].hash == hash && view(slots_[at].id) == text) return slots_[at].id;
    }
    return kNone;
  }

 private:
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t id = kNone;
  };
  /// Longer runs of collisions do not happen by chance, only by design.
  static constexpr int kMaxProbes = 4096;

  void insert(std::uint32_t id, std::uint32_t hash) {
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = hash & mask;
    for (int probes = 0; slots_[at].id != kNone; at = (at + 1) & mask) {
      if (slots_[at].hash == hash && view(slots_[at].id) == view(id)) break;
      if (++probes > kMaxProbes) {
        throw Error(ErrorKind::limit, "the vocabulary's pieces collide in the hash table");
      }
    }
    slots_[at] = {hash, id};
  }

  void rehash(std::size_t slots) {
    slots_.assign(slots, Slot{});
    for (std::uint32_t id = 0; id < size(); ++id) {
      insert(id, static_cast<std::uint32_t>(hash_bytes(view(id))));
    }
  }

  std::string bytes_;
  std::vector<std::uint32_t> ends_;
  std::vector<Slot> slots_;
};

}  // namespace jielong
