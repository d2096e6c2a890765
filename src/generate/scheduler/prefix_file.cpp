#include "generate/scheduler/prefix_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <unordered_map>

#include "base/error.h"
#include "base/file.h"
#include "base/sha256.h"
#include "model/byte_reader.h"

namespace jielong {
namespace {

constexpr std::string_view kMagic = "JLPREFIX";
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kDigest = 64;
constexpr std::uint32_t kMostBlockTokens = 1 << 16;
constexpr std::string_view kDelete = "delete it; it only saves time";

std::string_view text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

template <typename Number>
void append(std::string& out, Number number) {
  out.append(reinterpret_cast<const char*>(&number), sizeof number);
}

PrefixRecord read_record(ByteReader& reader, const PrefixFile& file, std::int64_t vocabulary) {
  PrefixRecord record;
  record.parent = std::int64_t{reader.number<std::uint32_t>("a prefix")} - 1;
  const auto count = reader.number<std::uint32_t>("a prefix");
  if (record.parent >= static_cast<std::int64_t>(file.records.size()) ||
      (record.parent >= 0 &&
       static_cast<std::int64_t>(
           file.records[static_cast<std::size_t>(record.parent)].tokens.size()) !=
           file.block_tokens)) {
    throw bad_input("a prefix continues what it cannot", reader.place(), std::string(kDelete));
  }
  if (count < 1 || count > file.block_tokens) {
    throw bad_input(
        fmt::format("a block holds {} tokens instead of 1 to {}", count, file.block_tokens),
        reader.place(), std::string(kDelete));
  }
  const auto stored = reader.take(std::uint64_t{count} * sizeof(Token), "a prefix's tokens");
  record.tokens.resize(count);
  std::memcpy(record.tokens.data(), stored.data(), stored.size());
  for (const Token token : record.tokens) {
    if (token >= 0 && token < vocabulary) continue;
    throw bad_input(fmt::format("token {} is not among the model's {}", token, vocabulary),
                    reader.place(), std::string(kDelete));
  }
  record.digest = text(reader.take(kDigest, "a checksum"));
  return record;
}

}  // namespace

PrefixFile parse_prefix_file(std::span<const std::byte> bytes, const std::string& where,
                             std::int64_t vocabulary) {
  ByteReader reader(bytes, where);
  if (text(reader.take(kMagic.size(), "the magic")) != kMagic) {
    throw bad_input("is not a file of prefixes", where, std::string(kDelete));
  }
  const auto version = reader.number<std::uint32_t>("the version");
  if (version != kVersion) {
    throw Error(ErrorKind::unsupported,
                fmt::format("has version {}, this program reads {}", version, kVersion), where,
                std::string(kDelete));
  }
  PrefixFile file;
  const auto block_tokens = reader.number<std::uint32_t>("the block's size");
  const auto block_bytes = reader.number<std::uint64_t>("the block's size");
  const auto format_bytes = reader.number<std::uint32_t>("the format");
  const auto count = reader.number<std::uint32_t>("the number of prefixes");
  if (block_tokens < 1 || block_tokens > kMostBlockTokens || block_bytes < 1) {
    throw bad_input("blocks have no sensible size", where, std::string(kDelete));
  }
  file.block_tokens = block_tokens;
  file.format = text(reader.take(format_bytes, "the format"));
  // The smallest record: its head, one token and a checksum, and then its block.
  reader.count(count, 2 * sizeof(std::uint32_t) + sizeof(Token) + kDigest, "prefixes");
  file.records.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    file.records.push_back(read_record(reader, file, vocabulary));
  }
  file.table = bytes.first(reader.position());
  file.digest = text(reader.take(kDigest, "a checksum"));
  reader.count(count, block_bytes, "blocks");
  for (PrefixRecord& record : file.records) record.block = reader.take(block_bytes, "a block");
  if (reader.remaining() != 0) {
    throw bad_input(fmt::format("goes on for {} bytes after its end", reader.remaining()), where,
                    std::string(kDelete));
  }
  return file;
}

