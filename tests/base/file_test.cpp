#include "base/file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/scratch.h"

namespace jielong {
namespace {

namespace fs = std::filesystem;
using test::Scratch;
using testing::HasSubstr;

std::string text_of(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

/// The Error that `action` throws.
template <typename Action>
Error error_of(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no error";
  return bad_input("no error");
}

int files_in(const fs::path& folder) {
  int count = 0;
  for (const auto& entry : fs::directory_iterator(folder)) count += entry.is_regular_file();
  return count;
}

TEST(MappedFile, ShowsTheWholeFile) {
  Scratch scratch;
  const std::string content(100'003, 'x');
  write_file(scratch / "a", content);
  MappedFile file(scratch / "a");
  EXPECT_EQ(text_of(file), content);
  forget_mapped(file.bytes().subspan(10, 90'000));
  EXPECT_EQ(text_of(file), content);

  MappedFile moved(std::move(file));
  EXPECT_EQ(moved.bytes().size(), content.size());
  EXPECT_TRUE(file.bytes().empty());
  MappedFile assigned;
  assigned = std::move(moved);
  EXPECT_EQ(text_of(assigned), content);
}

TEST(MappedFile, EmptyFileIsAnEmptySpan) {
  Scratch scratch;
  write_file(scratch / "empty", "");
  EXPECT_TRUE(MappedFile(scratch / "empty").bytes().empty());
}

TEST(MappedFile, NamesWhatIsMissingOrNoFile) {
  Scratch scratch;
  const Error missing = error_of([&] { MappedFile file(scratch / "nothing"); });
  EXPECT_EQ(missing.kind(), ErrorKind::not_found);
  EXPECT_THAT(missing.what(), HasSubstr("nothing"));
  EXPECT_THAT(error_of([&] { MappedFile file(scratch.path()); }).what(),
              HasSubstr("not a regular file"));
  EXPECT_EQ(error_of([] { MappedFile file("/dev/zero"); }).kind(), ErrorKind::bad_input);
}

TEST(AtomicFile, AppearsOnCommitOnly) {
  Scratch scratch;
  write_file(scratch / "a", "old");
  {
    AtomicFile file(scratch / "a");
    file.write("new");
    EXPECT_EQ(file.position(), 3U);
    EXPECT_EQ(read_file(scratch / "a"), "old");
  }
  EXPECT_EQ(read_file(scratch / "a"), "old");
  EXPECT_EQ(files_in(scratch.path()), 1) << "the temporary file stayed behind";
  {
    AtomicFile file(scratch / "a");
    file.write("new");
    file.commit();
  }
  EXPECT_EQ(read_file(scratch / "a"), "new");
  EXPECT_EQ(files_in(scratch.path()), 1);
}

TEST(AtomicFile, KeepsBytesAcrossItsBuffer) {
  Scratch scratch;
  std::string content;
  AtomicFile file(scratch / "big");
  for (int i = 0; i < 5000; ++i) {
    const std::string part(static_cast<std::size_t>(i % 977), static_cast<char>('a' + i % 26));
    file.write(part);
    content += part;
  }
  const std::string huge(3 << 20, '\0');
  file.write(std::as_bytes(std::span(huge)));
  content += huge;
  EXPECT_EQ(file.position(), content.size());
  file.commit();
  EXPECT_EQ(read_file(scratch / "big"), content);
}

TEST(AtomicFile, TwoWritersOfOneNameDoNotMix) {
  Scratch scratch;
  std::vector<std::thread> writers;
  for (char letter : {'a', 'b', 'c', 'd'}) {
    writers.emplace_back([&, letter] {
      for (int i = 0; i < 20; ++i) write_file(scratch / "shared", std::string(4096, letter));
    });
  }
  for (auto& writer : writers) writer.join();
  const std::string content = read_file(scratch / "shared");
  EXPECT_EQ(content, std::string(4096, content[0]));
  EXPECT_EQ(files_in(scratch.path()), 1);
}

TEST(AtomicFile, FullDiskIsAClearError) {
  struct stat info {};
  if (::stat("/dev/full", &info) != 0 || !S_ISCHR(info.st_mode)) GTEST_SKIP() << "no /dev/full";
  const Error full = error_of([] { write_file("/dev/full", "x"); });
  EXPECT_EQ(full.kind(), ErrorKind::io);
  EXPECT_THAT(full.what(), HasSubstr("/dev/full: cannot be written: No space left on device"));
  EXPECT_THAT(full.fix(), HasSubstr("free some disk space"));
  ASSERT_EQ(::stat("/dev/full", &info), 0);
  EXPECT_TRUE(S_ISCHR(info.st_mode)) << "a device was replaced by a file";
}

TEST(AtomicFile, WritesToAPipeAsItIs) {
  Scratch scratch;
  const fs::path pipe = scratch / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  std::string received(5, '\0');
  std::thread reader([&] {
    const int descriptor = ::open(pipe.c_str(), O_RDONLY);
    EXPECT_EQ(::read(descriptor, received.data(), received.size()), 5);
    ::close(descriptor);
  });
  write_file(pipe, "hello");
  reader.join();
  EXPECT_EQ(received, "hello");
  EXPECT_TRUE(fs::is_fifo(pipe));
}

TEST(AtomicFile, NamesAMissingFolder) {
  Scratch scratch;
  const Error error = error_of([&] { AtomicFile file(scratch / "no/such/file"); });
  EXPECT_EQ(error.kind(), ErrorKind::not_found);
  EXPECT_THAT(error.what(), HasSubstr("no/such/file"));
}

/// Runs `body` in a child process and returns its wait status.
template <typename Body>
int in_child(const Body& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    body();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

TEST(AtomicFile, DiskThatFillsUpLeavesTheOldFile) {
  Scratch scratch;
  write_file(scratch / "a", "old");
  const int status = in_child([&] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{100'000, 100'000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    try {
      write_file(scratch / "a", std::string(5 << 20, 'n'));
    } catch (const Error& error) {
      ::_exit(error.kind() == ErrorKind::io && !error.fix().empty() ? 7 : 8);
    }
  });
  EXPECT_EQ(WEXITSTATUS(status), 7);
  EXPECT_EQ(read_file(scratch / "a"), "old");
  EXPECT_EQ(files_in(scratch.path()), 1);
}

TEST(AtomicFile, KillLeavesTheOldOrTheWholeNewFile) {
  Scratch scratch;
  const std::string before(200'000, 'o'), after(3 << 20, 'n');
  for (int round = 0; round < 30; ++round) {
    write_file(scratch / "a", before);
    const pid_t child = ::fork();
    if (child == 0) {
      for (;;) write_file(scratch / "a", after);
    }
    ::usleep(static_cast<useconds_t>(round * 150));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    const std::string found = read_file(scratch / "a");
    EXPECT_TRUE(found == before || found == after) << found.size() << " bytes";
  }
}

TEST(ReadFile, RefusesMoreThanAllowed) {
  Scratch scratch;
  write_file(scratch / "a", "12345");
  EXPECT_EQ(read_file(scratch / "a", 5), "12345");
  const Error error = error_of([&] { read_file(scratch / "a", 4); });
  EXPECT_EQ(error.kind(), ErrorKind::limit);
  EXPECT_THAT(error.what(), HasSubstr("has 5 bytes, more than the 4 allowed"));
}

}  // namespace
}  // namespace jielong
