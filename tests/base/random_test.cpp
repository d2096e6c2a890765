#include "base/random.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>

namespace jielong {
namespace {

TEST(Rng, SeedsThroughSplitmix) {
  // The first four outputs of splitmix64 from state 0 (Vigna's reference implementation).
  const std::array<std::uint64_t, 4> expected = {0xe220a8397b1dcdaf, 0x6e789e6aa1b965f4,
                                                 0x06c45d188009454f, 0xf88bb8a8724c81ec};
  EXPECT_EQ(Rng(0).state(), expected);
}

TEST(Rng, MatchesThePublishedSequence) {
  // Outputs of the reference xoshiro256** from state {1, 2, 3, 4}.
  Rng rng;
  rng.set_state({1, 2, 3, 4});
  for (const std::uint64_t expected :
       {11520ULL, 0ULL, 1509978240ULL, 1215971899390074240ULL, 1216172134540287360ULL,
        607988272756665600ULL, 16172922978634559625ULL, 8476171486693032832ULL,
        10595114339597558777ULL, 2904607092377533576ULL}) {
    EXPECT_EQ(rng(), expected);
  }
}

TEST(Rng, StateRestoresTheSequence) {
  Rng rng(7);
  for (int i = 0; i < 5; ++i) rng();
  const auto state = rng.state();
  const std::uint64_t next = rng();
  Rng other(99);
  other.set_state(state);
  EXPECT_EQ(other(), next);
}

TEST(Rng, UniformFillsTheUnitInterval) {
  Rng rng(1);
  constexpr int kDraws = 100'000;
  std::array<int, 10> bins{};
  double sum = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double u = rng.uniform();
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
    sum += u;
    ++bins[static_cast<std::size_t>(u * 10)];
  }
  EXPECT_NEAR(sum / kDraws, 0.5, 0.005);
  // Chi-square with 9 degrees of freedom; 33.7 is the 0.9999 quantile.
  double chi_square = 0;
  for (const int count : bins) {
    chi_square += (count - kDraws / 10.0) * (count - kDraws / 10.0) / (kDraws / 10.0);
  }
  EXPECT_LT(chi_square, 33.7);
}

}  // namespace
}  // namespace jielong
