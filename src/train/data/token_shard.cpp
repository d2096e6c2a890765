#include "train/data/token_shard.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "token/json_fields.h"
#include "token/vocabulary.h"

namespace jielong {
namespace {

static_assert(std::endian::native == std::endian::little, "shards are mapped as they lie");

constexpr std::string_view kMagic = "JLTOKENS";
constexpr std::uint32_t kVersion = 1;
constexpr std::uint64_t kLearntFlag = 1, kLabelsFlag = 2;
constexpr std::size_t kHeaderBytes = 16;
constexpr std::size_t kDigestBytes = 64;  // in hex
constexpr std::size_t kMaxInfoBytes = 64 << 20;
constexpr std::size_t kMaxClasses = 1 << 20;

struct Footer {
  std::uint64_t documents, tokens, flags, info_bytes;
  char digest[kDigestBytes];
};
static_assert(sizeof(Footer) == 96);

std::size_t aligned(std::size_t bytes) { return (bytes + 7) / 8 * 8; }

/// Takes sections off a file, front to back.
class Sections {
 public:
  Sections(std::span<const std::byte> bytes, const std::string& where)
      : bytes_(bytes), where_(where) {}

  std::span<const std::byte> take(std::uint64_t count, std::uint64_t size) {
    if (count > bytes_.size() || size * count > bytes_.size() - at_) {
      throw bad_input("is cut off or damaged", where_, "prepare the data again");
    }
    const auto part = bytes_.subspan(at_, static_cast<std::size_t>(size * count));
    at_ = std::min(aligned(at_ + part.size()), bytes_.size());
    return part;
  }
  template <class T>
  std::span<const T> take(std::uint64_t count) {
    const auto part = take(count, sizeof(T));
    return {reinterpret_cast<const T*>(part.data()), static_cast<std::size_t>(count)};
  }
  std::size_t left() const { return bytes_.size() - at_; }

 private:
  std::span<const std::byte> bytes_;
  const std::string& where_;
  std::size_t at_ = 0;
};

ShardInfo parse_info(std::string_view text, const std::string& where) {
  namespace fields = json_fields;
  const std::string place = where + ": info";
  const Json json = parse_json(text, place);
  if (!json.is_object()) throw bad_input("is not a JSON object", place);
  ShardInfo info;
  info.tokenizer = fields::string(json, "tokenizer", place);
  info.vocabulary = static_cast<std::int64_t>(
      fields::integer(fields::require(json, "vocabulary", place),
                      static_cast<std::size_t>(Vocabulary::kMaxSize) + 1, place + ".vocabulary"));
  info.format = learning_format(fields::string(json, "format", place), place + ".format");
  info.key = fields::string(json, "key", place);
  const auto number = [&](const char* key) {
    return fields::integer(fields::require(json, key, place), std::size_t{1} << 60,
                           place + "." + key);
  };
  info.text_bytes = number("text_bytes");
  info.counts = {number("records"), number("empty"), number("duplicates"), number("repaired")};
  for (const Json& name : fields::array(json, "classes", place)) {
    if (!name.is_string() || info.classes.size() == kMaxClasses) {
      throw bad_input("is no list of names", place + ".classes");
    }
    info.classes.push_back(name.get<std::string>());
  }
  return info;
}

template <class T>
std::span<const std::byte> bytes_of(const std::vector<T>& values) {
  return std::as_bytes(std::span(values));
}

}  // namespace

TokenShard TokenShard::open(const std::filesystem::path& path, bool verify) {
  MappedFile file(path);
  TokenShard shard = view(file.bytes(), path.string(), verify);
  shard.file_ = std::move(file);
  return shard;
}

TokenShard TokenShard::view(std::span<const std::byte> bytes, const std::string& where,
                            bool verify) {
  if (bytes.size() < kHeaderBytes + sizeof(Footer) ||
      std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) != 0) {
    throw bad_input("is no file of tokens", where, "give one that preparing data wrote");
  }
  std::uint32_t version, token_bytes;
  std::memcpy(&version, bytes.data() + 8, 4);
  std::memcpy(&token_bytes, bytes.data() + 12, 4);
  if (version != kVersion || (token_bytes != 2 && token_bytes != 4)) {
    throw Error(ErrorKind::unsupported, fmt::format("has version {}", version), where,
                "prepare the data again");
  }
  Footer footer;
  const auto body = bytes.first(bytes.size() - sizeof footer);
  std::memcpy(&footer, bytes.data() + body.size(), sizeof footer);
  if (footer.documents > footer.tokens || footer.flags > (kLearntFlag | kLabelsFlag)) {
    throw bad_input("has a damaged footer", where, "prepare the data again");
  }
  TokenShard shard;
  shard.where_ = where;
  shard.token_bytes_ = token_bytes;
  shard.checksum_.assign(footer.digest, kDigestBytes);
  if (verify && sha256_of(body) != shard.checksum_) {
    throw bad_input("does not have the checksum that it states", where, "prepare the data again");
  }
  Sections sections(body, where);
  sections.take(kHeaderBytes, 1);
  shard.data_ = sections.take(footer.tokens, token_bytes).data();
  shard.tokens_ = static_cast<std::int64_t>(footer.tokens);
  shard.ends_ = sections.take<std::uint64_t>(footer.documents);
  if ((footer.flags & kLearntFlag) != 0) {
    shard.learnt_ = sections.take<std::uint64_t>((footer.tokens + 63) / 64);
  }
  if ((footer.flags & kLabelsFlag) != 0) {
    shard.labels_ = sections.take<std::int32_t>(footer.documents);
  }
  if (footer.info_bytes > kMaxInfoBytes || footer.info_bytes != sections.left()) {
    throw bad_input("has a damaged footer", where, "prepare the data again");
  }
  const auto info = sections.take(footer.info_bytes, 1);
  shard.info_ = parse_info({reinterpret_cast<const char*>(info.data()), info.size()}, where);

