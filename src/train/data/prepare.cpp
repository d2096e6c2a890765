#include "train/data/prepare.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <charconv>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>
#include <unordered_set>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "base/sha256.h"
#include "base/utf8.h"
#include "train/data/data_files.h"
#include "train/data/example.h"

namespace jielong {
namespace {

namespace fs = std::filesystem;

/// Records that are read before the threads turn them into tokens.
constexpr std::size_t kBatchRecords = 4096;
constexpr std::size_t kBatchBytes = 8 << 20;
constexpr Token kMaxNarrow = 1 << 16;

/// A record after its turn on a thread.
struct Encoded {
  std::vector<Example> examples;  ///< empty: nothing to learn
  std::uint64_t hash = 0;
  std::uint64_t text_bytes = 0;
  bool repaired = false;
  std::optional<Error> error;
};

std::uint64_t hash_of(const std::vector<ExampleText>& texts) {
  Sha256 sha;
  for (const ExampleText& text : texts) {
    for (const std::string* part : {&text.text, &text.label}) {
      sha.update(std::as_bytes(std::span(*part)));
      sha.update(std::as_bytes(std::span("\0", 1)));
    }
  }
  const std::string digest = sha.digest();
  std::uint64_t hash = 0;
  std::from_chars(digest.data(), digest.data() + 16, hash, 16);
  return hash;
}

bool has_something_to_learn(const Example& example, LearningFormat format) {
  if (format == LearningFormat::classify) return !example.tokens.empty();
  if (example.tokens.size() < 2) return false;
  return example.learnt.empty() ||
         std::find(example.learnt.begin() + 1, example.learnt.end(), true) != example.learnt.end();
}

Encoded encode(Record& record, const ExampleMaker& maker, const DataSettings& settings,
               const std::string& place) {
  Encoded out;
  try {
    if (!is_valid_utf8(record.content)) {
      if (settings.invalid_utf8 == InvalidUtf8::refuse) {
        throw bad_input("is not UTF-8", place, "convert the file, or let wrong bytes be replaced");
      }
      record.content = sanitize_utf8(record.content);
      out.repaired = true;
    }
    const std::vector<ExampleText> texts = maker.texts(record.content, record.is_json, place);
    out.hash = hash_of(texts);
    for (const ExampleText& text : texts) {
      out.text_bytes += text.text.size();
      out.examples.push_back(maker.encode(text));
      if (!has_something_to_learn(out.examples.back(), settings.format)) {
        out.examples.clear();
        break;
      }
    }
  } catch (const Error& error) {
    out.error = error;
  }
  return out;
}

/// Numbers class names as they come, and at the end in an order that does not depend on that.
class Classes {
 public:
  explicit Classes(std::vector<std::string> fixed)
      : fixed_(!fixed.empty()), names_(std::move(fixed)) {
    for (const std::string& name : names_) {
      if (!numbers_.emplace(name, static_cast<std::int32_t>(numbers_.size())).second) {
        throw bad_input(fmt::format("names \"{}\" twice", name), "classes");
      }
    }
  }

  std::int32_t number(const std::string& name, const std::string& place) {
    const auto found = numbers_.find(name);
    if (found != numbers_.end()) return found->second;
    if (fixed_) {
      throw bad_input(fmt::format("the label \"{}\" is none of the classes", name), place,
                      "add it to the classes of the recipe");
    }
    const auto number = static_cast<std::int32_t>(names_.size());
    numbers_.emplace(name, number);
    names_.push_back(name);
    return number;
  }

  /// The final number of each class, by the one that it had so far.
  std::vector<std::int32_t> sort() {
    std::vector<std::int32_t> renumbered(names_.size());
    if (fixed_) {
      for (std::size_t i = 0; i < renumbered.size(); ++i)
        renumbered[i] = static_cast<std::int32_t>(i);
      return renumbered;
    }
    const auto value = [](const std::string& name) {
      std::int64_t number = 0;
      const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
      const bool whole = error == std::errc() && end == name.data() + name.size();
      return whole ? std::optional(number) : std::nullopt;
    };
    const bool numeric = std::all_of(names_.begin(), names_.end(),
                                     [&](const std::string& name) { return value(name); });
    std::vector<std::string> sorted = names_;
    std::sort(sorted.begin(), sorted.end(), [&](const std::string& a, const std::string& b) {
      return numeric && *value(a) != *value(b) ? *value(a) < *value(b) : a < b;
    });
    for (std::size_t i = 0; i < sorted.size(); ++i) {
      renumbered[static_cast<std::size_t>(numbers_.at(sorted[i]))] = static_cast<std::int32_t>(i);
    }
    names_ = std::move(sorted);
    return renumbered;
  }
  const std::vector<std::string>& names() const { return names_; }

