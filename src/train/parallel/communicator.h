#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace jielong {

/// Processes that train one model together. Calls are collective: all ranks make them in the same
/// order, but for send() and receive(), which meet pairwise.
class Communicator {
 public:
  virtual ~Communicator() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;

  /// A transfer under way. Memory must stay as it is until wait().
  class Transfer {
   public:
    virtual ~Transfer() = default;
    virtual void wait() = 0;
    /// Lets transfers move on, without waiting; whether this one is done.
    virtual bool test() = 0;
  };
  /// Messages of one pair of ranks with the same tag arrive in order.
  virtual std::unique_ptr<Transfer> send(std::span<const float> values, int to, int tag) = 0;
  virtual std::unique_ptr<Transfer> receive(std::span<float> values, int from, int tag) = 0;

  /// Every rank gets the sums over all ranks, added in the order of ranks.
  virtual void sum(std::span<double> values) = 0;
  virtual void broadcast(std::span<std::byte> bytes, int root) = 0;
  virtual void barrier() = 0;
};

/// The processes that mpirun started together with this one. Null when there is one process only,
/// or when this program was built without MPI. To be called once, before other threads use MPI.
/// Throws Error(unsupported) when mpirun started several processes of a program without MPI, which
/// would all do the same.
std::unique_ptr<Communicator> make_mpi_communicator();

/// Whether this program was built with MPI.
bool has_mpi();

}  // namespace jielong
