#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "train/data/learning_format.h"

namespace jielong {

/// Rows of a Parquet file as JSON objects of the fields that are wanted. Needs a build with
/// Apache Arrow's C++ library (docs/decisions/0008-parquet.md).
class ParquetRows {
 public:
  /// Throws Error(unsupported) in a build without the library, Error(bad_input) for a file that
  /// is none or has none of the fields.
  ParquetRows(const std::filesystem::path& path, const FieldNames& fields);
  ~ParquetRows();

  bool next(std::string& json);
  /// Of the row that next() gave last, from 1 on.
  std::uint64_t row() const { return row_; }

 private:
  struct File;
  std::unique_ptr<File> file_;
  std::uint64_t row_ = 0;
};

}  // namespace jielong
