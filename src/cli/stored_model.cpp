#include "cli/stored_model.h"

#include <fmt/format.h>

#include <array>
#include <ctime>
#include <nlohmann/json.hpp>
#include <utility>

#include "cli/interrupt.h"
#include "cli/progress_bar.h"

namespace jielong::cli {

ModelStore open_store(bool offline) {
  StoreSettings settings = StoreSettings::from_environment();
  settings.offline = settings.offline || offline;
  return ModelStore(std::move(settings));
}

StoredModel pull_model(const std::string& name, bool offline, Console& console) {
  ModelStore store = open_store(offline);
  ProgressBar bar(console, name);
  return store.pull(name, [&](const PullProgress& progress) {
    std::string title = progress.file;
    if (progress.count > 1) {
      title = fmt::format("[{}/{}] {}", progress.index + 1, progress.count, progress.file);
    }
    bar.set_title(title);
    bar.show(progress.done, progress.total, true);
    return !interrupted.load();
  });
}

OrderedJson stored_to_json(const StoredModel& model) {
  OrderedJson files = OrderedJson::array();
  for (const auto& file : model.files) files.push_back(file.string());
  OrderedJson json{{"name", model.name},          {"source", name_of(model.source)},
                   {"path", model.path.string()}, {"files", std::move(files)},
                   {"bytes", model.bytes},        {"modified", model.modified}};
  const std::pair<const char*, const std::string*> details[] = {{"licence", &model.licence},
                                                                {"origin", &model.origin},
                                                                {"revision", &model.revision},
                                                                {"sha256", &model.sha256}};
  for (const auto& [key, value] : details) {
    if (!value->empty()) json[key] = *value;
  }
  return json;
}

std::string age(std::int64_t modified) {
  if (modified <= 0) return "";
  const std::int64_t seconds = static_cast<std::int64_t>(std::time(nullptr)) - modified;
  constexpr std::array<std::pair<std::int64_t, const char*>, 5> kUnits{
      {{31536000, "year"}, {2592000, "month"}, {86400, "day"}, {3600, "hour"}, {60, "minute"}}};
  for (const auto& [length, unit] : kUnits) {
    const std::int64_t count = seconds / length;
    if (count >= 1) return fmt::format("{} {}{} ago", count, unit, count > 1 ? "s" : "");
  }
  return "just now";
}

}  // namespace jielong::cli
