#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/sha256.h"
#include "model/store/answers.h"
#include "model/store/download.h"
#include "model/store/pull.h"
#include "model/store/select.h"
#include "model/store/shelf.h"

namespace jielong::store {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxAnswerBytes = 64 << 20;

std::string without_slash(std::string text) {
  while (text.ends_with('/')) text.pop_back();
  return text;
}

/// Whether a file that an earlier pull finished is still the one that is wanted.
bool is_here(const HubFile& file, const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored) || fs::file_size(path, ignored) != file.bytes) {
    return false;
  }
  return !file.sha256.empty() && sha256_of_file(path) == file.sha256;
}

}  // namespace

fs::path pull_from_hub(const StoreSettings& settings, const ModelName& name,
                       const PullCallback& progress) {
  const std::string hub = without_slash(settings.hub);
  const Token token{settings.hub_token, Url::parse(hub).origin()};
  const std::string revision = name.revision.empty() ? "main" : name.revision;
  const Url list =
      Url::parse(fmt::format("{}/api/models/{}/revision/{}?blobs=true", hub, name.repo, revision));
  const std::string answer = http_text({list, token, "application/json"}, kMaxAnswerBytes);
  const HubModel model = parse_hub_model(answer, list.shown());
  const Selection selection = select_model(model.files, name.variant, "hf:" + name.repo);

  ModelName full = name;
  full.variant = selection.variant;
  const fs::path folder = settings.models / full.folder();
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    throw Error(ErrorKind::io, fmt::format("cannot be created: {}", error.message()),
                folder.string(), "check who may write there");
  }
  Label label{
      full.canonical(), selection.main, fmt::format("{}/{}", Url::parse(hub).shown(), name.repo),
      model.commit,     model.licence,  {}};
  PullProgress state;
  state.count = selection.files.size();
  for (const HubFile& file : selection.files) {
    state.file = file.path;
    const fs::path path = folder / file.path;
    if (!is_here(file, path)) {
      // By commit, so that a change of the branch meanwhile cannot mix two versions.
      const Url url = Url::parse(
          fmt::format("{}/{}/resolve/{}/{}", hub, name.repo, model.commit, escape_path(file.path)));
      const Download wanted{url, token, path, file.bytes, file.sha256, file.git_blob};
      download(wanted, settings.retries, [&](std::uint64_t done, std::uint64_t total) {
        state.done = done;
        state.total = total;
        return !progress || progress(state);
      });
    }
    label.files.push_back({file.path, file.bytes, file.sha256});
    ++state.index;
  }
  write_file(folder / kLabelFile, write_label(label));
  return folder;
}

}  // namespace jielong::store
