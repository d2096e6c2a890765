#include "model/convert/split_writer.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "model/gguf_types.h"
#include "model/split_name.h"

namespace jielong {
namespace fs = std::filesystem;
namespace {

/// A file's header without metadata and entries, padding included.
constexpr std::uint64_t kFrameBytes = 256;

/// A tensor's share of a file: its entry in the header and its values.
std::uint64_t share_of(const TensorPlan& tensor) {
  const std::uint64_t entry = tensor.name.size() + 8 * tensor.shape.size() + 32;
  const std::uint64_t values = tensor.bytes();
  return entry + (values + kGgufAlignment - 1) / kGgufAlignment * kGgufAlignment;
}

}  // namespace

std::vector<std::size_t> split_tensors(const std::vector<TensorPlan>& tensors,
                                       const SplitLimits& limits, std::uint64_t first_header) {
  std::vector<std::size_t> sizes = {0};
  std::uint64_t bytes = first_header + kFrameBytes;
  for (const TensorPlan& tensor : tensors) {
    const std::uint64_t share = share_of(tensor);
    const bool full = (limits.tensors > 0 && sizes.back() >= limits.tensors) ||
                      (limits.bytes > 0 && bytes + share > limits.bytes);
    if (full && sizes.back() > 0) {
      sizes.push_back(0);
      bytes = kFrameBytes;
    }
    ++sizes.back();
    bytes += share;
  }
  return sizes;
}

SplitWriter::SplitWriter(SplitLimits limits, std::uint64_t first_header, Open open)
    : limits_(limits), first_header_(first_header), open_(std::move(open)) {}

void SplitWriter::begin(std::vector<TensorPlan> tensors) {
  tensors_ = std::move(tensors);
  sizes_ = split_tensors(tensors_, limits_, first_header_);
  // The format counts parts in 16 bits, their names in five digits.
  constexpr std::size_t kMaxParts = std::numeric_limits<std::uint16_t>::max();
  if (sizes_.size() > kMaxParts) {
    throw Error(
        ErrorKind::limit,
        fmt::format("the model would come in {} files, more than {}", sizes_.size(), kMaxParts),
        "split", "allow larger files");
  }
  open_next();
}

void SplitWriter::open_next() {
  writer_ = open_(part_, sizes_.size(), tensors_.size());
  const auto begin = tensors_.begin() + static_cast<std::ptrdiff_t>(first_);
  std::vector<TensorPlan> own(begin, begin + static_cast<std::ptrdiff_t>(sizes_[part_]));
  left_ = 0;
  for (const TensorPlan& tensor : own) left_ += tensor.bytes();
  writer_->begin(std::move(own));
  first_ += sizes_[part_++];
}

void SplitWriter::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    if (left_ == 0) {
      if (part_ == sizes_.size()) {
        throw Error(ErrorKind::internal, "more bytes than announced tensors", "split");
      }
      writer_->finish();
      open_next();
    }
    const auto part = bytes.first(std::min<std::uint64_t>(left_, bytes.size()));
    writer_->write(part);
    left_ -= part.size();
    bytes = bytes.subspan(part.size());
  }
}

void SplitWriter::finish() {
  if (part_ != sizes_.size() || left_ > 0) {
    throw Error(ErrorKind::internal, "bytes of announced tensors are missing", "split");
  }
  writer_->finish();
  writer_.reset();
}

SplitGgufWriter::SplitGgufWriter(const fs::path& path, const SplitLimits& limits,
                                 MetadataBuilder metadata)
    : folder_(path.parent_path()),
      temporary_(fmt::format("{}.{}.partial", path.string(), ::getpid())),
      stem_(path.stem().string()),
      metadata_(std::move(metadata)),
      writer_(limits, metadata_.encode().size(),
              [this](std::size_t part, std::size_t parts, std::size_t total) {
                return open(part, parts, total);
              }) {
  std::error_code error;
  fs::remove_all(temporary_, error);
  fs::create_directories(temporary_, error);
  if (error) throw Error(ErrorKind::io, error.message(), temporary_.string());
}

SplitGgufWriter::~SplitGgufWriter() {
  std::error_code ignored;
  fs::remove_all(temporary_, ignored);
}

std::unique_ptr<TensorSink> SplitGgufWriter::open(std::size_t part, std::size_t parts,
                                                  std::size_t total) {
  MetadataBuilder metadata;
  if (part == 0) metadata = std::move(metadata_);
  metadata.set("split.no", static_cast<std::uint16_t>(part));
  metadata.set("split.count", static_cast<std::uint16_t>(parts));
  metadata.set("split.tensors.count", static_cast<std::int32_t>(total));
  return std::make_unique<GgufWriter>(temporary_ / (split_name(stem_, part + 1, parts) + ".gguf"),
                                      std::move(metadata));
}

std::vector<fs::path> SplitGgufWriter::files() const {
  std::vector<fs::path> result;
  const std::size_t parts = writer_.sizes().size();
  for (std::size_t part = 1; part <= parts; ++part) {
    result.push_back(folder_ / (split_name(stem_, part, parts) + ".gguf"));
  }
  return result;
}

void SplitGgufWriter::finish() {
  writer_.finish();
  const std::vector<fs::path> places = files();
  std::error_code error;
  // An older model of that name must not lend the new parts its beginning.
  fs::remove(places.front(), error);
  if (error) throw Error(ErrorKind::io, error.message(), places.front().string());
  for (std::size_t part = places.size(); part-- > 0;) {
    fs::rename(temporary_ / places[part].filename(), places[part], error);
    if (error) throw Error(ErrorKind::io, error.message(), places[part].string());
  }
}

}  // namespace jielong
