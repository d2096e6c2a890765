#include "generate/model_pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "base/busy_error.h"
#include "base/machine.h"
#include "base/thread_pool.h"
#include "generate/loaded_model.h"

namespace jielong {
namespace {

using Clock = std::chrono::steady_clock;

/// A model's place in the pool. Guarded by the pool's mutex.
struct Entry {
  std::string name;
  std::filesystem::path path;
  std::unique_ptr<WorkingModel> model;  ///< null while it loads
  std::exception_ptr failure;           ///< loading failed; the entry has left the pool
  std::uint64_t bytes = 0;
  std::int64_t users = 0;
  Clock::time_point used = Clock::now();
  std::chrono::milliseconds keep_alive{-1};  ///< after its last use; negative: for ever

  bool idle() const { return model != nullptr && users == 0; }
  /// When it is to be unloaded, if nobody uses it until then.
  std::optional<Clock::time_point> due() const {
    if (keep_alive.count() < 0) return std::nullopt;
    return (users > 0 ? Clock::now() : used) + keep_alive;
  }
};

std::uint64_t budget_of(const ModelPoolOptions& options) {
  if (options.memory_bytes > 0) return options.memory_bytes;
  const std::uint64_t memory = inspect_machine().memory_bytes;
  // Where the system does not tell, a budget would only be a guess.
  return memory > 0 ? memory / 4 * 3 : std::uint64_t{1} << 62;
}

double gigabytes(std::uint64_t bytes) { return static_cast<double>(bytes) / 1e9; }

}  // namespace

class ModelPool::State : public std::enable_shared_from_this<State> {
 public:
  State(ModelPoolOptions options, ModelStore store)
      : options_(std::move(options)),
        store_(std::move(store)),
        budget_(budget_of(options_)),
        threads_(options_.threads > 0 ? options_.threads : default_threads()) {}

  void start() {
    keeper_ = std::thread([this] { keep(); });
  }

  /// Unloads what is idle; the rest when its last user is done.
  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    changed_.notify_all();
    keeper_.join();
    std::vector<std::shared_ptr<Entry>> idle, busy;
    {
      const std::lock_guard lock(mutex_);
      take_out(idle, [](const Entry&) { return true; });
      for (const auto& [key, entry] : entries_) {
        if (entry->model) busy.push_back(entry);
      }
    }
    // What jobs report to may be gone right after the pool. Those that have ended have told it
    // after the first wait, those that were cancelled after the second.
    for (const auto& entry : busy) {
      for (int wait = 0; wait < 2; ++wait) entry->model->scheduler().between_steps([] {});
    }
  }

  std::shared_ptr<LoadedModel> acquire(const std::string& name) {
    const StoredModel stored = store_.resolve(name);
    const std::string key = std::filesystem::absolute(stored.path).lexically_normal().string();
    std::unique_lock lock(mutex_);
    for (;;) {
      const auto found = entries_.find(key);
      if (found == entries_.end()) break;
      const std::shared_ptr<Entry> entry = found->second;
      if (entry->model) return handle(entry);
      changed_.wait(lock, [&] { return entry->model || entry->failure; });
      if (entry->failure) std::rethrow_exception(entry->failure);
    }
    const auto entry = std::make_shared<Entry>();
    entry->name = stored.name;
    entry->path = stored.path;
    entry->keep_alive = options_.keep_alive;
    entries_.emplace(key, entry);
    lock.unlock();
    std::unique_ptr<WorkingModel> model;
    try {
      model = std::make_unique<WorkingModel>(stored.name, stored.path, options_,
                                             SharedMachine{threads_, turn_},
                                             [&](std::uint64_t least, std::uint64_t wanted) {
                                               return get_memory(*entry, least, wanted);
                                             });
    } catch (...) {
      lock.lock();
      entry->failure = std::current_exception();
      entries_.erase(key);
      changed_.notify_all();
      throw;
    }
    lock.lock();
    entry->model = std::move(model);
    changed_.notify_all();
    return handle(entry);
  }

  std::vector<LoadedModelInfo> loaded() const {
    const std::lock_guard lock(mutex_);
    std::vector<LoadedModelInfo> infos;
    for (const auto& [key, entry] : entries_) {
      LoadedModelInfo& info = infos.emplace_back();
      info.name = entry->name;
      info.path = entry->path;
      info.bytes = entry->bytes;
      info.loading = entry->model == nullptr;
      info.busy = entry->users > 0;
      if (!entry->model) continue;
      if (const auto due = entry->due()) info.expires_in = *due - Clock::now();
      info.stats = entry->model->scheduler().stats();
      info.note = entry->model->note();
    }
    return infos;
  }

  void keep_alive(const std::string& name, std::chrono::milliseconds duration) {
    const std::optional<StoredModel> stored = store_.find(name);
    const std::lock_guard lock(mutex_);
    for (const auto& [key, entry] : entries_) {
      if (entry->name == name || (stored && entry->path == stored->path)) {
        entry->keep_alive = duration;
      }
    }
    changed_.notify_all();
  }

  const ModelStore& store() const { return store_; }

 private:
  /// With the lock held. The pool and the entry live as long as the pointer.
  std::shared_ptr<LoadedModel> handle(const std::shared_ptr<Entry>& entry) {
    ++entry->users;
    return {entry->model.get(), [state = shared_from_this(), entry = std::shared_ptr<Entry>(entry)](
                                    LoadedModel*) mutable { leave(state, entry); }};
  }

