// From files to records.
#include <gmock/gmock.h>
#include <zlib.h>
#include <zstd.h>

#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/scratch.h"
#include "train/data/data_files.h"
#include "train/data/record_reader.h"

namespace jielong {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> read(const std::filesystem::path& path, TextCut cut,
                              const std::string& separator = "") {
  RecordReader reader(find_data_files({path.string()}), cut, separator, {});
  std::vector<std::string> contents;
  Record record;
  while (reader.next(record)) contents.push_back(record.content);
  return contents;
}

TEST(RecordReader, CutsText) {
  const test::Scratch scratch;
  const auto path = scratch / "a.txt";
  write_file(path, "\xEF\xBB\xBFone\r\ntwo\n\n \nthree\n");
  EXPECT_THAT(read(path, TextCut::file), ElementsAre("one\ntwo\n\n \nthree"));
  EXPECT_THAT(read(path, TextCut::paragraphs), ElementsAre("one\ntwo", "three"));
  EXPECT_THAT(read(path, TextCut::lines), ElementsAre("one", "two", "three"));
  EXPECT_THAT(read(path, TextCut::file, "two"), ElementsAre("one", "three"));
  write_file(path, "<end>\n<end>\n");
  EXPECT_THAT(read(path, TextCut::file, "<end>"), ElementsAre());
  write_file(path, "");
  EXPECT_THAT(read(path, TextCut::file), ElementsAre());
}

TEST(RecordReader, KnowsPlaces) {
  const test::Scratch scratch;
  write_file(scratch / "a.jsonl", "{}\n\n{\"a\": 1}\n");
  RecordReader reader(find_data_files({scratch.path().string()}), TextCut::file, "", {});
  Record record;
  ASSERT_TRUE(reader.next(record));
  ASSERT_TRUE(reader.next(record));
  EXPECT_TRUE(record.is_json);
  EXPECT_EQ(reader.place(record), (scratch / "a.jsonl").string() + ":3");
  EXPECT_FALSE(reader.next(record));
  EXPECT_EQ(reader.bytes_done(), reader.bytes_total());
}

TEST(RecordReader, Unpacks) {
  const test::Scratch scratch;
  std::string text;
  for (int i = 0; i < 50000; ++i) text += "line " + std::to_string(i) + "\n";
  const std::string gz = (scratch / "a.txt.gz").string();
  for (int member = 0; member < 2; ++member) {  // one behind the other
    gzFile file = ::gzopen(gz.c_str(), member == 0 ? "wb" : "ab");
    ::gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
    ::gzclose(file);
  }
  EXPECT_EQ(read(gz, TextCut::lines).size(), 100000U);

  std::string packed(::ZSTD_compressBound(text.size()), '\0');
  packed.resize(::ZSTD_compress(packed.data(), packed.size(), text.data(), text.size(), 1));
  write_file(scratch / "b.txt.zst", packed + packed);
  EXPECT_EQ(read(scratch / "b.txt.zst", TextCut::lines).size(), 100000U);

  for (const std::size_t size : {packed.size() - 3, std::size_t{10}}) {
    write_file(scratch / "c.txt.zst", packed.substr(0, size));
    EXPECT_THROW(read(scratch / "c.txt.zst", TextCut::lines), Error) << size;
    write_file(scratch / "c.txt.gz", read_file(gz).substr(0, size));
    EXPECT_THROW(read(scratch / "c.txt.gz", TextCut::lines), Error) << size;
  }
  write_file(scratch / "d.txt.gz", "no gzip at all");
  EXPECT_THROW(read(scratch / "d.txt.gz", TextCut::lines), Error);
}

TEST(DataFiles, FindsFoldersAndPatterns) {
  const test::Scratch scratch;
  std::filesystem::create_directories(scratch / "inner");
  write_file(scratch / "b.txt", "b");
  write_file(scratch / "inner/a.jsonl", "{}");
  write_file(scratch / "inner/c.md.gz", "");
  write_file(scratch / "ignored.bin", "");
  const auto names = [&](const std::vector<std::string>& paths) {
    std::vector<std::string> out;
    for (const DataFile& file : find_data_files(paths)) out.push_back(file.path.filename());
    return out;
  };
  EXPECT_THAT(names({scratch.path().string()}), ElementsAre("b.txt", "a.jsonl", "c.md.gz"));
  EXPECT_THAT(names({(scratch / "*.txt").string(), (scratch / "b.txt").string()}),
              ElementsAre("b.txt"));
  EXPECT_THAT(names({(scratch / "ignored.bin").string()}), ElementsAre("ignored.bin"));
  EXPECT_THROW(find_data_files({(scratch / "none").string()}), Error);
  EXPECT_THROW(find_data_files({(scratch / "*.none").string()}), Error);
  EXPECT_THROW(find_data_files({}), Error);
}

TEST(DataFiles, ParquetNeedsItsLibrary) {
  const test::Scratch scratch;
  write_file(scratch / "a.parquet", "PAR1");
  try {
    read(scratch / "a.parquet", TextCut::file);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("a.parquet"));
  }
}

}  // namespace
}  // namespace jielong
