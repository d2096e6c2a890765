// A run is killed at every single change it makes to a file, and its disk fails in every way: what
// follows must be the run that nothing happened to.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <array>
#include <cstdint>
#include <functional>
#include <set>
#include <vector>

#include "base/scratch.h"
#include "fault_files.h"
#include "small_run.h"

namespace jielong {
namespace {

namespace fs = std::filesystem;
using test::Fault;
using test::FaultPlan;

constexpr std::int64_t kSteps = 6;
constexpr int kFailed = 3;  // exit code of a child whose run ended with an error

/// What children tell: lies in memory that they share.
struct Told {
  std::array<double, kSteps + 1> losses, norms;  ///< by step; 0: never done
  std::array<float, 156> values;                 ///< θ at the end
  std::int64_t resumed_step;                     ///< -1: began anew
  int checkpoints, failed_checkpoints, operations;
};

class SharedTold {
 public:
  SharedTold() {
    void* memory =
        ::mmap(nullptr, sizeof(Told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::runtime_error("no shared memory");
    told_ = new (memory) Told{};
  }
  SharedTold(const SharedTold&) = delete;
  SharedTold& operator=(const SharedTold&) = delete;
  ~SharedTold() { ::munmap(told_, sizeof(Told)); }
  Told& operator*() const { return *told_; }
  Told* operator->() const { return told_; }

 private:
  Told* told_;
};

struct Teller : TrainObserver {
  explicit Teller(Told& place) : told(place) {}
  void on_step(const StepMetrics& metrics) override {
    told.losses[static_cast<std::size_t>(metrics.step)] = metrics.loss;
    told.norms[static_cast<std::size_t>(metrics.step)] = metrics.gradient_norm;
  }
  void on_checkpoint(std::int64_t, const fs::path&) override { ++told.checkpoints; }
  void on_checkpoint_failed(std::int64_t, const Error&) override { ++told.failed_checkpoints; }
  Told& told;
};

/// A whole run, from wherever the folder's checkpoints lead.
void train(const fs::path& folder, Told& told) {
  auto options = test::small_options();
  options.steps = kSteps;
  options.checkpoints = folder;
  options.checkpoint_every = 2;
  options.keep_last = 1;
  options.keep_best = false;
  options.ema_decay = 0.9;
  test::SmallRun run(options);
  const auto resumed = run.trainer->resume();
  told.resumed_step = resumed ? resumed->checkpoint.step : -1;
  Teller teller(told);
  run.trainer->run(teller);
  const auto values = run.values();
  std::copy(values.begin(), values.end(), told.values.begin());
}

/// Trains in a child process under a plan; returns its wait status.
int child(const fs::path& folder, Told& told, const FaultPlan& plan,
          const std::function<void()>& prepare = {}) {
  const pid_t process = ::fork();
  if (process == 0) {
    int code = 0;
    try {
      if (prepare) prepare();
      told.operations = 0;
      test::fault_plan = plan;
      test::fault_plan.operations = &told.operations;
      train(folder, told);
    } catch (const std::exception&) {
      code = kFailed;
    }
    ::_exit(code);
  }
  int status = -1;
  ::waitpid(process, &status, 0);
  return status;
}

const Told& reference() {
  static SharedTold told;
  if (told->operations == 0) {
    const test::Scratch scratch;
    EXPECT_EQ(child(scratch / "run", *told, {}), 0);
    EXPECT_EQ(told->checkpoints, 3);
  }
  return *told;
}

void expect_same(const Told& told) {
  EXPECT_EQ(told.losses, reference().losses);
  EXPECT_EQ(told.norms, reference().norms);
  EXPECT_EQ(told.values, reference().values);
}

bool was_killed(int status) { return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL; }

/// Kills a run at each of its operations, and lets it go on afterwards.
void survive(Fault fault) {
  const int operations = reference().operations;
  ASSERT_GT(operations, 50);
  std::int64_t most = -1;
  for (int at = 0; at < operations; ++at) {
    SCOPED_TRACE(at);
    const test::Scratch scratch;
    const SharedTold told;
    ASSERT_TRUE(was_killed(child(scratch / "run", *told, {fault, at, nullptr})));
    ASSERT_EQ(child(scratch / "run", *told, {}), 0);
    expect_same(*told);
    // A later death never leads to an earlier beginning.
    EXPECT_GE(told->resumed_step, most);
    most = std::max(most, told->resumed_step);
    EXPECT_EQ(list_checkpoints(scratch / "run").size(), 1U);
  }
  EXPECT_EQ(most, kSteps);
}

TEST(Crash, KilledAtEveryOperation) { survive(Fault::kill); }

TEST(Crash, KilledInTheMiddleOfEveryWrite) { survive(Fault::torn_write); }

TEST(Crash, KilledTwice) {
  const int operations = reference().operations;
  for (int at = 3; at < operations; at += 7) {
    SCOPED_TRACE(at);
    const test::Scratch scratch;
    const SharedTold told;
    ASSERT_TRUE(was_killed(child(scratch / "run", *told, {Fault::kill, at, nullptr})));
    child(scratch / "run", *told, {Fault::kill, (at * 5) % 23, nullptr});
    ASSERT_EQ(child(scratch / "run", *told, {}), 0);
    expect_same(*told);
  }
}

TEST(Crash, AFullDiskFailsTheLastCheckpointOnly) {
  const int operations = reference().operations;
  for (int at = 0; at < operations; at += 2) {
    SCOPED_TRACE(at);
    const test::Scratch scratch;
    const SharedTold told;
    const int status = child(scratch / "run", *told, {Fault::full_disk, at, nullptr});
    ASSERT_TRUE(WIFEXITED(status));
    // All steps are done, whatever the disk says.
    EXPECT_EQ(told->losses, reference().losses);
    if (told->checkpoints < 3) {
      EXPECT_EQ(WEXITSTATUS(status), kFailed);
    }
    ASSERT_EQ(child(scratch / "run", *told, {}), 0);
    expect_same(*told);
  }
}

TEST(Crash, OneErrorOfTheDiskCostsOneCheckpoint) {
  const int operations = reference().operations;
  for (int at = 0; at < operations; at += 2) {
    SCOPED_TRACE(at);
    const test::Scratch scratch;
    const SharedTold told;
    const int status = child(scratch / "run", *told, {Fault::one_error, at, nullptr});
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_LE(told->failed_checkpoints, 1);
    ASSERT_EQ(child(scratch / "run", *told, {}), 0);
    expect_same(*told);
  }
}

/// A machine that loses power forgets what was not synced, in any order: so everything is synced
/// before the next thing relies on it.
TEST(Crash, NothingReliesOnWhatIsNotSynced) {
  const test::Scratch scratch;
  const SharedTold told;
  std::vector<std::pair<std::string, std::string>> log;
  test::fault_plan = {Fault::none, 0, &told->operations, &log};
  train(scratch / "run", *told);
  test::fault_plan = {};

  const std::string parent = scratch / "run";
  std::set<std::string> unsynced;  // files with bytes, and folders with names, that may be lost
  int appeared = 0, completed = 0;
  for (const auto& [what, path] : log) {
    const std::string folder = fs::path(path).parent_path();
    if (what == "write") unsynced.insert(path);
    if (what == "sync") unsynced.erase(path);
    if (what != "rename") continue;
    if (folder == parent) {
      EXPECT_TRUE(unsynced.empty()) << *unsynced.begin() << " before " << path;
      ++appeared;
    } else if (fs::path(path).filename() == "complete.json") {
      EXPECT_TRUE(unsynced.empty()) << *unsynced.begin() << " before " << path;
      ++completed;
    } else {
      // A file got its name, after its own bytes were synced under a temporary one.
      EXPECT_TRUE(unsynced.empty() || *unsynced.begin() == folder) << path;
    }
    unsynced.insert(folder);
  }
  EXPECT_EQ(appeared, 3);
  EXPECT_EQ(completed, 3);
  EXPECT_TRUE(unsynced.empty());
}

TEST(Crash, ShortWritesAreGoneOnWith) {
  const test::Scratch scratch;
  const SharedTold told;
  ASSERT_EQ(child(scratch / "run", *told, {Fault::short_write, 0, nullptr}), 0);
  expect_same(*told);
  EXPECT_EQ(told->failed_checkpoints, 0);
}

TEST(Crash, ALimitOnFilesIsLikeAFullDisk) {
  const test::Scratch scratch;
  const SharedTold told;
  const int status = child(scratch / "run", *told, {}, [] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1500, 1500};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  });
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), kFailed);
  EXPECT_EQ(told->failed_checkpoints, 3);
  EXPECT_TRUE(list_checkpoints(scratch / "run").empty());
  ASSERT_EQ(child(scratch / "run", *told, {}), 0);
  expect_same(*told);
}

}  // namespace
}  // namespace jielong
