#include "train/data/learn_tokenizer.h"

#include <atomic>
#include <exception>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "base/utf8.h"
#include "train/data/record_reader.h"

namespace jielong {
namespace {

constexpr std::size_t kBatchBytes = 16 << 20;
constexpr std::size_t kBatchRecords = 1 << 16;

void append(std::string& out, const Json& value) {
  if (value.is_string()) {
    if (!out.empty()) out += '\n';
    out += value.get_ref<const std::string&>();
  } else if (value.is_array()) {
    for (const Json& message : value) {
      if (message.is_object() && message.contains("content")) append(out, message["content"]);
    }
  }
}

/// Everything in a record that is text to learn from.
std::string text_of(std::string content, bool is_json, const FieldNames& fields,
                    const std::string& where) {
  if (!is_valid_utf8(content)) content = sanitize_utf8(content);
  if (!is_json) return content;
  const Json object = parse_json(content, where);
  if (!object.is_object()) throw bad_input("is not a JSON object", where, "write one a line");
  std::string out;
  for (const std::string* field : {&fields.text, &fields.messages, &fields.prompt, &fields.answer,
                                   &fields.chosen, &fields.rejected}) {
    if (const auto it = object.find(*field); it != object.end()) append(out, *it);
  }
  return out;
}

/// Turns records into their texts on all threads; the first error in their order is thrown.
void read_texts(std::vector<Record>& records, const RecordReader& reader, const FieldNames& fields,
                ThreadPool& pool) {
  std::vector<std::optional<Error>> errors(records.size());
  std::atomic<std::size_t> next{0};
  pool.run([&](int, int) {
    for (std::size_t i = next++; i < records.size(); i = next++) {
      try {
        records[i].content = text_of(std::move(records[i].content), records[i].is_json, fields,
                                     reader.place(records[i]));
      } catch (const Error& error) {
        errors[i] = error;
      }
    }
  });
  for (const auto& error : errors) {
    if (error) throw *error;
  }
}

}  // namespace

LearnTokenizerReport learn_tokenizer(const std::vector<DataSource>& sources,
                                     const TokenizerTraining& settings, std::uint64_t max_bytes,
                                     ThreadPool& pool, const TrainingProgress& progress) {
  LearnTokenizerReport report;
  TokenizerTrainer trainer(settings, pool, progress);
  for (const DataSource& source : sources) {
    RecordReader reader(find_data_files(source.paths), source.cut, source.separator, source.fields);
    bool more = true;
    while (more) {
      std::vector<Record> records;
      std::size_t bytes = 0;
      Record record;
      while (bytes < kBatchBytes && records.size() < kBatchRecords) {
        more = (max_bytes == 0 || report.bytes + bytes < max_bytes) && reader.next(record);
        if (!more) break;
        bytes += record.content.size();
        records.push_back(std::move(record));
      }
      read_texts(records, reader, source.fields, pool);
      std::vector<std::string_view> texts;
      for (const Record& read : records) {
        texts.push_back(read.content);
        report.bytes += read.content.size();
      }
      report.documents += records.size();
      trainer.add(texts);
      if (progress) progress("reading", reader.bytes_done(), reader.bytes_total());
    }
  }
  report.trained = trainer.finish();
  return report;
}

}  // namespace jielong
