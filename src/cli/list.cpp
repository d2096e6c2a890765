#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/stored_model.h"
#include "cli/text_width.h"
#include "model/store/store.h"

namespace jielong::cli {
namespace {

void list(Console& console) {
  const std::vector<StoredModel> models = open_store(true).list();
  if (console.json) {
    OrderedJson json = OrderedJson::array();
    for (const StoredModel& model : models) json.push_back(stored_to_json(model));
    console.print_json(json);
    return;
  }
  if (console.quiet) {
    for (const StoredModel& model : models) console.print(model.name + "\n");
    return;
  }
  if (models.empty()) {
    console.note("There are no models yet: jielong pull fetches the default one.");
    return;
  }
  int width = 20;
  for (const StoredModel& model : models) width = std::max(width, display_width(model.name));
  width = std::min(width, std::max(20, console.columns() - 40));
  console.print(console.paint(Style::bold, pad("name", width) + "  " + pad("size", 9) + "  " +
                                               pad("from", 12) + " changed") +
                "\n");
  for (const StoredModel& model : models) {
    // A name is there to be typed again: it is never cut.
    console.print((display_width(model.name) > width ? model.name : pad(model.name, width)) + "  " +
                  pad(human_bytes(static_cast<double>(model.bytes)), 9) + "  " +
                  pad(name_of(model.source), 12) + " " + age(model.modified) + "\n");
  }
}

}  // namespace

void add_list(Command& command, Console& console) {
  command.example("jielong list", "ours, the Hugging Face cache, Ollama's store");
  command.example("jielong list --quiet", "names only");
  command.action([&console] { list(console); });
}

}  // namespace jielong::cli
