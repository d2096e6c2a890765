#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "base/thread_pool.h"
#include "generate/chain.h"
#include "jielong/jielong.h"
#include "model/model.h"
#include "model/model_runner.h"

namespace jielong::facade {

/// A model that is ready to run. `turn` is held by whoever uses the runner.
struct Engine {
  Engine(std::shared_ptr<Model> loaded, int threads, const RunnerOptions& options);

  ThreadPool pool;
  std::shared_ptr<const Model> model;
  std::mutex turn;
  ModelRunner runner;
};

}  // namespace jielong::facade

struct jielong_model {
  std::shared_ptr<jielong::facade::Engine> engine;
};

struct jielong_chain {
  explicit jielong_chain(std::shared_ptr<jielong::facade::Engine> on) : engine(std::move(on)) {}
  jielong_chain(const jielong_chain&) = delete;
  jielong_chain& operator=(const jielong_chain&) = delete;
  ~jielong_chain();

  std::shared_ptr<jielong::facade::Engine> engine;
  std::vector<jielong::Token> tokens;
  jielong::CachedPrefix cache;  ///< what of `tokens` has been evaluated, or of older ones
  std::atomic<bool> cancel{false};
};
