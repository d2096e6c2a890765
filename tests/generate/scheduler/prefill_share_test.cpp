#include "generate/scheduler/prefill_share.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace jielong {
namespace {

using testing::ElementsAre;

std::vector<std::int64_t> share(std::vector<PrefillDemand> demands, std::int64_t budget) {
  std::vector<std::int64_t> shares{99};
  share_prefill(demands, budget, shares);
  return shares;
}

TEST(PrefillShare, OnePromptGetsAll) {
  EXPECT_THAT(share({{1500, 512}}, 512), ElementsAre(512));
  EXPECT_THAT(share({{1500, 100}}, 512), ElementsAre(100));
  EXPECT_THAT(share({{30, 512}}, 512), ElementsAre(30));
  EXPECT_TRUE(share({}, 512).empty());
}

TEST(PrefillShare, HalfForTheOldestTheRestForTheShortest) {
  EXPECT_THAT(share({{1500, 512}, {40, 512}}, 512), ElementsAre(472, 40));
  EXPECT_THAT(share({{1500, 512}, {900, 512}, {100, 512}}, 512), ElementsAre(256, 156, 100));
  EXPECT_THAT(share({{1500, 512}, {200, 512}, {200, 512}}, 512), ElementsAre(256, 200, 56));
}

TEST(PrefillShare, NeverMoreThanTheBudget) {
  EXPECT_THAT(share({{5, 9}, {5, 9}, {5, 9}}, 1), ElementsAre(1, 0, 0));
  EXPECT_THAT(share({{5, 9}, {4, 9}, {3, 9}}, 4), ElementsAre(2, 0, 2));
}

}  // namespace
}  // namespace jielong