  std::uint64_t last = 0;
  for (const std::uint64_t end : shard.ends_) {
    if (end <= last || end > footer.tokens) {
      throw bad_input("has documents that end in disorder", where, "prepare the data again");
    }
    last = end;
  }
  const auto classes = static_cast<std::int32_t>(shard.info_.classes.size());
  for (const std::int32_t label : shard.labels_) {
    if (label < 0 || label >= classes) {
      throw bad_input("has a label without a class", where, "prepare the data again");
    }
  }
  if (last != footer.tokens) throw bad_input("has tokens of no document", where);
  return shard;
}

Token TokenShard::token(std::int64_t index) const {
  Token token = 0;
  if (token_bytes_ == 2) {
    std::uint16_t value;
    std::memcpy(&value, data_ + index * 2, 2);
    token = value;
  } else {
    std::memcpy(&token, data_ + index * 4, 4);
  }
  if (token < 0 || token >= info_.vocabulary) {
    throw bad_input(
        fmt::format("token {} is outside the vocabulary of {}", token, info_.vocabulary), where_,
        "prepare the data again");
  }
  return token;
}

TokenShardWriter::TokenShardWriter(std::filesystem::path path, bool wide, bool with_learnt,
                                   bool with_labels)
    : file_(std::move(path)),
      token_bytes_(wide ? 4 : 2),
      with_learnt_(with_learnt),
      with_labels_(with_labels) {
  const std::uint32_t head[2] = {kVersion, static_cast<std::uint32_t>(token_bytes_)};
  write(std::as_bytes(std::span(kMagic)));
  write(std::as_bytes(std::span(head)));
}

void TokenShardWriter::write(std::span<const std::byte> bytes) {
  file_.write(bytes);
  hash_.update(bytes);
}

void TokenShardWriter::add(std::span<const Token> tokens, const std::vector<bool>& learnt,
                           std::int32_t label) {
  if (tokens.empty()) return;
  buffer_.resize(tokens.size() * token_bytes_);
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (token_bytes_ == 2) {
      const auto value = static_cast<std::uint16_t>(tokens[i]);
      if (value != tokens[i]) {
        throw Error(ErrorKind::internal,
                    fmt::format("token {} does not fit in 16 bits", tokens[i]));
      }
      std::memcpy(buffer_.data() + i * 2, &value, 2);
    } else {
      std::memcpy(buffer_.data() + i * 4, &tokens[i], 4);
    }
  }
  write(buffer_);
  if (with_learnt_) {
    learnt_.resize((static_cast<std::size_t>(tokens_) + tokens.size() + 63) / 64);
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      const std::size_t at = static_cast<std::size_t>(tokens_) + i;
      if (learnt.empty() || learnt[i]) learnt_[at / 64] |= std::uint64_t{1} << (at % 64);
    }
  }
  tokens_ += static_cast<std::int64_t>(tokens.size());
  ends_.push_back(static_cast<std::uint64_t>(tokens_));
  if (with_labels_) labels_.push_back(label);
}

void TokenShardWriter::renumber_labels(const std::vector<std::int32_t>& numbers) {
  for (std::int32_t& label : labels_) label = numbers[static_cast<std::size_t>(label)];
}

void TokenShardWriter::commit(const ShardInfo& info) {
  const auto section = [&](std::span<const std::byte> bytes) {
    constexpr std::byte kPadding[8] = {};
    const std::size_t over = file_.position() % 8;
    if (over != 0) write(std::span(kPadding).first(8 - over));
    write(bytes);
  };
  section(bytes_of(ends_));
  if (with_learnt_) section(bytes_of(learnt_));
  if (with_labels_) section(bytes_of(labels_));
  const std::string text =
      Json{{"tokenizer", info.tokenizer},      {"vocabulary", info.vocabulary},
           {"format", name_of(info.format)},   {"key", info.key},
           {"text_bytes", info.text_bytes},    {"records", info.counts.records},
           {"empty", info.counts.empty},       {"duplicates", info.counts.duplicates},
           {"repaired", info.counts.repaired}, {"classes", info.classes}}
          .dump();
  section(std::as_bytes(std::span(text)));
  Footer footer{static_cast<std::uint64_t>(documents()),
                static_cast<std::uint64_t>(tokens_),
                (with_learnt_ ? kLearntFlag : 0) | (with_labels_ ? kLabelsFlag : 0),
                text.size(),
                {}};
  const std::string digest = hash_.digest();
  std::memcpy(footer.digest, digest.data(), kDigestBytes);
  file_.write(std::as_bytes(std::span(&footer, 1)));
  file_.commit();
}

}  // namespace jielong
