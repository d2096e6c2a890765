#include "base/similar.h"

#include <gtest/gtest.h>

namespace jielong {
namespace {

TEST(MostSimilar, SuggestsOnlyWhatIsNear) {
  const std::vector<std::string> known{"temperature", "top_p", "n"};
  EXPECT_EQ(most_similar("top_pp", known), "top_p");
  EXPECT_EQ(most_similar("tmeperature", known), "temperature");
  EXPECT_EQ(most_similar("frobnicate", known), std::nullopt);
  EXPECT_EQ(most_similar(std::string(100000, 'n'), known), std::nullopt);
}

}  // namespace
}  // namespace jielong
