#pragma once

#include <condition_variable>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <tuple>
#include <vector>

#include "train/parallel/communicator.h"

namespace jielong::test {

/// Ranks that are threads of one process.
class ThreadRanks {
 public:
  explicit ThreadRanks(int size) : size_(size) {}

  /// Calls body(communicator) on `size` threads, and rethrows what one of them throws.
  template <typename Body>
  void run(const Body& body) {
    std::vector<std::thread> threads;
    std::exception_ptr failure;
    std::mutex mutex;
    for (int rank = 0; rank < size_; ++rank) {
      threads.emplace_back([&, rank] {
        Member member(*this, rank);
        try {
          body(member);
        } catch (...) {
          const std::lock_guard lock(mutex);
          failure = std::current_exception();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    if (failure != nullptr) std::rethrow_exception(failure);
  }

 private:
  using Key = std::tuple<int, int, int>;  // from, to, tag
  using Message = std::vector<std::byte>;

  void put(const Key& key, std::span<const std::byte> bytes) {
    const std::lock_guard lock(mutex_);
    messages_[key].emplace_back(bytes.begin(), bytes.end());
    arrived_.notify_all();
  }
  Message take(const Key& key) {
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [&] { return !messages_[key].empty(); });
    Message message = std::move(messages_[key].front());
    messages_[key].pop_front();
    return message;
  }

  class Member : public Communicator {
   public:
    Member(ThreadRanks& ranks, int rank) : ranks_(ranks), rank_(rank) {}
    int rank() const override { return rank_; }
    int size() const override { return ranks_.size_; }

    struct Sent : Transfer {
      void wait() override {}
      bool test() override { return true; }
    };
    struct Received : Transfer {
      Received(ThreadRanks& ranks, Key key, std::span<float> values)
          : ranks_(ranks), key_(key), values_(values) {}
      void wait() override {
        const Message message = ranks_.take(key_);
        std::memcpy(values_.data(), message.data(), values_.size_bytes());
      }
      bool test() override { return false; }
      ThreadRanks& ranks_;
      Key key_;
      std::span<float> values_;
    };
    std::unique_ptr<Transfer> send(std::span<const float> values, int to, int tag) override {
      ranks_.put({rank_, to, tag}, std::as_bytes(values));
      return std::make_unique<Sent>();
    }
    std::unique_ptr<Transfer> receive(std::span<float> values, int from, int tag) override {
      return std::make_unique<Received>(ranks_, Key{from, rank_, tag}, values);
    }
    void sum(std::span<double> values) override {
      for (int to = 0; to < size(); ++to) ranks_.put({rank_, to, -1}, std::as_bytes(values));
      std::vector<double> part(values.size());
      std::fill(values.begin(), values.end(), 0.0);
      for (int from = 0; from < size(); ++from) {
        const Message message = ranks_.take({from, rank_, -1});
        std::memcpy(part.data(), message.data(), message.size());
        for (std::size_t i = 0; i < part.size(); ++i) values[i] += part[i];
      }
    }
    void broadcast(std::span<std::byte> bytes, int root) override {
      for (int to = 0; rank_ == root && to < size(); ++to) ranks_.put({root, to, -2}, bytes);
      const Message message = ranks_.take({root, rank_, -2});
      std::memcpy(bytes.data(), message.data(), message.size());
    }
    void barrier() override {
      double nothing = 0;
      sum(std::span(&nothing, 1));
    }

   private:
    ThreadRanks& ranks_;
    int rank_;
  };

  int size_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::map<Key, std::deque<Message>> messages_;
};

}  // namespace jielong::test
