// Started by mpirun: the processes train together, then the first one alone, and the loss curves
// must agree. Exits with 0 when they do.
#include <fmt/format.h>

#include <cmath>
#include <cstdio>

#include "train/small_run.h"

int main() {
  using namespace jielong;
  try {
    const auto communicator = make_mpi_communicator();
    if (communicator == nullptr) throw bad_input("there is one process only", "mpirun");
    auto options = test::small_options();
    options.steps = 20;
    options.ema_decay = 0.9;
    options.evaluate_every = 7;
    test::Recorder together, alone;
    test::SmallRun run(options, communicator.get());
    run.trainer->run(together);
    test::SmallRun other(options);
    other.trainer->run(alone);
    double worst = 0;
    for (std::size_t i = 0; i < alone.steps.size(); ++i) {
      worst = std::max(worst, std::abs(alone.steps[i].loss - together.steps.at(i).loss));
    }
    for (std::size_t i = 0; i < alone.evaluations.size(); ++i) {
      worst =
          std::max(worst, std::abs(alone.evaluations[i].loss - together.evaluations.at(i).loss));
    }
    fmt::print("rank {} of {}: losses differ by {:.2g} at most\n", communicator->rank(),
               communicator->size(), worst);
    return worst < 1e-4 && communicator->size() > 1 ? 0 : 1;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 2;
  }
}