  static void leave(std::shared_ptr<State>& state, std::shared_ptr<Entry>& entry) {
    std::unique_lock lock(state->mutex_);
    entry->used = Clock::now();
    const bool last = --entry->users == 0;
    const bool closed = state->closed_;
    state->changed_.notify_all();
    if (!last || !closed) {
      // The keeper, not this thread, is to be the one that ends the model.
      entry.reset();
      return;
    }
    lock.unlock();
    // The pool is gone and cannot unload it. This may be the scheduler's own thread, which
    // cannot wait for its own end.
    std::thread([state = std::move(state), entry = std::move(entry)] {
      std::vector<std::shared_ptr<Entry>> idle;
      const std::lock_guard guard(state->mutex_);
      state->take_out(idle, [](const Entry&) { return true; });
    }).detach();
  }

  /// Moves idle entries that `wanted` accepts out of the pool. With the lock held; to be
  /// destroyed without it, because that may take long.
  template <typename Wanted>
  void take_out(std::vector<std::shared_ptr<Entry>>& out, const Wanted& wanted) {
    for (auto at = entries_.begin(); at != entries_.end();) {
      if (at->second->idle() && wanted(*at->second)) {
        out.push_back(std::move(at->second));
        at = entries_.erase(at);
      } else {
        ++at;
      }
    }
  }

  std::uint64_t taken_by_others(const Entry& mine) const {
    std::uint64_t bytes = 0;
    for (const auto& [key, entry] : entries_) {
      if (entry.get() != &mine) bytes += entry->bytes;
    }
    return bytes;
  }

  /// Gives a model that loads its memory: unloads idle ones until there is as much as it
  /// would like, and then less, but not less than it needs.
  std::uint64_t get_memory(Entry& mine, std::uint64_t least, std::uint64_t wanted) {
    if (least > budget_) {
      throw Error(ErrorKind::limit,
                  fmt::format("needs {:.2f} GB, but all models together may take {:.2f} GB",
                              gigabytes(least), gigabytes(budget_)),
                  mine.name, "ask for a shorter context or a smaller model, or raise the budget");
    }
    wanted = std::min(wanted, budget_);
    std::unique_lock lock(mutex_);
    for (;;) {
      const std::uint64_t left = budget_ - std::min(taken_by_others(mine), budget_);
      const auto oldest = oldest_idle();
      if (left >= wanted || (oldest == nullptr && left >= least)) {
        return mine.bytes = std::min(left, wanted);
      }
      if (oldest == nullptr) {
        throw BusyError(fmt::format("needs {:.2f} GB, but models at work leave {:.2f} GB",
                                    gigabytes(least), gigabytes(left)),
                        mine.name, "try again when they have finished", 10);
      }
      std::vector<std::shared_ptr<Entry>> victim;
      take_out(victim, [&](const Entry& entry) { return &entry == oldest; });
      // Its memory counts as taken until it is given back.
      mine.bytes = 0;
      lock.unlock();
      victim.clear();
      lock.lock();
    }
  }

  const Entry* oldest_idle() const {
    const Entry* oldest = nullptr;
    for (const auto& [key, entry] : entries_) {
      if (entry->idle() && (oldest == nullptr || entry->used < oldest->used)) oldest = entry.get();
    }
    return oldest;
  }

  std::optional<Clock::time_point> next_due() const {
    std::optional<Clock::time_point> next;
    for (const auto& [key, entry] : entries_) {
      const auto due = entry->idle() ? entry->due() : std::nullopt;
      if (due && (!next || *due < *next)) next = due;
    }
    return next;
  }

  /// The keeper's work: unloads what is due.
  void keep() {
    std::unique_lock lock(mutex_);
    while (!closed_) {
      std::vector<std::shared_ptr<Entry>> due;
      const Clock::time_point now = Clock::now();
      take_out(due, [&](const Entry& entry) { return entry.due() && *entry.due() <= now; });
      if (!due.empty()) {
        lock.unlock();
        due.clear();
        lock.lock();
        continue;
      }
      if (const auto next = next_due()) {
        changed_.wait_until(lock, *next);
      } else {
        changed_.wait(lock);
      }
    }
  }

  const ModelPoolOptions options_;
  const ModelStore store_;
  const std::uint64_t budget_;
  ThreadPool threads_;
  const std::shared_ptr<Turn> turn_ = std::make_shared<Turn>();

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::shared_ptr<Entry>> entries_;  // by absolute path
  bool closed_ = false;
  std::thread keeper_;
};

ModelPool::ModelPool(ModelPoolOptions options, ModelStore store)
    : state_(std::make_shared<State>(std::move(options), std::move(store))) {
  state_->start();
}

ModelPool::~ModelPool() { state_->close(); }

std::shared_ptr<LoadedModel> ModelPool::acquire(const std::string& name) {
  return state_->acquire(name);
}

std::vector<LoadedModelInfo> ModelPool::loaded() const { return state_->loaded(); }

void ModelPool::keep_alive(const std::string& name, std::chrono::milliseconds duration) {
  state_->keep_alive(name, duration);
}

const ModelStore& ModelPool::store() const { return state_->store(); }

}  // namespace jielong
