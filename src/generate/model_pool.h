#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "generate/scheduler/scheduler.h"
#include "model/chat_template.h"
#include "model/model_runner.h"
#include "model/store/store.h"

namespace jielong {

struct ModelPoolOptions {
  /// What all loaded models may take together, weights and key/value caches; 0: three quarters
  /// of the machine's memory.
  std::uint64_t memory_bytes = 0;
  int threads = 0;  ///< 0: one for each core
  /// The most tokens one chain may hold, at most what a model was trained for; 0: that.
  std::int64_t context_length = 0;
  KvType kv_type = KvType::f16;
  /// Full-length chains a model's cache has room for; fewer, but at least one, where the
  /// budget leaves no more.
  std::int64_t max_chains = 8;
  SchedulerOptions scheduler;
  /// A model nobody used for so long is unloaded; negative: never.
  std::chrono::seconds keep_alive{-1};
  /// Where prefix caches are kept over restarts; empty: nowhere.
  std::filesystem::path prefix_folder;
};

/// A model that is loaded and at work.
class LoadedModel {
 public:
  virtual ~LoadedModel() = default;
  virtual const std::string& name() const = 0;
  virtual const Model& model() const = 0;
  /// The model's own, or the one that suits its architecture. Throws Error where it has none
  /// or it cannot be read.
  virtual const ChatTemplate& chat_template() const = 0;
  /// The most tokens one chain may hold.
  virtual std::int64_t context_length() const = 0;
  /// For encoders such as BERT too, whose jobs it refuses: embeddings are computed between steps.
  virtual Scheduler& scheduler() = 0;
  /// Only inside scheduler().between_steps().
  virtual ModelRunner& runner() = 0;

  /// A place for what is computed from the model and kept as long as it is loaded; `make` is
  /// called by the first caller. Thread-safe.
  std::shared_ptr<void> keep(const std::function<std::shared_ptr<void>()>& make) {
    const std::lock_guard lock(kept_mutex_);
    if (!kept_) kept_ = make();
    return kept_;
  }

 private:
  std::mutex kept_mutex_;
  std::shared_ptr<void> kept_;
};

struct LoadedModelInfo {
  std::string name;
  std::filesystem::path path;
  std::uint64_t bytes = 0;  ///< of memory it is counted with
  bool loading = false;
  bool busy = false;
  /// When it will be unloaded, if nobody uses it until then.
  std::optional<std::chrono::nanoseconds> expires_in;
  SchedulerStats stats;
  std::string note;  ///< what went wrong and was gone round: saved prefixes that do not fit
};

/// Models at work, loaded when they are asked for. When a new one does not fit into the budget,
/// idle ones are unloaded, the one unused for longest first. A model is counted with its
/// weights as they lie in memory when it runs and with its whole cache, although the cache takes
/// memory only as it fills. All models share one thread pool, which computes for one after the
/// other in turn.
class ModelPool {
 public:
  explicit ModelPool(ModelPoolOptions options, ModelStore store = ModelStore());
  ModelPool(const ModelPool&) = delete;
  ModelPool& operator=(const ModelPool&) = delete;
  ~ModelPool();

  /// The model of that name (see ModelStore), loaded if need be; it stays as long as the
  /// pointer is held. Blocks while it loads; who asks meanwhile waits for the same load and
  /// gets the same error. Throws Error(not_found) with the command that fetches it, Error(limit)
  /// when it can never fit, BusyError when models at work hold the memory, and what loading
  /// throws.
  std::shared_ptr<LoadedModel> acquire(const std::string& name);

  std::vector<LoadedModelInfo> loaded() const;
  /// Unloads a model once nobody has used it for so long, instead of what the options say;
  /// negative: never. Holds as long as the model is loaded; harmless when it is not.
  void keep_alive(const std::string& name, std::chrono::milliseconds duration);
  /// Unloads as soon as nobody uses it.
  void unload(const std::string& name) { keep_alive(name, std::chrono::milliseconds(0)); }
  const ModelStore& store() const;

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace jielong
