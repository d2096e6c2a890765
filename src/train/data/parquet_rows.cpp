#include "train/data/parquet_rows.h"

#include "base/error.h"

namespace jielong {

struct ParquetRows::File {};

ParquetRows::ParquetRows(const std::filesystem::path& path, const FieldNames& /*fields*/) {
  throw Error(ErrorKind::unsupported, "this build cannot read Parquet", path.string(),
              "build with -DJIELONG_PARQUET=ON, or write the table as JSON lines");
}
ParquetRows::~ParquetRows() = default;
bool ParquetRows::next(std::string& /*json*/) { return false; }

}  // namespace jielong