 private:
  bool fixed_;
  std::vector<std::string> names_;
  std::map<std::string, std::int32_t> numbers_;
};

/// Everything that the tokens of a source depend on, in one digest.
std::string key_of(const DataSettings& settings, const DataSource& source,
                   const std::vector<DataFile>& files, const std::string& tokenizer,
                   const ChatTemplate* chat) {
  Json json = {
      {"format", name_of(settings.format)},
      {"held_out", settings.held_out},
      {"drop_duplicates", settings.drop_duplicates},
      {"refuse", settings.invalid_utf8 == InvalidUtf8::refuse},
      {"classes", settings.classes},
      {"cut", static_cast<int>(source.cut)},
      {"separator", source.separator},
      {"fields",
       {source.fields.text, source.fields.label, source.fields.messages, source.fields.prompt,
        source.fields.answer, source.fields.chosen, source.fields.rejected}},
      {"tokenizer", tokenizer},
      {"chat", chat != nullptr ? chat->source() : ""}};
  for (const DataFile& file : files) {
    std::error_code ignored;
    const auto written = fs::last_write_time(file.path, ignored).time_since_epoch().count();
    json["files"].push_back({fs::absolute(file.path, ignored).string(), file.bytes, written});
  }
  const std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  return sha256_of(std::as_bytes(std::span(text)));
}

struct ShardPaths {
  fs::path training, held_out;
};

ShardPaths paths_of(const fs::path& folder, const std::string& name) {
  return {folder / (name + ".training.tokens"), folder / (name + ".held-out.tokens")};
}

/// The shards of an earlier run that was given the same.
std::optional<PreparedSource> find_prepared(const DataSource& source, const ShardPaths& paths,
                                            const std::string& key) {
  std::error_code ignored;
  if (!fs::exists(paths.training, ignored) || !fs::exists(paths.held_out, ignored)) return {};
  try {
    PreparedSource found{source.name, source.weight, TokenShard::open(paths.training),
                         TokenShard::open(paths.held_out)};
    if (found.training.info().key == key && found.held_out.info().key == key) return found;
  } catch (const Error&) {
    // Damaged: it is made anew.
  }
  return {};
}

class SourcePreparation {
 public:
  SourcePreparation(const DataSettings& settings, const DataSource& source,
                    const Tokenizer& tokenizer, const ChatTemplate* chat, ThreadPool& pool)
      : settings_(settings),
        source_(source),
        tokenizer_(tokenizer),
        maker_(settings.format, source.fields, tokenizer, chat),
        pool_(pool),
        classes_(settings.classes) {}

  void run(const std::vector<DataFile>& files, const ShardPaths& paths, const std::string& key,
           const std::string& fingerprint, const DataProgress& progress) {
    const bool wide = tokenizer_.vocabulary().size() > kMaxNarrow;
    const bool learnt = settings_.format == LearningFormat::instruct ||
                        settings_.format == LearningFormat::preference;
    const bool labels = settings_.format == LearningFormat::classify;
    TokenShardWriter training(paths.training, wide, learnt, labels);
    TokenShardWriter held_out(paths.held_out, wide, learnt, labels);
    RecordReader reader(files, source_.cut, source_.separator, source_.fields);
    while (true) {
      std::vector<Record> records = read(reader);
      if (records.empty()) break;
      write(records, reader, training, held_out);
      if (progress) progress(source_.name, reader.bytes_done(), reader.bytes_total());
    }
    if (training.documents() == 0) {
      throw bad_input(fmt::format("has nothing to learn in {} records", counts_.records),
                      source_.name,
                      "check its files, the names of fields and the share that is held out");
    }
    const std::vector<std::int32_t> numbers = classes_.sort();
    for (TokenShardWriter* shard : {&training, &held_out}) {
      if (labels) shard->renumber_labels(numbers);
      shard->commit({fingerprint, tokenizer_.vocabulary().size(), settings_.format, key,
                     shard == &training ? training_bytes_ : held_out_bytes_, counts_,
                     classes_.names()});
    }
  }

 private:
  static std::vector<Record> read(RecordReader& reader) {
    std::vector<Record> records;
    std::size_t bytes = 0;
    Record record;
    while (records.size() < kBatchRecords && bytes < kBatchBytes && reader.next(record)) {
      bytes += record.content.size();
      records.push_back(std::move(record));
    }
    return records;
  }

