#include "model/store/wheel.h"

#include <fmt/format.h>
#include <zip.h>

#include <algorithm>
#include <memory>

#include "base/error.h"
#include "model/store/names.h"

namespace jielong::store {
namespace {

constexpr zip_int64_t kMaxEntries = 100'000;
constexpr std::uint64_t kMaxEntryBytes = 512ULL << 30;

/// Whether the entry is an ordinary file by the mode Unix zips note.
bool is_regular(zip_t* archive, zip_uint64_t index) {
  zip_uint8_t system = 0;
  zip_uint32_t attributes = 0;
  if (zip_file_get_external_attributes(archive, index, 0, &system, &attributes) != 0) return true;
  const zip_uint32_t type = (attributes >> 16) & 0170000;
  return system != ZIP_OPSYS_UNIX || type == 0 || type == 0100000;
}

}  // namespace

Wheel::Wheel(const std::filesystem::path& path) : path_(path.string()) {
  int code = 0;
  zip_t* archive = zip_open(path.c_str(), ZIP_RDONLY | ZIP_CHECKCONS, &code);
  if (archive == nullptr) {
    throw bad_input(fmt::format("is not a sound wheel (zip error {})", code), path_);
  }
  archive_ = archive;
  const zip_int64_t count = zip_get_num_entries(archive, 0);
  if (count > kMaxEntries) {
    zip_discard(archive);
    throw Error(ErrorKind::limit, fmt::format("holds more than {} files", kMaxEntries), path_);
  }
  for (zip_int64_t i = 0; i < count; ++i) {
    const auto index = static_cast<zip_uint64_t>(i);
    zip_stat_t about;
    if (zip_stat_index(archive, index, 0, &about) != 0) continue;
    const zip_uint64_t needed = ZIP_STAT_NAME | ZIP_STAT_SIZE;
    if ((about.valid & needed) != needed || about.size > kMaxEntryBytes) continue;
    if (!is_safe_path(about.name) || !is_regular(archive, index)) continue;
    entries_.push_back({about.name, about.size});
  }
}

Wheel::~Wheel() { zip_discard(static_cast<zip_t*>(archive_)); }

void Wheel::read(std::string_view name, const std::function<void(std::string_view)>& take) const {
  const auto entry = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const Entry& known) { return known.name == name; });
  if (entry == entries_.end()) {
    throw Error(ErrorKind::not_found, fmt::format("holds no file '{}'", name), path_);
  }
  const std::unique_ptr<zip_file_t, decltype(&zip_fclose)> file(
      zip_fopen(static_cast<zip_t*>(archive_), entry->name.c_str(), 0), &zip_fclose);
  if (!file) throw bad_input(fmt::format("its file '{}' cannot be read", name), path_);
  std::vector<char> buffer(1 << 20);
  std::uint64_t done = 0;
  for (;;) {
    const zip_int64_t got = zip_fread(file.get(), buffer.data(), buffer.size());
    // libzip compares the CRC when it reaches the end.
    if (got < 0) throw bad_input(fmt::format("its file '{}' is damaged", name), path_);
    if (got == 0) break;
    done += static_cast<std::uint64_t>(got);
    if (done > entry->bytes) {
      throw bad_input(fmt::format("its file '{}' is longer than it says", name), path_);
    }
    take({buffer.data(), static_cast<std::size_t>(got)});
  }
  if (done != entry->bytes) {
    throw bad_input(fmt::format("its file '{}' is shorter than it says", name), path_);
  }
}

}  // namespace jielong::store
