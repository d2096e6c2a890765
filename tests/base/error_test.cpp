#include "base/error.h"

#include <gtest/gtest.h>

#include <string>

namespace jielong {
namespace {

TEST(Error, ReadsAsOneSentence) {
  const Error full(ErrorKind::io, "cannot be written", "model.gguf", "free some disk space");
  EXPECT_STREQ(full.what(), "model.gguf: cannot be written; free some disk space");
  EXPECT_STREQ(bad_input("is empty").what(), "is empty");
  EXPECT_STREQ(bad_input("is empty", "prompt").what(), "prompt: is empty");
  EXPECT_STREQ(Error(ErrorKind::limit, "is too long", "", "shorten it").what(),
               "is too long; shorten it");
}

TEST(Error, WithinPutsThePlaceInFront) {
  const Error outer = bad_input("is negative", "tensor a", "convert again").within("m.gguf");
  EXPECT_EQ(outer.kind(), ErrorKind::bad_input);
  EXPECT_EQ(outer.problem(), "is negative");
  EXPECT_EQ(outer.where(), "m.gguf: tensor a");
  EXPECT_EQ(outer.fix(), "convert again");
  EXPECT_EQ(bad_input("is empty").within("prompt").where(), "prompt");
}

}  // namespace
}  // namespace jielong
