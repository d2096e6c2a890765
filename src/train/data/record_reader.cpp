#include "train/data/record_reader.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"
#include "base/quote.h"
#include "train/data/parquet_rows.h"

namespace jielong {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool is_blank(const std::string& line) {
  return line.find_first_not_of(" \t\v\f\r") == std::string::npos;
}

}  // namespace

TextCut text_cut(const std::string& name, const std::string& where) {
  if (name == "file") return TextCut::file;
  if (name == "paragraphs") return TextCut::paragraphs;
  if (name == "lines") return TextCut::lines;
  throw bad_input(fmt::format("{} is no way to cut text", in_quotes(name)), where,
                  "choose one of file, paragraphs, lines");
}

RecordReader::RecordReader(std::vector<DataFile> files, TextCut cut, std::string separator,
                           FieldNames fields)
    : files_(std::move(files)),
      cut_(cut),
      separator_(std::move(separator)),
      fields_(std::move(fields)) {
  for (const DataFile& file : files_) bytes_total_ += file.bytes;
}

RecordReader::~RecordReader() = default;

std::string RecordReader::place(const Record& record) const {
  return fmt::format("{}:{}", files_[record.file].path.string(), record.line);
}

std::uint64_t RecordReader::bytes_done() const {
  return bytes_before_ + (lines_ ? lines_->taken() : 0);
}

bool RecordReader::next(Record& record) {
  for (; file_ < files_.size(); ++file_) {
    const DataFile& file = files_[file_];
    record.file = file_;
    if (file.kind == DataFileKind::parquet) {
      if (!rows_) rows_ = std::make_unique<ParquetRows>(file.path, fields_);
      record.is_json = true;
      if (rows_->next(record.content)) {
        record.line = rows_->row();
        return true;
      }
    } else {
      if (!lines_) lines_ = std::make_unique<LineReader>(file.path, kMaxRecordBytes);
      if (next_text(record)) return true;
    }
    lines_.reset();
    rows_.reset();
    bytes_before_ += file.bytes;
  }
  return false;
}

/// A JSON line, or the next document of a text file.
bool RecordReader::next_text(Record& record) {
  const bool json = files_[file_].kind == DataFileKind::json_lines;
  record.is_json = json;
  record.content.clear();
  record.line = 0;
  bool cut_off = false;  // the separator stood behind it
  std::string line;
  while (!cut_off && lines_->next(line)) {
    if (lines_->number() == 1 && std::string_view(line).substr(0, 3) == kByteOrderMark) {
      line.erase(0, kByteOrderMark.size());
    }
    const bool single = json || (separator_.empty() && cut_ == TextCut::lines);
    const bool blank = is_blank(line);
    if (single) {
      if (blank) continue;
      record.content = std::move(line);
      record.line = lines_->number();
      return true;
    }
    if (!separator_.empty()) {
      cut_off = line == separator_;
    } else if (cut_ == TextCut::paragraphs) {
      cut_off = blank;
    }
    if (cut_off) {
      cut_off = record.line != 0;  // else nothing stood before it
      continue;
    }
    if (blank && record.line == 0) continue;
    if (record.line == 0) record.line = lines_->number();
    if (record.content.size() + line.size() >= kMaxRecordBytes) {
      throw Error(ErrorKind::limit, "a document is larger than 1 GiB", place(record),
                  "cut it with a separator, by paragraphs or by lines");
    }
    record.content += line;
    record.content += '\n';
  }
  if (record.line == 0) return false;
  while (!record.content.empty() && record.content.back() == '\n') record.content.pop_back();
  return true;
}

}  // namespace jielong
