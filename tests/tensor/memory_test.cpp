#include "tensor/memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace jielong {
namespace {

TEST(WeightMemory, PlacesAreAlignedAndApart) {
  struct Place {
    std::shared_ptr<std::byte[]> memory;
    std::size_t bytes;
  };
  std::vector<Place> places;
  // Together several slabs, with sizes on both sides of what shares one.
  for (const std::size_t bytes : {1u, 64u, 100u, 5u << 20, 15u << 20, 17u << 20, 33u << 20, 65u}) {
    for (int i = 0; i < 3; ++i) places.push_back({allocate_weights(bytes), bytes});
  }
  std::sort(places.begin(), places.end(),
            [](const Place& a, const Place& b) { return a.memory.get() < b.memory.get(); });
  for (std::size_t i = 0; i < places.size(); ++i) {
    const auto begin = reinterpret_cast<std::uintptr_t>(places[i].memory.get());
    EXPECT_EQ(begin % 64, 0u);
    if (i + 1 < places.size()) {
      EXPECT_LE(begin + places[i].bytes,
                reinterpret_cast<std::uintptr_t>(places[i + 1].memory.get()));
    }
  }
}

TEST(WeightMemory, OutlivesItsNeighbours) {
  auto first = allocate_weights(1000);
  auto second = allocate_weights(1000);
  std::fill_n(second.get(), 1000, std::byte{7});
  first.reset();
  auto third = allocate_weights(1000);
  std::fill_n(third.get(), 1000, std::byte{9});
  EXPECT_EQ(std::count(second.get(), second.get() + 1000, std::byte{7}), 1000);
}

}  // namespace
}  // namespace jielong
