#include "generate/scheduler/scheduler.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include "base/busy_error.h"
#include "generate/scheduler/batcher.h"
#include "generate/scheduler/prefix_file.h"
#include "generate/scheduler/turn.h"

namespace jielong {

class Scheduler::State {
 public:
  State(Runner& runner, const Tokenizer* tokenizer, const SchedulerOptions& options)
      : options_(options), batcher_(runner, tokenizer, options) {
    stats_ = batcher_.stats();
    thread_ = std::thread([this] { work(); });
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify_all();
    thread_.join();
  }

  JobId submit(Job job) {
    batcher_.check(job);
    auto request = std::make_unique<Request>();
    request->job = std::move(job);
    const std::lock_guard lock(mutex_);
    if (stop_) throw Error(ErrorKind::cancelled, "the scheduler is shutting down");
    const std::int64_t free = std::max<std::int64_t>(options_.max_active - stats_.active_chains, 0);
    if (stats_.waiting_jobs >= options_.max_waiting + free) {
      throw BusyError(fmt::format("{} requests are waiting already", stats_.waiting_jobs));
    }
    request->id = ++last_id_;
    ++stats_.waiting_jobs;
    idle_ = false;
    inbox_.push_back(std::move(request));
    wake_.notify_all();
    return last_id_;
  }

  void cancel(JobId job) {
    {
      const std::lock_guard lock(mutex_);
      cancelled_.push_back(job);
    }
    wake_.notify_all();
  }

  void between_steps(const std::function<void()>& work) {
    if (std::this_thread::get_id() == thread_.get_id()) {
      throw Error(ErrorKind::internal, "a callback cannot wait for the step it is part of",
                  "scheduler");
    }
    Work mine{&work, nullptr, false};
    std::unique_lock lock(mutex_);
    if (stop_) throw Error(ErrorKind::cancelled, "the scheduler is shutting down");
    works_.push_back(&mine);
    wake_.notify_all();
    work_done_.wait(lock, [&] { return mine.done; });
    if (mine.failure) std::rethrow_exception(mine.failure);
  }

  bool idle() const {
    const std::lock_guard lock(mutex_);
    return idle_;
  }

  SchedulerStats stats() const {
    const std::lock_guard lock(mutex_);
    return stats_;
  }

  PrefixTree& prefixes() { return batcher_.prefixes(); }

 private:
  struct Work {
    const std::function<void()>* body;
    std::exception_ptr failure;
    bool done;
  };
  /// What has come in since the last look.
  struct News {
    std::vector<std::unique_ptr<Request>> requests;
    std::vector<JobId> cancelled;
    std::vector<Work*> works;
    bool stop = false;
  };

  News next_news() {
    std::unique_lock lock(mutex_);
    const auto something = [&] {
      return stop_ || !inbox_.empty() || !cancelled_.empty() || !works_.empty();
    };
    if (batcher_.idle()) {
      idle_ = inbox_.empty();
      wake_.wait(lock, something);
    }
    return {std::exchange(inbox_, {}), std::exchange(cancelled_, {}), std::exchange(works_, {}),
            stop_};
  }

  void work() {
    for (;;) {
      News news = next_news();
      for (Work* work : news.works) run(*work);
      for (auto& request : news.requests) batcher_.enqueue(std::move(request));
      for (const JobId id : news.cancelled) batcher_.cancel(id);
      if (news.stop) {
        batcher_.cancel_all();
      } else if (!batcher_.idle()) {
        batcher_.step();
      }
      publish();
      for (const auto& request : batcher_.take_ended()) end(*request);
      if (news.stop) return;
    }
  }

  void run(Work& work) {
    try {
      std::unique_lock<Turn> turn;
      if (options_.turn) turn = std::unique_lock(*options_.turn);
      (*work.body)();
    } catch (...) {
      work.failure = std::current_exception();
    }
    publish();
    {
      const std::lock_guard lock(mutex_);
      work.done = true;
    }
    work_done_.notify_all();
  }

  /// Makes the statistics those of now, so that whoever is told of an end sees it in them.
  void publish() {
    SchedulerStats stats = batcher_.stats();
    const std::lock_guard lock(mutex_);
    stats.waiting_jobs = batcher_.waiting() + static_cast<std::int64_t>(inbox_.size());
    stats_ = stats;
  }

  static void end(const Request& request) {
    if (!request.job.on_end) return;
    try {
      request.job.on_end(request.result());
    } catch (...) {
      // The job has ended either way, and there is nobody left to tell.
    }
  }

  const SchedulerOptions options_;
  Batcher batcher_;  // of the thread, but for check()

  mutable std::mutex mutex_;
  std::condition_variable wake_, work_done_;
  std::vector<std::unique_ptr<Request>> inbox_;
  std::vector<JobId> cancelled_;
  std::vector<Work*> works_;
  SchedulerStats stats_;
  JobId last_id_ = 0;
  bool stop_ = false, idle_ = true;

  std::thread thread_;
};

Scheduler::Scheduler(Runner& runner, const Tokenizer* tokenizer, const SchedulerOptions& options)
    : state_(std::make_unique<State>(runner, tokenizer, options)) {}

Scheduler::~Scheduler() = default;

JobId Scheduler::submit(Job job) { return state_->submit(std::move(job)); }

void Scheduler::cancel(JobId job) { state_->cancel(job); }

void Scheduler::between_steps(const std::function<void()>& work) { state_->between_steps(work); }

void Scheduler::save_prefixes(const std::filesystem::path& path, std::uint64_t max_bytes) {
  between_steps([&] { write_prefixes(path, state_->prefixes(), max_bytes); });
}

std::int64_t Scheduler::load_prefixes(const std::filesystem::path& path) {
  std::int64_t tokens = 0;
  between_steps([&] { tokens = read_prefixes(path, state_->prefixes()); });
  return tokens;
}

void Scheduler::drop_prefixes() {
  between_steps([&] { state_->prefixes().clear(); });
}

bool Scheduler::idle() const { return state_->idle(); }

SchedulerStats Scheduler::stats() const { return state_->stats(); }

}  // namespace jielong
