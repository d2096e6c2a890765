#include "base/base64.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace jielong {
namespace {

TEST(Base64, DecodesTheExamplesOfRfc4648) {
  EXPECT_EQ(decode_base64("", "x"), "");
  EXPECT_EQ(decode_base64("Zg==", "x"), "f");
  EXPECT_EQ(decode_base64("Zm8=", "x"), "fo");
  EXPECT_EQ(decode_base64("Zm9v", "x"), "foo");
  EXPECT_EQ(decode_base64("Zm9vYg", "x"), "foob");
  EXPECT_EQ(decode_base64("Zm9vYmFy", "x"), "foobar");
  EXPECT_EQ(decode_base64("+/8=", "x"), "\xFB\xFF");
}

TEST(Base64, NamesTheByteThatDoesNotBelong) {
  EXPECT_THROW(decode_base64("Zm9*", "x"), Error);
  EXPECT_THROW(decode_base64("Z", "x"), Error);
  EXPECT_THROW(decode_base64("=Zm9v", "x"), Error);
}

TEST(Base64, EncodesWhatItDecodes) {
  EXPECT_EQ(encode_base64(""), "");
  EXPECT_EQ(encode_base64("f"), "Zg==");
  EXPECT_EQ(encode_base64("fo"), "Zm8=");
  EXPECT_EQ(encode_base64("foo"), "Zm9v");
  std::string bytes;
  for (int i = 0; i < 1000; ++i) bytes += static_cast<char>(i * 37 % 256);
  EXPECT_EQ(decode_base64(encode_base64(bytes), "x"), bytes);
}

}  // namespace
}  // namespace jielong
