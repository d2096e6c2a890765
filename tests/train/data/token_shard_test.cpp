#include "train/data/token_shard.h"

#include <gmock/gmock.h>

#include <cstring>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/scratch.h"

namespace jielong {
namespace {

ShardInfo some_info(std::int64_t vocabulary) {
  ShardInfo info;
  info.tokenizer = "t";
  info.vocabulary = vocabulary;
  info.format = LearningFormat::classify;
  info.key = "k";
  info.text_bytes = 77;
  info.counts = {5, 1, 2, 3};
  info.classes = {"no", "yes"};
  return info;
}

void write_shard(const std::filesystem::path& path, bool wide, std::int64_t vocabulary) {
  TokenShardWriter writer(path, wide, true, true);
  writer.add(std::vector<Token>{1, 2, 3}, {false, true, true}, 1);
  std::vector<Token> many(100, 7);
  writer.add(many, {}, 0);
  writer.add({}, {}, 0);  // nothing
  writer.commit(some_info(vocabulary));
}

TEST(TokenShard, ComesBackAsWritten) {
  const test::Scratch scratch;
  for (const bool wide : {false, true}) {
    write_shard(scratch / "a.tokens", wide, 10);
    const TokenShard shard = TokenShard::open(scratch / "a.tokens");
    EXPECT_EQ(shard.documents(), 2);
    EXPECT_EQ(shard.tokens(), 103);
    EXPECT_EQ(shard.length(0), 3);
    EXPECT_EQ(shard.begin(1), 3);
    EXPECT_EQ(shard.token(1), 2);
    EXPECT_EQ(shard.token(102), 7);
    EXPECT_FALSE(shard.learnt(0));
    EXPECT_TRUE(shard.learnt(1));
    EXPECT_TRUE(shard.learnt(102));
    EXPECT_EQ(shard.label(0), 1);
    EXPECT_EQ(shard.label(1), 0);
    EXPECT_EQ(shard.info().classes, (std::vector<std::string>{"no", "yes"}));
    EXPECT_EQ(shard.info().counts.repaired, 3U);
    EXPECT_EQ(shard.info().text_bytes, 77U);
    EXPECT_EQ(shard.checksum().size(), 64U);
  }
}

TEST(TokenShard, MayBeEmpty) {
  const test::Scratch scratch;
  TokenShardWriter(scratch / "a.tokens", false, false, false).commit(some_info(10));
  EXPECT_EQ(TokenShard::open(scratch / "a.tokens").documents(), 0);
}

TEST(TokenShard, AppearsOnlyWhenCommitted) {
  const test::Scratch scratch;
  { TokenShardWriter writer(scratch / "a.tokens", false, false, false); }
  EXPECT_TRUE(std::filesystem::is_empty(scratch.path()));
}

TEST(TokenShard, RefusesDamage) {
  const test::Scratch scratch;
  write_shard(scratch / "a.tokens", false, 10);
  const std::string whole = read_file(scratch / "a.tokens");
  for (std::size_t size = 0; size < whole.size(); size += 7) {
    write_file(scratch / "b.tokens", whole.substr(0, size));
    EXPECT_THROW(TokenShard::open(scratch / "b.tokens"), Error) << size;
  }
  for (std::size_t at = 0; at < whole.size(); at += 5) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x41);
    write_file(scratch / "b.tokens", damaged);
    EXPECT_THROW(TokenShard::open(scratch / "b.tokens"), Error) << at;
    try {  // without the checksum it may go unnoticed, but never harm
      const TokenShard shard = TokenShard::open(scratch / "b.tokens", false);
      for (std::int64_t i = 0; i < shard.tokens(); ++i) shard.token(i);
    } catch (const Error&) {
    }
  }
}

TEST(TokenShard, RefusesTokensOutsideTheVocabulary) {
  const test::Scratch scratch;
  write_shard(scratch / "a.tokens", false, 5);
  const TokenShard shard = TokenShard::open(scratch / "a.tokens");
  EXPECT_EQ(shard.token(0), 1);
  EXPECT_THROW(shard.token(50), Error);
  TokenShardWriter narrow(scratch / "b.tokens", false, false, false);
  EXPECT_THROW(narrow.add(std::vector<Token>{70000}, {}, -1), Error);
}

}  // namespace
}  // namespace jielong
