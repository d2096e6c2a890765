#include "model/split_name.h"

#include <gtest/gtest.h>

namespace jielong {
namespace {

TEST(SplitName, IsTakenApartAsItIsMade) {
  EXPECT_EQ(split_name("model", 2, 13), "model-00002-of-00013");
  EXPECT_EQ(first_part_beginning("model"), "model-00001-of-");
  const auto name = parse_split_name("a-b-00002-of-00013");
  ASSERT_TRUE(name);
  EXPECT_EQ(name->stem, "a-b");
  EXPECT_EQ(name->part, 2u);
  EXPECT_EQ(name->parts, 13u);
}

TEST(SplitName, OtherFormsAreNone) {
  for (const char* name :
       {"", "model", "model-00002-of-0001", "model-0000x-of-00013", "model-+0002-of-00013",
        "model_00002-of-00013", "model-00002_of_00013", "00002-of-00013"}) {
    EXPECT_FALSE(parse_split_name(name)) << name;
  }
}

}  // namespace
}  // namespace jielong
