#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "train/data/byte_stream.h"
#include "train/data/data_files.h"
#include "train/data/learning_format.h"

namespace jielong {

/// What a text file's documents are.
enum class TextCut : std::uint8_t {
  file,        ///< the whole file
  paragraphs,  ///< what stands between blank lines
  lines        ///< every line that is not blank
};
/// "file", "paragraphs" or "lines". Throws Error(bad_input) that lists them.
TextCut text_cut(const std::string& name, const std::string& where);

/// One document as its file holds it.
struct Record {
  std::string content;
  bool is_json = false;    ///< an object, else plain text
  std::size_t file = 0;    ///< index into the reader's files
  std::uint64_t line = 0;  ///< where it begins, or the row of a Parquet file; 1 is the first
};

/// Reads the documents of some files, in their order.
class RecordReader {
 public:
  static constexpr std::size_t kMaxRecordBytes = std::size_t{1} << 30;

  /// @param separator  a line that ends a document of a text file, as "<|endoftext|>"; if not empty
  ///   it is used instead of `cut`
  /// @param fields  what of a Parquet file is wanted
  RecordReader(std::vector<DataFile> files, TextCut cut, std::string separator, FieldNames fields);
  ~RecordReader();

  /// The next document, false at the end. Throws Error with file and line.
  bool next(Record& record);

  /// "file:line", for messages.
  std::string place(const Record& record) const;
  std::uint64_t bytes_done() const;
  std::uint64_t bytes_total() const { return bytes_total_; }

 private:
  bool next_text(Record& record);

  std::vector<DataFile> files_;
  TextCut cut_;
  std::string separator_;
  FieldNames fields_;
  std::size_t file_ = 0;
  std::uint64_t bytes_before_ = 0, bytes_total_ = 0;
  std::unique_ptr<LineReader> lines_;
  std::unique_ptr<class ParquetRows> rows_;
};

}  // namespace jielong
