#include "model/gguf.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <fstream>
#include <limits>

#include "base/error.h"
#include "base/quote.h"
#include "model/byte_reader.h"
#include "model/gguf_types.h"
#include "model/split_name.h"

namespace jielong {
namespace fs = std::filesystem;

// Fields are read where they lie.
static_assert(std::endian::native == std::endian::little);

namespace {

constexpr std::uint64_t kMaxKeyBytes = 65535;        // the specification's limit
constexpr std::uint64_t kMaxTensorNameBytes = 1024;  // the specification's is 64
constexpr std::uint64_t kMaxAlignment = 1 << 20;
constexpr std::string_view kGetAgain = "the file is damaged or was made wrongly; get it again";

void check_magic_and_size(ByteReader& reader, const std::string& where) {
  if (reader.remaining() < 4) {
    throw bad_input(fmt::format("has {} bytes, too few for a GGUF file", reader.remaining()), where,
                    "the file is cut off; get it again");
  }
  const auto magic = reader.take(4, "the magic");
  if (std::string_view(reinterpret_cast<const char*>(magic.data()), 4) != kGgufMagic) {
    throw bad_input("does not begin with GGUF's magic", where, "give the path of a GGUF file");
  }
}

std::uint32_t read_version(ByteReader& reader, const std::string& where) {
  const auto version = reader.number<std::uint32_t>("the version");
  if (version >= 1 << 16 && version % (1 << 16) == 0) {
    throw Error(ErrorKind::unsupported, "is a big-endian GGUF file", where,
                "get the little-endian file of the model");
  }
  if (version == 1) {
    throw Error(ErrorKind::unsupported, "is a GGUF file of version 1, which is obsolete", where,
                "get a newer file of the model or convert it again from its source");
  }
  if (version != 2 && version != 3) {
    throw Error(ErrorKind::unsupported, fmt::format("is a GGUF file of version {}", version), where,
                "Jielong reads versions 2 and 3");
  }
  return version;
}

std::uint64_t stored_bytes(MetaType type) {
  switch (type) {
    case MetaType::u8:
    case MetaType::i8:
    case MetaType::boolean: return 1;
    case MetaType::u16:
    case MetaType::i16: return 2;
    case MetaType::u32:
    case MetaType::i32:
    case MetaType::f32: return 4;
    case MetaType::u64:
    case MetaType::i64:
    case MetaType::f64: return 8;
    case MetaType::string:
    case MetaType::array: break;
  }
  return 0;
}

MetaType read_meta_type(ByteReader& reader, std::string_view what) {
  const std::string place = reader.place();
  const auto type = reader.number<std::uint32_t>(what);
  if (type > static_cast<std::uint32_t>(MetaType::f64)) {
    throw bad_input(fmt::format("{} is {}, which no GGUF type has", what, type), place,
                    std::string(kGetAgain));
  }
  return static_cast<MetaType>(type);
}

void check_truth_values(std::span<const std::byte> bytes, const std::string& what,
                        const std::string& place) {
  for (const std::byte value : bytes) {
    if (value > std::byte{1}) {
      throw bad_input(fmt::format("{} holds a truth value of {}, neither 0 nor 1", what,
                                  static_cast<int>(value)),
                      place, std::string(kGetAgain));
    }
  }
}

MetaValue read_value(ByteReader& reader) {
  const std::string place = reader.place();
  const std::string_view key = reader.string("the length and text of a metadata key");
  if (key.empty() || key.size() > kMaxKeyBytes) {
    throw bad_input(
        fmt::format("a metadata key has {} bytes, not 1 to {}", key.size(), kMaxKeyBytes), place,
        std::string(kGetAgain));
  }
  const std::string what = fmt::format("the value of metadata key {}", in_quotes(key));
  MetaType type = read_meta_type(reader, "the type of " + what);
  const bool array = type == MetaType::array;
  std::uint64_t count = 1;
  if (array) {
    type = read_meta_type(reader, "the element type of " + what);
    if (type == MetaType::array) {
      throw Error(ErrorKind::unsupported, fmt::format("{} is an array of arrays", what), place,
                  "Jielong reads arrays of plain values");
    }
    const std::uint64_t min_bytes = type == MetaType::string ? 8 : stored_bytes(type);
    count = reader.number<std::uint64_t>("the length of " + what);
    reader.count(count, min_bytes, fmt::format("elements in {}", what));
  }
  ByteReader begin = reader;
  const std::uint64_t first = reader.position();
  if (type == MetaType::string) {
    for (std::uint64_t i = 0; i < count; ++i) reader.string(what);
  } else {
    reader.take(count * stored_bytes(type), what);
  }
  const auto bytes = begin.take(reader.position() - first, what);
  if (type == MetaType::boolean) check_truth_values(bytes, what, place);
  return {key, type, count, array, bytes};
}

std::uint64_t read_alignment(const Metadata& metadata) {
  const auto alignment = metadata.get_or<std::uint32_t>("general.alignment", kGgufAlignment);
  if (!std::has_single_bit(alignment) || alignment < 8 || alignment > kMaxAlignment) {
    throw bad_input(fmt::format("is {}, not a power of two from 8 to {}", alignment, kMaxAlignment),
                    "metadata key \"general.alignment\"", std::string(kGetAgain));
  }
  return alignment;
}

/// A tensor's entry before the place of the data is known.
struct TensorEntry {
  TensorInfo tensor;
  std::uint64_t offset = 0, bytes = 0;
  std::string place;
};

/// Reads `count` dimensions, innermost first, and leaves them outermost first.
std::vector<std::int64_t> read_shape(ByteReader& reader, std::uint32_t count,
                                     const std::string& what, const std::string& place) {
  std::vector<std::int64_t> shape(count);
  std::int64_t elements = 1;
  for (std::uint32_t i = count; i-- > 0;) {
    const auto size = reader.number<std::uint64_t>("the shape of " + what);
    if (size == 0 || size > std::numeric_limits<std::int64_t>::max() ||
        __builtin_mul_overflow(elements, static_cast<std::int64_t>(size), &elements)) {
      throw bad_input(fmt::format("{} has a dimension of {}, which cannot be", what, size), place,
                      std::string(kGetAgain));
    }
    shape[i] = static_cast<std::int64_t>(size);
  }
  return shape;
}

DType read_dtype(ByteReader& reader, const std::string& what, const std::string& place) {
  const auto number = reader.number<std::uint32_t>("the element type of " + what);
  const GgufType* type = gguf_type(number);
  if (type == nullptr) {
    throw bad_input(fmt::format("{} has element type {}, which no GGUF type has", what, number),
                    place, std::string(kGetAgain));
  }
  if (!type->dtype) {
    throw Error(
        ErrorKind::unsupported,
        fmt::format("{} has element type {}, which Jielong does not read", what, type->name), place,
        "get the model in another quantization, for instance Q4_K_M");
  }
  return *type->dtype;
}

TensorEntry read_tensor(ByteReader& reader, std::uint64_t alignment) {
  TensorEntry entry;
  entry.place = reader.place();
  const std::string_view name = reader.string("the length and text of a tensor's name");
  if (name.empty() || name.size() > kMaxTensorNameBytes) {
    throw bad_input(
        fmt::format("a tensor's name has {} bytes, not 1 to {}", name.size(), kMaxTensorNameBytes),
        entry.place, std::string(kGetAgain));
  }
  entry.tensor.name = name;
  const std::string what = fmt::format("tensor {}", in_quotes(name));
  const auto dimensions = reader.number<std::uint32_t>("the number of dimensions of " + what);
  if (dimensions > kGgufMaxDimensions) {
    throw bad_input(
        fmt::format("{} has {} dimensions, more than {}", what, dimensions, kGgufMaxDimensions),
        entry.place, std::string(kGetAgain));
  }
  entry.tensor.shape = read_shape(reader, dimensions, what, entry.place);
  entry.tensor.dtype = read_dtype(reader, what, entry.place);
  const DTypeInfo& format = info(entry.tensor.dtype);
  if (entry.tensor.columns() % format.block_elements != 0) {
    throw bad_input(fmt::format("{} has rows of {} values, not whole {} blocks of {}", what,
                                entry.tensor.columns(), format.name, format.block_elements),
                    entry.place, std::string(kGetAgain));
  }
  const auto blocks = static_cast<std::uint64_t>(entry.tensor.elements() / format.block_elements);
  if (__builtin_mul_overflow(blocks, static_cast<std::uint64_t>(format.block_bytes),
                             &entry.bytes)) {
    throw bad_input(fmt::format("{} of shape {} is larger than memory can be", what,
                                describe_shape(entry.tensor.shape)),
                    entry.place, std::string(kGetAgain));
  }
  entry.offset = reader.number<std::uint64_t>("the offset of " + what);
  if (entry.offset % alignment != 0) {
    throw bad_input(fmt::format("{} begins at offset {}, not a multiple of the alignment {}", what,
                                entry.offset, alignment),
                    entry.place, std::string(kGetAgain));
  }
  return entry;
}

/// Checks the entries against the file's data section and gives each its bytes.
void place_tensors(std::vector<TensorEntry>& entries, std::span<const std::byte> data) {
  for (TensorEntry& entry : entries) {
    if (entry.offset > data.size() || entry.bytes > data.size() - entry.offset) {
      throw bad_input(
          fmt::format("tensor {} needs {} bytes at offset {} of the data, which are {} bytes",
                      in_quotes(entry.tensor.name), entry.bytes, entry.offset, data.size()),
          entry.place, "the file is cut off or damaged; get it again");
    }
    entry.tensor.data = data.subspan(entry.offset, entry.bytes);
  }
  std::vector<const TensorEntry*> order;
  for (const TensorEntry& entry : entries) order.push_back(&entry);
  std::sort(order.begin(), order.end(),
            [](const auto* a, const auto* b) { return a->offset < b->offset; });
  for (std::size_t i = 1; i < order.size(); ++i) {
    if (order[i]->offset < order[i - 1]->offset + order[i - 1]->bytes) {
      throw bad_input(fmt::format("tensors {} and {} overlap", in_quotes(order[i - 1]->tensor.name),
                                  in_quotes(order[i]->tensor.name)),
                      order[i]->place, std::string(kGetAgain));
    }
  }
}

/// The path of part `number` (from 1) beside a part named …-NNNNN-of-NNNNN.gguf.
fs::path part_path(const fs::path& path, int number, int count) {
  const auto name = parse_split_name(path.stem().string());
  if (!name || path.extension() != ".gguf" || name->parts != static_cast<unsigned>(count)) {
    throw bad_input(
        fmt::format("is one of {} parts, but its name does not end in -NNNNN-of-{:05}.gguf", count,
                    count),
        path.string(), "give all parts the names they were published under");
  }
  const auto part = static_cast<std::size_t>(number), parts = static_cast<std::size_t>(count);
  return path.parent_path() / (split_name(name->stem, part, parts) + ".gguf");
}

void check_part(const Metadata& metadata, const fs::path& path, int number, int count) {
  if (metadata.get_or("split.no", 0) != number - 1 || metadata.get_or("split.count", 1) != count) {
    throw bad_input(fmt::format("is not part {} of {} as its name says", number, count),
                    path.string(), "get all parts of the model again");
  }
}

}  // namespace

GgufFile::GgufFile(const fs::path& path) : TensorFile(path) {
  metadata_ = add_part(path);
  parts_ = metadata_.get_or("split.count", 1);
  if (parts_ <= 1) {
    parts_ = 1;
    return;
  }
  const fs::path first = part_path(path, 1, parts_);
  if (first.filename() != path.filename()) {
    *this = GgufFile(first);
    return;
  }
  check_part(metadata_, path, 1, parts_);
  for (int part = 2; part <= parts_; ++part) {
    const fs::path other = part_path(path, part, parts_);
    check_part(add_part(other), other, part, parts_);
  }
  const auto expected = metadata_.get_or<std::int64_t>("split.tensors.count", -1);
  const auto found = static_cast<std::int64_t>(tensors().size());
  if (expected >= 0 && expected != found) {
    throw bad_input(
        fmt::format("the parts hold {} tensors where {} are announced", found, expected),
        path.string(), "get all parts of the model again");
  }
}

Metadata GgufFile::add_part(const fs::path& path) {
  const auto bytes = add_file(MappedFile(path));
  const std::string where = path.string();
  ByteReader reader(bytes, where);
  check_magic_and_size(reader, where);
  version_ = read_version(reader, where);

  // The smallest tensor entry: name length and one letter, dimensions, type, offset.
  constexpr std::uint64_t kMinTensorBytes = 8 + 1 + 4 + 4 + 8;
  constexpr std::uint64_t kMinValueBytes = 8 + 1 + 4 + 1;
  const auto tensor_count = reader.number<std::uint64_t>("the number of tensors");
  const auto value_count = reader.number<std::uint64_t>("the number of metadata values");
  reader.count(tensor_count, kMinTensorBytes, "tensors");
  reader.count(value_count, kMinValueBytes, "metadata values");

  Metadata metadata;
  metadata.set_source(path);
  try {
    for (std::uint64_t i = 0; i < value_count; ++i) metadata.add(read_value(reader));
    const std::uint64_t alignment = read_alignment(metadata);
    std::vector<TensorEntry> entries;
    reader.count(tensor_count, kMinTensorBytes, "tensors");
    entries.reserve(tensor_count);
    for (std::uint64_t i = 0; i < tensor_count; ++i) {
      entries.push_back(read_tensor(reader, alignment));
    }
    const std::uint64_t header = reader.position();
    const std::uint64_t begin =
        std::min<std::uint64_t>((header + alignment - 1) / alignment * alignment, bytes.size());
    place_tensors(entries, bytes.subspan(begin));
    for (TensorEntry& entry : entries) add_tensor(std::move(entry.tensor), path);
  } catch (const Error& error) {
    if (error.where().starts_with(where)) throw;
    throw error.within(where);
  }
  return metadata;
}

Metadata parse_metadata(std::span<const std::byte> bytes, const std::string& where) {
  ByteReader reader(bytes, where);
  Metadata metadata;
  while (reader.remaining() > 0) metadata.add(read_value(reader));
  return metadata;
}

bool is_gguf(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  char magic[4] = {};
  return file.read(magic, sizeof magic) && std::string_view(magic, 4) == kGgufMagic;
}

}  // namespace jielong
