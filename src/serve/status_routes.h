#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "serve/context.h"

namespace jielong::serve {

/// What is loaded, looked up a few times a second on a thread of its own: whoever asks for it
/// waits for nobody, even while the pool is busy.
class StatusBoard {
 public:
  using Models = std::vector<LoadedModelInfo>;

  explicit StatusBoard(const ModelPool& pool);
  StatusBoard(const StatusBoard&) = delete;
  StatusBoard& operator=(const StatusBoard&) = delete;
  ~StatusBoard();

  std::shared_ptr<const Models> models() const;

 private:
  void work();

  const ModelPool& pool_;
  mutable std::mutex mutex_;  // held for the time of copying a pointer
  std::shared_ptr<const Models> models_ = std::make_shared<Models>();
  std::mutex stop_mutex_;
  std::condition_variable stopped_;
  bool stop_ = false;
  std::thread thread_;
};

/// GET /health, which the I/O thread answers, and GET /metrics in Prometheus' text format.
/// Both arguments must outlive the table.
void add_status_routes(RouteTable& table, ServeContext& context, const StatusBoard& board);

}  // namespace jielong::serve