void check_digests(const PrefixFile& file, const std::string& where) {
  const auto check = [&](std::span<const std::byte> bytes, std::string_view digest) {
    if (sha256_of(bytes) == digest) return;
    throw bad_input("is damaged: a checksum is wrong", where, std::string(kDelete));
  };
  check(file.table, file.digest);
  for (const PrefixRecord& record : file.records) check(record.block, record.digest);
}

void write_prefixes(const std::filesystem::path& path, const PrefixTree& tree,
                    std::uint64_t max_bytes) {
  Runner& runner = tree.runner();
  const std::string format = runner.block_format();
  if (format.empty()) {
    throw Error(ErrorKind::unsupported, "keys and values of this model cannot be saved", "cache");
  }
  const auto block_of = [&](const PrefixTree::Node& node) {
    return runner.block(node.sequence, (node.end - 1) / runner.block_tokens());
  };
  // Every block has the same size; the first tells it.
  auto nodes = tree.recent_nodes(1);
  const std::uint64_t block_bytes = nodes.empty() ? 1 : block_of(*nodes.front()).size();
  nodes = tree.recent_nodes(std::min<std::uint64_t>(max_bytes / block_bytes,
                                                    std::numeric_limits<std::uint32_t>::max() - 1));

  std::string table(kMagic);
  append(table, kVersion);
  append(table, static_cast<std::uint32_t>(runner.block_tokens()));
  append(table, block_bytes);
  append(table, static_cast<std::uint32_t>(format.size()));
  append(table, static_cast<std::uint32_t>(nodes.size()));
  table += format;
  std::unordered_map<const PrefixTree::Node*, std::uint32_t> numbers;  // from 1
  for (const PrefixTree::Node* node : nodes) {
    const auto parent = numbers.find(node->parent);
    append(table, parent == numbers.end() ? std::uint32_t{0} : parent->second);
    append(table, static_cast<std::uint32_t>(node->tokens.size()));
    for (const Token token : node->tokens) append(table, token);
    table += sha256_of(block_of(*node));
    numbers.emplace(node, static_cast<std::uint32_t>(numbers.size()) + 1);
  }
  AtomicFile file(path);
  file.write(table);
  file.write(sha256_of(std::as_bytes(std::span(table.data(), table.size()))));
  for (const PrefixTree::Node* node : nodes) file.write(block_of(*node));
  file.commit();
}

std::int64_t read_prefixes(const std::filesystem::path& path, PrefixTree& tree) {
  Runner& runner = tree.runner();
  const MappedFile mapped(path);
  const std::string where = path.string();
  const PrefixFile file = parse_prefix_file(mapped.bytes(), where, runner.vocabulary());
  if (file.block_tokens != runner.block_tokens() || file.format != runner.block_format()) {
    throw bad_input("was saved for another model, cache type or instruction set", where,
                    std::string(kDelete));
  }
  check_digests(file, where);
  const std::uint64_t last = tree.next_uses(file.records.size());
  std::vector<const PrefixTree::Node*> nodes;
  const std::int64_t before = tree.tokens();
  for (const PrefixRecord& record : file.records) {
    const bool first = record.parent < 0;
    const PrefixTree::Node* parent =
        first ? nullptr : nodes[static_cast<std::size_t>(record.parent)];
    const std::int64_t end = (first || parent == nullptr ? 0 : parent->end) +
                             static_cast<std::int64_t>(record.tokens.size());
    const bool room = runner.used_blocks() < runner.max_blocks() && end <= runner.context_length();
    const bool reachable = first || parent != nullptr;
    nodes.push_back(room && reachable
                        ? tree.restore(parent, record.tokens, record.block, last - nodes.size())
                        : nullptr);
  }
  return tree.tokens() - before;
}

}  // namespace jielong
