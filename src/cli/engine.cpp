#include "cli/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/machine.h"
#include "cli/stored_model.h"

namespace jielong::cli {
namespace {

bool can_be_fetched(const std::string& name) {
  if (name.starts_with("hf:") || name.starts_with("pypi:")) return true;
  const std::vector<CatalogueModel> known = catalogue();
  return std::any_of(known.begin(), known.end(), [&](const CatalogueModel& model) {
    return model.name == name ||
           std::find(model.aliases.begin(), model.aliases.end(), name) != model.aliases.end();
  });
}

}  // namespace

void EngineFlags::declare(Command& command) {
  command.group("Engine");
  command.value("-c,--context", context, "Tokens the chain may hold; 0: as the model was trained");
  command.value("-t,--threads", threads, "Threads; 0: one for each core");
  command.choice("--kv-type", kv_type, {"f32", "f16", "q8_0"}, "How keys and values are kept");
  command.flag("--offline", offline, "Never fetch a model that is not there");
}

void EngineFlags::check() const {
  if (context < 0) throw bad_input("must not be negative", "--context");
  if (threads < 0 || threads > 1024) throw bad_input("must lie between 0 and 1024", "--threads");
}

KvType kv_type_of(const EngineFlags& flags) {
  if (flags.kv_type == "f32") return KvType::f32;
  if (flags.kv_type == "q8_0") return KvType::q8_0;
  return KvType::f16;
}

std::filesystem::path find_model(const std::string& name) {
  return open_store(true).resolve(name).path;
}

std::filesystem::path find_or_pull_model(const EngineFlags& flags, Console& console) {
  const ModelStore store = open_store(flags.offline);
  if (const auto model = store.find(flags.model)) return model->path;
  // What cannot be fetched is looked up once more, for the words about what is wrong.
  if (store.settings().offline || !can_be_fetched(flags.model)) {
    return store.resolve(flags.model).path;
  }
  console.note("fetching " + flags.model + " …");
  return pull_model(flags.model, false, console).path;
}

std::shared_ptr<Model> load_model(const EngineFlags& flags, Console& console) {
  flags.check();
  return Model::load(find_or_pull_model(flags, console), {.context_length = flags.context});
}

Engine start_engine(const EngineFlags& flags, Console& console, std::int64_t chains) {
  return start_engine(load_model(flags, console), flags, chains);
}

Engine start_engine(std::shared_ptr<Model> model, const EngineFlags& flags, std::int64_t chains,
                    std::shared_ptr<ThreadPool> pool) {
  Engine engine;
  engine.pool = pool ? std::move(pool)
                     : std::make_shared<ThreadPool>(
                           flags.threads > 0 ? static_cast<int>(flags.threads) : default_threads());
  model->prepare(*engine.pool);
  engine.model = std::move(model);
  engine.runner = std::make_unique<ModelRunner>(
      engine.model, *engine.pool,
      RunnerOptions{
          .context_length = flags.context, .kv_type = kv_type_of(flags), .max_chains = chains});
  return engine;
}

}  // namespace jielong::cli
