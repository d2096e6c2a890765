#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/stored_model.h"
#include "cli/text_width.h"
#include "model/store/store.h"

namespace jielong::cli {
namespace {

struct RmFlags {
  std::vector<std::string> names;
  bool dry_run = false;
};

void remove(const RmFlags& flags, Console& console) {
  ModelStore store = open_store(true);
  OrderedJson removed = OrderedJson::array();
  for (const std::string& name : flags.names) {
    const StoredModel model = flags.dry_run ? store.resolve(name) : store.remove(name);
    if (console.json) {
      removed.push_back(stored_to_json(model));
    } else if (console.quiet) {
      console.print(model.name + "\n");
    } else {
      console.print(fmt::format("{} {}: {}\n", flags.dry_run ? "would remove" : "removed",
                                model.name, human_bytes(static_cast<double>(model.bytes))));
    }
  }
  if (console.json) console.print_json(removed);
}

}  // namespace

void add_rm(Command& command, Console& console) {
  auto flags = std::make_shared<RmFlags>();
  command.arguments("name", flags->names, "Models that jielong pulled", true);
  command.flag("--dry-run", flags->dry_run, "Only tell what would be removed");
  command.example("jielong rm smollm2", "frees its disk space");
  command.action([flags, &console] { remove(*flags, console); });
}

}  // namespace jielong::cli
