#include "base/sha256.h"

#include <gtest/gtest.h>

#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/file.h"
#include "base/scratch.h"

namespace jielong {
namespace {

std::string hash(std::string_view text) { return sha256_of(std::as_bytes(std::span(text))); }

// NIST's example values for FIPS 180-4.
TEST(Sha256, PublishedVectors) {
  EXPECT_EQ(hash(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(hash(std::string(1'000'000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, PiecesGiveTheSameDigest) {
  const std::string text(10'000, 'a');
  Sha256 pieces;
  std::string_view rest = text;
  for (std::size_t size = 1; !rest.empty(); size = size * 2 + 1) {
    const auto part = rest.substr(0, size);
    pieces.update(std::as_bytes(std::span(part)));
    rest.remove_prefix(part.size());
  }
  EXPECT_EQ(pieces.digest(), hash(text));
}

TEST(Sha256, Files) {
  test::Scratch scratch;
  const std::string content((16 << 20) + 12'345, 'x');  // more than one piece
  write_file(scratch / "a", content);
  EXPECT_EQ(sha256_of_file(scratch / "a"), hash(content));
  write_file(scratch / "empty", "");
  EXPECT_EQ(sha256_of_file(scratch / "empty"), hash(""));
  EXPECT_THROW(sha256_of_file(scratch / "nothing"), Error);
}

}  // namespace
}  // namespace jielong
