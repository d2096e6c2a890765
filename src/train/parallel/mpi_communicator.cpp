#include <fmt/format.h>

#include <cstdlib>
#include <string>

#include "base/error.h"
#include "train/parallel/communicator.h"

#ifdef JIELONG_MPI
#define OMPI_SKIP_MPICXX 1
#include <mpi.h>

#include <algorithm>
#include <exception>
#include <limits>
#include <vector>
#endif

namespace jielong {
namespace {

/// How many processes a launcher of MPI programs says there are; 1 when there was none.
int launched_processes() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MPI_LOCALNRANKS"}) {
    const char* value = std::getenv(name);
    if (value != nullptr) return std::atoi(value);
  }
  return 1;
}

}  // namespace

#ifndef JIELONG_MPI

bool has_mpi() { return false; }

std::unique_ptr<Communicator> make_mpi_communicator() {
  if (launched_processes() > 1) {
    throw Error(ErrorKind::unsupported, "this program was built without MPI", "mpirun",
                "install libopenmpi-dev, configure with -DJIELONG_MPI=ON and build again");
  }
  return nullptr;
}

#else

namespace {

constexpr std::size_t kMostAtOnce = std::numeric_limits<int>::max() / 8;

void check(int result, const char* what) {
  if (result == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = {};
  int length = 0;
  MPI_Error_string(result, text, &length);
  throw Error(ErrorKind::io, fmt::format("{} failed: {}", what, text), "MPI",
              "look whether another process ended");
}

/// Calls transfer(part of the values) for parts that MPI's counts can express.
template <typename Value, typename Body>
void in_parts(std::span<Value> values, const Body& transfer) {
  while (!values.empty()) {
    const auto part = values.first(std::min(values.size(), kMostAtOnce));
    transfer(part);
    values = values.subspan(part.size());
  }
}

class MpiTransfer : public Communicator::Transfer {
 public:
  MpiTransfer() = default;
  ~MpiTransfer() override {
    for (MPI_Request& request : requests_) {
      if (request == MPI_REQUEST_NULL) continue;
      MPI_Cancel(&request);
      MPI_Request_free(&request);
    }
  }
  MPI_Request* add() { return &requests_.emplace_back(MPI_REQUEST_NULL); }
  void wait() override {
    check(MPI_Waitall(count(), requests_.data(), MPI_STATUSES_IGNORE), "a transfer");
  }
  bool test() override {
    int done = 0;
    check(MPI_Testall(count(), requests_.data(), &done, MPI_STATUSES_IGNORE), "a transfer");
    return done != 0;
  }

 private:
  int count() const { return static_cast<int>(requests_.size()); }
  std::vector<MPI_Request> requests_;
};

class MpiCommunicator : public Communicator {
 public:
  MpiCommunicator() {
    int level = 0;
    // Only the thread that trains talks to others.
    check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &level), "the start");
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    MPI_Comm_size(MPI_COMM_WORLD, &size_);
  }
  ~MpiCommunicator() override {
    // After a failure others may wait for this process for ever. That it leaves without a word
    // tells mpirun to end them.
    if (std::uncaught_exceptions() == 0) MPI_Finalize();
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }

  std::unique_ptr<Transfer> send(std::span<const float> values, int to, int tag) override {
    auto transfer = std::make_unique<MpiTransfer>();
    in_parts(values, [&](std::span<const float> part) {
      check(MPI_Isend(part.data(), static_cast<int>(part.size()), MPI_FLOAT, to, tag,
                      MPI_COMM_WORLD, transfer->add()),
            "sending");
    });
    return transfer;
  }
  std::unique_ptr<Transfer> receive(std::span<float> values, int from, int tag) override {
    auto transfer = std::make_unique<MpiTransfer>();
    in_parts(values, [&](std::span<float> part) {
      check(MPI_Irecv(part.data(), static_cast<int>(part.size()), MPI_FLOAT, from, tag,
                      MPI_COMM_WORLD, transfer->add()),
            "receiving");
    });
    return transfer;
  }

  void sum(std::span<double> values) override {
    // MPI_Allreduce may add in any order.
    const auto count = values.size();
    std::vector<double> all(count * static_cast<std::size_t>(size_));
    check(MPI_Allgather(values.data(), static_cast<int>(count), MPI_DOUBLE, all.data(),
                        static_cast<int>(count), MPI_DOUBLE, MPI_COMM_WORLD),
          "a sum");
    std::fill(values.begin(), values.end(), 0.0);
    for (std::size_t i = 0; i < all.size(); ++i) values[i % count] += all[i];
  }
  void broadcast(std::span<std::byte> bytes, int root) override {
    in_parts(bytes, [&](std::span<std::byte> part) {
      check(MPI_Bcast(part.data(), static_cast<int>(part.size()), MPI_BYTE, root, MPI_COMM_WORLD),
            "a broadcast");
    });
  }
  void barrier() override { check(MPI_Barrier(MPI_COMM_WORLD), "a barrier"); }

 private:
  int rank_ = 0, size_ = 1;
};

}  // namespace

bool has_mpi() { return true; }

std::unique_ptr<Communicator> make_mpi_communicator() {
  if (launched_processes() <= 1) return nullptr;
  return std::make_unique<MpiCommunicator>();
}

#endif

}  // namespace jielong
