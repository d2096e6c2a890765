#include "train/data/parquet_rows.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"

// Only cmake/parquet.cmake defines this, for this file alone.
#ifdef JIELONG_PARQUET

#include <arrow/api.h>
#include <arrow/io/file.h>
#include <parquet/arrow/reader.h>
#include <parquet/exception.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

namespace jielong {
namespace {

constexpr int kMaxDepth = 16;

[[noreturn]] void refuse(const std::string& what, const std::string& where) {
  throw bad_input(fmt::format("is damaged or no Parquet file ({})", what), where,
                  "fetch the file again");
}

template <class T>
T take(arrow::Result<T> result, const std::string& where) {
  if (!result.ok()) refuse(result.status().message(), where);
  return std::move(result).ValueUnsafe();
}

/// Value `i` of a column.
Json value_of(const arrow::Array& array, std::int64_t i, const std::string& where, int depth = 0) {
  if (depth > kMaxDepth) throw Error(ErrorKind::limit, "nests too deeply", where);
  if (array.IsNull(i)) return nullptr;
  const auto list = [&](const auto& lists) {
    Json out = Json::array();
    for (std::int64_t k = lists.value_offset(i); k < lists.value_offset(i + 1); ++k) {
      out.push_back(value_of(*lists.values(), k, where, depth + 1));
    }
    return out;
  };
  switch (array.type_id()) {
    case arrow::Type::STRING:
    case arrow::Type::BINARY:
      return std::string(static_cast<const arrow::BinaryArray&>(array).GetView(i));
    case arrow::Type::LARGE_STRING:
    case arrow::Type::LARGE_BINARY:
      return std::string(static_cast<const arrow::LargeBinaryArray&>(array).GetView(i));
    case arrow::Type::BOOL: return static_cast<const arrow::BooleanArray&>(array).Value(i);
    case arrow::Type::INT8: return static_cast<const arrow::Int8Array&>(array).Value(i);
    case arrow::Type::INT16: return static_cast<const arrow::Int16Array&>(array).Value(i);
    case arrow::Type::INT32: return static_cast<const arrow::Int32Array&>(array).Value(i);
    case arrow::Type::INT64: return static_cast<const arrow::Int64Array&>(array).Value(i);
    case arrow::Type::UINT8: return static_cast<const arrow::UInt8Array&>(array).Value(i);
    case arrow::Type::UINT16: return static_cast<const arrow::UInt16Array&>(array).Value(i);
    case arrow::Type::UINT32: return static_cast<const arrow::UInt32Array&>(array).Value(i);
    case arrow::Type::UINT64: return static_cast<const arrow::UInt64Array&>(array).Value(i);
    case arrow::Type::FLOAT: return static_cast<const arrow::FloatArray&>(array).Value(i);
    case arrow::Type::DOUBLE: return static_cast<const arrow::DoubleArray&>(array).Value(i);
    case arrow::Type::LIST: return list(static_cast<const arrow::ListArray&>(array));
    case arrow::Type::LARGE_LIST: return list(static_cast<const arrow::LargeListArray&>(array));
    case arrow::Type::DICTIONARY: {
      const auto& coded = static_cast<const arrow::DictionaryArray&>(array);
      return value_of(*coded.dictionary(), coded.GetValueIndex(i), where, depth + 1);
    }
    case arrow::Type::STRUCT: {
      const auto& fields = static_cast<const arrow::StructArray&>(array);
      Json out = Json::object();
      for (int k = 0; k < fields.num_fields(); ++k) {
        out[fields.type()->field(k)->name()] = value_of(*fields.field(k), i, where, depth + 1);
      }
      return out;
    }
    default:
      throw Error(ErrorKind::unsupported,
                  fmt::format("a column of type {} cannot be learnt", array.type()->ToString()),
                  where, "name a column of text, numbers or messages");
  }
}

}  // namespace

struct ParquetRows::File {
  std::string where;
  std::unique_ptr<parquet::arrow::FileReader> reader;
  std::vector<int> groups, columns;  ///< row groups; leaves of the columns that are wanted
  std::unique_ptr<arrow::RecordBatchReader> batches;
  std::shared_ptr<arrow::RecordBatch> batch;
  std::int64_t next = 0;  ///< row of the batch
};

ParquetRows::ParquetRows(const std::filesystem::path& path, const FieldNames& fields)
    : file_(std::make_unique<File>()) {
  file_->where = path.string();
  const std::string& where = file_->where;
  try {
    auto input = take(arrow::io::ReadableFile::Open(where), where);
    file_->reader = take(parquet::arrow::OpenFile(input, arrow::default_memory_pool()), where);
    const auto metadata = file_->reader->parquet_reader()->metadata();
    const std::string wanted[] = {fields.text,   fields.label,  fields.messages, fields.prompt,
                                  fields.answer, fields.chosen, fields.rejected};
    std::string present;
    for (int i = 0; i < metadata->num_columns(); ++i) {
      const std::string& name = metadata->schema()->GetColumnRoot(i)->name();
      if (std::find(std::begin(wanted), std::end(wanted), name) != std::end(wanted)) {
        file_->columns.push_back(i);
      }
      if (present.size() < 200) present += (present.empty() ? "" : ", ") + name;
    }
    if (file_->columns.empty()) {
      throw bad_input("has none of the columns that are wanted", where,
                      fmt::format("name the column in the recipe (there is: {})", present));
    }
    for (int i = 0; i < metadata->num_row_groups(); ++i) file_->groups.push_back(i);
    file_->batches =
        take(file_->reader->GetRecordBatchReader(file_->groups, file_->columns), where);
  } catch (const parquet::ParquetException& error) {
    refuse(error.what(), where);
  }
}

ParquetRows::~ParquetRows() = default;

bool ParquetRows::next(std::string& json) {
  const std::string place = fmt::format("{}:{}", file_->where, row_ + 1);
  try {
    while (!file_->batch || file_->next == file_->batch->num_rows()) {
      const arrow::Status status = file_->batches->ReadNext(&file_->batch);
      if (!status.ok()) refuse(status.message(), place);
      if (!file_->batch) return false;
      file_->next = 0;
    }
  } catch (const parquet::ParquetException& error) {
    refuse(error.what(), place);
  }
  Json row = Json::object();
  for (int i = 0; i < file_->batch->num_columns(); ++i) {
    row[file_->batch->column_name(i)] = value_of(*file_->batch->column(i), file_->next, place);
  }
  // Bytes that are not UTF-8 are dealt with as those of other files are.
  json = row.dump(-1, ' ', false, Json::error_handler_t::replace);
  ++file_->next;
  ++row_;
  return true;
}

}  // namespace jielong

#else

namespace jielong {

struct ParquetRows::File {};

ParquetRows::ParquetRows(const std::filesystem::path& path, const FieldNames& /*fields*/) {
  throw Error(ErrorKind::unsupported, "this build cannot read Parquet", path.string(),
              "build with -DJIELONG_PARQUET=ON (docs/decisions/0008-parquet.md), or write the "
              "table as JSON lines");
}

ParquetRows::~ParquetRows() = default;

bool ParquetRows::next(std::string& /*json*/) { return false; }

}  // namespace jielong

#endif