  void write(std::vector<Record>& records, const RecordReader& reader, TokenShardWriter& training,
             TokenShardWriter& held_out) {
    std::vector<Encoded> encoded(records.size());
    std::atomic<std::size_t> next{0};
    pool_.run([&](int, int) {
      for (std::size_t i = next++; i < records.size(); i = next++) {
        encoded[i] = encode(records[i], maker_, settings_, reader.place(records[i]));
      }
    });
    for (std::size_t i = 0; i < encoded.size(); ++i) {
      Encoded& record = encoded[i];
      if (record.error) throw *record.error;
      ++counts_.records;
      counts_.repaired += record.repaired ? 1 : 0;
      if (record.examples.empty()) {
        ++counts_.empty;
        continue;
      }
      if (!seen_.insert(record.hash).second) {
        ++counts_.duplicates;
        if (settings_.drop_duplicates) continue;
      }
      const bool held = std::ldexp(static_cast<double>(record.hash), -64) < settings_.held_out;
      (held ? held_out_bytes_ : training_bytes_) += record.text_bytes;
      for (const Example& example : record.examples) {
        const std::int32_t label = settings_.format == LearningFormat::classify
                                       ? classes_.number(example.label, reader.place(records[i]))
                                       : -1;
        (held ? held_out : training).add(example.tokens, example.learnt, label);
      }
    }
  }

  const DataSettings& settings_;
  const DataSource& source_;
  const Tokenizer& tokenizer_;
  ExampleMaker maker_;
  ThreadPool& pool_;
  Classes classes_;
  ReadCounts counts_;
  std::uint64_t training_bytes_ = 0, held_out_bytes_ = 0;
  std::unordered_set<std::uint64_t> seen_;
};

void check(const DataSettings& settings) {
  if (settings.sources.empty()) throw bad_input("there are none", "sources", "name one");
  if (!(settings.held_out >= 0 && settings.held_out < 1)) {
    throw bad_input("must lie between 0 and 1", "held_out");
  }
  std::unordered_set<std::string> names;
  for (const DataSource& source : settings.sources) {
    const bool plain = std::all_of(source.name.begin(), source.name.end(), [](unsigned char c) {
      return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
    });
    if (source.name.empty() || source.name[0] == '.' || !plain) {
      throw bad_input(fmt::format("\"{}\" cannot name a source", source.name), "sources",
                      "use letters, digits, - and _");
    }
    if (!names.insert(source.name).second) {
      throw bad_input(fmt::format("two are called {}", source.name), "sources");
    }
    if (!(source.weight > 0 && std::isfinite(source.weight))) {
      throw bad_input("the weight must be above 0", source.name);
    }
  }
}

}  // namespace

std::int64_t PreparedData::training_tokens() const {
  std::int64_t sum = 0;
  for (const PreparedSource& source : sources) sum += source.training.tokens();
  return sum;
}

std::int64_t PreparedData::held_out_tokens() const {
  std::int64_t sum = 0;
  for (const PreparedSource& source : sources) sum += source.held_out.tokens();
  return sum;
}

PreparedData prepare_data(const DataSettings& settings, const Tokenizer& tokenizer,
                          const ChatTemplate* chat, const fs::path& folder, ThreadPool& pool,
                          const DataProgress& progress) {
  check(settings);
  if (settings.format == LearningFormat::classify && settings.classes.empty() &&
      settings.sources.size() > 1) {
    throw bad_input("must be listed when there are several sources", "classes");
  }
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw Error(ErrorKind::io, "cannot be made: " + error.message(), folder.string());
  const std::string fingerprint = tokenizer_fingerprint(tokenizer);
  PreparedData data;
  data.format = settings.format;
  for (const DataSource& source : settings.sources) {
    const std::vector<DataFile> files = find_data_files(source.paths);
    const std::string key = key_of(settings, source, files, fingerprint, chat);
    const ShardPaths paths = paths_of(folder, source.name);
    std::optional<PreparedSource> prepared = find_prepared(source, paths, key);
    if (!prepared) {
      SourcePreparation(settings, source, tokenizer, chat, pool)
          .run(files, paths, key, fingerprint, progress);
      prepared = PreparedSource{source.name, source.weight, TokenShard::open(paths.training),
                                TokenShard::open(paths.held_out)};
    }
    data.classes = prepared->training.info().classes;
    data.sources.push_back(std::move(*prepared));
  }
  return data;
}

std::string tokenizer_fingerprint(const Tokenizer& tokenizer) {
  constexpr std::string_view kSample =
      "Once upon a time, in 1984, there WAS a \"Dog\"; it's 12,345.67 m\xC3\xA8tres  away.\n\n"
      "\xE6\x8E\xA5\xE9\xBE\x8D \xD0\x9F\xD1\x80\xD0\xB8 \xF0\x9F\x90\x89\tif (a != b) { c += 1; "
      "}\r\n";
  Sha256 sha;
  const auto update = [&](std::string_view text) { sha.update(std::as_bytes(std::span(text))); };
  const Vocabulary& vocabulary = tokenizer.vocabulary();
  update(tokenizer.algorithm());
  for (Token token = 0; token < vocabulary.size(); ++token) {
    update(vocabulary.piece(token));
    const char type[2] = {'\0', static_cast<char>(vocabulary.token_class(token))};
    update({type, 2});
  }
  for (const Token token : tokenizer.encode(kSample)) update(std::to_string(token) + " ");
  return sha.digest();
}

}  // namespace jielong
