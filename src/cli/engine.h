#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "base/thread_pool.h"
#include "cli/command.h"
#include "cli/console.h"
#include "model/model.h"
#include "model/model_runner.h"

namespace jielong::cli {

/// The flags that say how a model is run.
struct EngineFlags {
  std::string model;
  std::int64_t context = 0;
  std::int64_t threads = 0;
  std::string kv_type = "f16";
  bool offline = false;

  /// Declares the flags, not the model's name; this must outlive `command`.
  void declare(Command& command);
  /// Throws Error(bad_input) for numbers out of range.
  void check() const;
};

/// What --kv-type names.
KvType kv_type_of(const EngineFlags& flags);

/// A model that is ready to run.
struct Engine {
  std::shared_ptr<const Model> model;
  std::shared_ptr<ThreadPool> pool;
  std::unique_ptr<ModelRunner> runner;
};

/// Finds a model by the name people give it: a path, a name of the catalogue, hf:user/repo,
/// ollama:name:tag. Throws Error(not_found) with the command that would fetch it.
std::filesystem::path find_model(const std::string& name);

/// find_model, but fetches what is not there yet unless `flags.offline`.
std::filesystem::path find_or_pull_model(const EngineFlags& flags, Console& console);

/// Loads a model without making it ready to run.
std::shared_ptr<Model> load_model(const EngineFlags& flags, Console& console);

/// Loads and prepares a model. @param chains how many full-length chains its cache holds
Engine start_engine(const EngineFlags& flags, Console& console, std::int64_t chains = 1);

/// The same for a model already loaded, maybe on the threads of another engine.
Engine start_engine(std::shared_ptr<Model> model, const EngineFlags& flags, std::int64_t chains = 1,
                    std::shared_ptr<ThreadPool> pool = nullptr);

}  // namespace jielong::cli
