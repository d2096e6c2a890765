#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/sha256.h"
#include "model/store/download.h"
#include "model/store/shelf.h"
#include "model/store/stand_in_server.h"
#include "model/store/store.h"

namespace jielong {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string kCommit(40, 'c');

std::string sha256(const std::string& text) {
  return sha256_of({reinterpret_cast<const std::byte*>(text.data()), text.size()});
}

std::string content(std::size_t bytes, unsigned seed) {
  std::string text(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) {
    seed = seed * 1664525u + 1013904223u;
    text[i] = static_cast<char>(seed >> 24);
  }
  return text;
}

OrderedJson large_file(const std::string& path, const std::string& body) {
  return {{"rfilename", path},
          {"size", body.size()},
          {"lfs", {{"sha256", sha256(body)}, {"size", body.size()}}}};
}

OrderedJson small_file(const std::string& path, std::size_t bytes, const std::string& blob = "") {
  OrderedJson file{{"rfilename", path}, {"size", bytes}};
  if (!blob.empty()) file["blobId"] = blob;
  return file;
}

class HubPull : public ::testing::Test {
 protected:
  HubPull() {
    settings_.models = folder_.path() / "models";
    settings_.hugging_face = folder_.path() / "hub";
    settings_.ollama = folder_.path() / "ollama";
    settings_.hub = server_.url();
    settings_.hub_token = "hf_secret";
    settings_.retries = 2;
  }

  /// Lists files as the Hub's repository user/repo.
  void list(const std::vector<OrderedJson>& files) {
    const OrderedJson answer{
        {"sha", kCommit}, {"cardData", {{"license", "apache-2.0"}}}, {"siblings", files}};
    server_.put_json("/api/models/user/repo/revision/main", answer.dump());
  }
  std::string file_url(const std::string& path) {
    return "/user/repo/resolve/" + kCommit + "/" + path;
  }
  /// Lists and serves one GGUF file.
  void serve(const std::string& body) {
    list({large_file("m.Q4_K_M.gguf", body)});
    server_.put(file_url("m.Q4_K_M.gguf"), {.body = body});
  }
  fs::path here() const { return settings_.models / "hf=user--repo=Q4_K_M" / "m.Q4_K_M.gguf"; }
  fs::path partial() const { return here().string() + ".partial"; }
  fs::path label() const { return here().parent_path() / "model.json"; }

  StoredModel pull(const std::string& name = "hf:user/repo", const PullCallback& progress = {}) {
    return ModelStore(settings_).pull(name, progress);
  }
  /// The message of a pull that must fail.
  std::string failure(const std::string& name = "hf:user/repo", const PullCallback& progress = {}) {
    try {
      pull(name, progress);
    } catch (const Error& error) {
      kind_ = error.kind();
      return error.what();
    }
    ADD_FAILURE() << "the pull of " << name << " did not fail";
    return {};
  }

  TemporaryFolder folder_;
  StandInServer server_;
  StoreSettings settings_;
  ErrorKind kind_ = ErrorKind::internal;
};

TEST_F(HubPull, FetchesTheUsualQuantizationOnce) {
  const std::string body = content(300'000, 1);
  list({large_file("m.Q8_0.gguf", content(10, 2)), large_file("m.Q4_K_M.gguf", body),
        large_file("mmproj-m.Q4_K_M.gguf", "x"), small_file("README.md", 3)});
  server_.put(file_url("m.Q4_K_M.gguf"), {.body = body});
  std::uint64_t done = 0;
  const StoredModel model = pull("hf:user/repo", [&](const PullProgress& progress) {
    EXPECT_EQ(progress.file, "m.Q4_K_M.gguf");
    EXPECT_GE(progress.done, done);
    done = progress.done;
    return true;
  });
  EXPECT_EQ(done, body.size());
  EXPECT_EQ(model.name, "hf:user/repo:Q4_K_M");
  EXPECT_EQ(model.path, here());
  EXPECT_EQ(model.licence, "apache-2.0");
  EXPECT_EQ(model.revision, kCommit);
  EXPECT_EQ(model.sha256, sha256(body));
  EXPECT_EQ(read_file(here()), body);
  EXPECT_FALSE(fs::exists(partial()));
  const std::size_t requests = server_.asked().size();
  EXPECT_EQ(pull().path, here());
  EXPECT_EQ(pull("hf:user/repo:q4_k_m").path, here());
  EXPECT_EQ(server_.asked().size(), requests) << "what is here is not fetched again";
  EXPECT_EQ(ModelStore(settings_).list().size(), 1u);
  EXPECT_EQ(ModelStore(settings_).remove("hf:user/repo:Q4_K_M").path, here());
  EXPECT_FALSE(fs::exists(here().parent_path()));
  EXPECT_THROW(ModelStore(settings_).remove("hf:user/repo"), Error);
}

TEST_F(HubPull, ContinuesABrokenTransferByItself) {
  const std::string body = content(2'000'000, 3);
  serve(body);
  server_.put(file_url("m.Q4_K_M.gguf"), {.body = body, .cuts = 3, .cut_after = 500'000});
  EXPECT_EQ(read_file(pull().path), body);
  const auto asked = server_.asked_for(file_url("m.Q4_K_M.gguf"));
  ASSERT_EQ(asked.size(), 4u);
  EXPECT_EQ(asked[0].range, "");
  EXPECT_EQ(asked[1].range, "bytes=500000-");
  EXPECT_EQ(asked[3].range, "bytes=1500000-");
}

TEST_F(HubPull, ContinuesInALaterPull) {
  settings_.retries = 0;
  const std::string body = content(1'000'000, 4);
  serve(body);
  server_.put(file_url("m.Q4_K_M.gguf"), {.body = body, .cuts = 1, .cut_after = 400'000});
  EXPECT_THAT(failure(), HasSubstr("cannot be fetched"));
  EXPECT_EQ(kind_, ErrorKind::io);
  EXPECT_FALSE(fs::exists(here()));
  EXPECT_FALSE(fs::exists(label()));
  EXPECT_EQ(fs::file_size(partial()), 400'000u);
  EXPECT_FALSE(ModelStore(settings_).find("hf:user/repo"));
  EXPECT_EQ(read_file(pull().path), body);
  EXPECT_EQ(server_.asked_for(file_url("m.Q4_K_M.gguf")).back().range, "bytes=400000-");
}

TEST_F(HubPull, StartsAnewWhereTheServerCannotContinue) {
  const std::string body = content(700'000, 5);
  serve(body);
  server_.put(file_url("m.Q4_K_M.gguf"),
              {.body = body, .cuts = 1, .cut_after = 300'000, .ranges = false});
  EXPECT_EQ(read_file(pull().path), body);
}

TEST_F(HubPull, RefusesOtherContentThanAnnounced) {
  const std::string body = content(100'000, 6);
  serve(body);
  std::string changed = body;
  changed[50'000] ^= 1;
  server_.put(file_url("m.Q4_K_M.gguf"), {.body = changed});
  EXPECT_THAT(failure(), HasSubstr("has the SHA-256 " + sha256(changed)));
  EXPECT_FALSE(fs::exists(here()));
  EXPECT_FALSE(fs::exists(partial())) << "bytes that failed the check are not built upon";
  // A longer and a shorter file.
  server_.put(file_url("m.Q4_K_M.gguf"), {.body = body + "x"});
  EXPECT_THAT(failure(), HasSubstr("longer than the 100000 bytes announced"));
  server_.put(file_url("m.Q4_K_M.gguf"), {.body = body.substr(1)});
  EXPECT_THAT(failure(), HasSubstr("99999 of 100000 bytes"));
  // An older partial file with other bytes is found out too.
  write_file(partial(), content(60'000, 77));
  server_.put(file_url("m.Q4_K_M.gguf"), {.body = body});
  EXPECT_THAT(failure(), HasSubstr("SHA-256"));
  EXPECT_EQ(read_file(pull().path), body);
}

TEST_F(HubPull, ExplainsRefusals) {
  const std::string api = "/api/models/user/repo/revision/main";
  EXPECT_THAT(failure(), HasSubstr("is not there (status 404); check the name"));
  EXPECT_EQ(kind_, ErrorKind::not_found);
  server_.put(api, {.body = "no", .status = 401});
  EXPECT_THAT(failure(),
              HasSubstr("refuses access (status 401); if the model is private or gated"));
  server_.put(api, {.body = "no", .status = 403});
  EXPECT_THAT(failure(), HasSubstr("status 403"));
  server_.put(api, {.body = "no", .status = 429});
  EXPECT_THAT(failure(), HasSubstr("try again after \"7\""));
  server_.put(api, {.body = "no", .status = 503});
  EXPECT_THAT(failure(), HasSubstr("status 503"));
  EXPECT_THAT(failure(), Not(HasSubstr("hf_secret")));
  server_.put_json(api, "<html>");
  EXPECT_THAT(failure(), HasSubstr("is not valid JSON"));
  settings_.hub = "http://127.0.0.1:1";
  EXPECT_THAT(failure(), HasSubstr("check the network"));
  settings_.hub = "file:///etc";
  EXPECT_THAT(failure(), HasSubstr("is not an http or https address"));
  settings_.offline = true;
  EXPECT_THAT(failure(), HasSubstr("nothing may be fetched offline"));
}

TEST_F(HubPull, KeepsTheTokenToItsHost) {
  const std::string body = content(50'000, 7);
  serve(body);
  StandInServer elsewhere;
  elsewhere.put("/blob", {.body = body});
  server_.put(file_url("m.Q4_K_M.gguf"), {.status = 302, .location = elsewhere.url() + "/blob"});
  EXPECT_EQ(read_file(pull().path), body);
  EXPECT_EQ(server_.asked_for(file_url("m.Q4_K_M.gguf"))[0].authorization, "Bearer hf_secret");
  ASSERT_EQ(elsewhere.asked().size(), 1u);
  EXPECT_EQ(elsewhere.asked()[0].authorization, "");
}

TEST_F(HubPull, FollowsOnlyAFewRedirectsAndOnlyToTheWeb) {
  serve("x");
  server_.put(file_url("m.Q4_K_M.gguf"), {.status = 302, .location = file_url("m.Q4_K_M.gguf")});
  EXPECT_THAT(failure(), HasSubstr("redirects more than 8 times"));
  server_.put(file_url("m.Q4_K_M.gguf"), {.status = 302, .location = "file:///etc/passwd"});
  EXPECT_THAT(failure(), HasSubstr("is not an http or https address"));
}

TEST_F(HubPull, RefusesNamesThatLeaveTheFolder) {
  for (const char* path : {"../evil.gguf", "/tmp/evil.gguf", "a/../../evil.gguf", "a\\evil.gguf",
                           ".hidden.gguf", "a//evil.gguf", "evil\n.gguf", "C:evil.gguf"}) {
    list({large_file(path, "x")});
    EXPECT_THAT(failure(), HasSubstr("which we refuse")) << path;
  }
  EXPECT_FALSE(fs::exists(folder_.path() / "evil.gguf"));
  OrderedJson bad = large_file("m.gguf", "x");
  bad["lfs"]["sha256"] = "../../x";
  list({bad});
  EXPECT_THAT(failure(), HasSubstr("without a proper SHA-256"));
  for (const char* name : {"hf:..", "hf:../x", "hf:a/../b", "hf:a/b@../c", "hf:a/b:../../c.gguf",
                           "hf:", "hf:a/b/c", "hf:-a/b"}) {
    failure(name);
    EXPECT_EQ(kind_, ErrorKind::bad_input) << name;
  }
}

TEST_F(HubPull, FetchesAFolderOfSafetensors) {
  const std::string weights = content(5'000, 8);
  const std::string config = "{\"model_type\": \"llama\"}\n";
  // git's SHA-1 of the config as a blob.
  list({large_file("model.safetensors", weights), large_file("original/model.safetensors", "x"),
        large_file("pytorch_model.bin", "x"),
        small_file("config.json", config.size(), "f3f92d9a5e2b0e76cde5b8ab65c4b7c04c7a63a5")});
  server_.put(file_url("model.safetensors"), {.body = weights});
  server_.put(file_url("config.json"), {.body = config});
  EXPECT_THAT(failure(), HasSubstr("has another content than its list tells"));
  list({large_file("model.safetensors", weights),
        small_file("config.json", config.size(), "9eddb62b076f586b2186445e7872e5a05f0dfe06")});
  const StoredModel model = pull();
  EXPECT_EQ(model.name, "hf:user/repo");
  EXPECT_TRUE(fs::is_directory(model.path));
  EXPECT_EQ(read_file(model.path / "config.json"), config);
  EXPECT_EQ(read_file(model.path / "model.safetensors"), weights);
  list({large_file("pytorch_model.bin", "x")});
  ModelStore(settings_).remove("hf:user/repo");
  EXPECT_THAT(failure(), HasSubstr("pickled Python"));
}

TEST_F(HubPull, FetchesSplitFilesWhole) {
  const std::string one = content(1'000, 9), two = content(900, 10);
  list({large_file("q/m-Q8_0-00001-of-00002.gguf", one),
        large_file("q/m-Q8_0-00002-of-00002.gguf", two),
        large_file("n-Q6_K-00001-of-00002.gguf", one)});
  server_.put(file_url("q/m-Q8_0-00001-of-00002.gguf"), {.body = one});
  server_.put(file_url("q/m-Q8_0-00002-of-00002.gguf"), {.body = two});
  const StoredModel model = pull("hf:user/repo:Q8_0");
  EXPECT_EQ(model.path.filename(), "m-Q8_0-00001-of-00002.gguf");
  EXPECT_EQ(model.files.size(), 2u);
  EXPECT_EQ(model.bytes, 1'900u);
  EXPECT_THAT(failure("hf:user/repo:Q6_K"), HasSubstr("lacks a part"));
  EXPECT_THAT(failure("hf:user/repo:Q2_K"), HasSubstr("choose among Q6_K, Q8_0"));
}

TEST_F(HubPull, KeepsQuantizationsApart) {
  list({large_file("m-Q8_0.gguf", "eight"), large_file("m-Q4_0.gguf", "four")});
  server_.put(file_url("m-Q8_0.gguf"), {.body = "eight"});
  server_.put(file_url("m-Q4_0.gguf"), {.body = "four"});
  EXPECT_EQ(read_file(pull("hf:user/repo:Q8_0").path), "eight");
  EXPECT_EQ(read_file(pull("hf:user/repo:q4_0").path), "four");
  ModelStore models(settings_);
  EXPECT_EQ(models.list().size(), 2u);
  EXPECT_THROW(models.remove("hf:user/repo"), Error) << "which of the two?";
  models.remove("hf:user/repo:Q8_0");
  EXPECT_EQ(models.resolve("hf:user/repo").name, "hf:user/repo:Q4_0");
}

TEST_F(HubPull, IsRefusedWhileAnotherFetchesTheSameFile) {
  serve("body");
  fs::create_directories(here().parent_path());
  const store::PartialFile held(here());
  EXPECT_THAT(failure(), HasSubstr("is being fetched by another process"));
}

TEST_F(HubPull, CanBeCancelledAndContinued) {
  const std::string body = content(3'000'000, 11);
  serve(body);
  failure("hf:user/repo", [](const PullProgress& progress) { return progress.done < 1'000'000; });
  EXPECT_EQ(kind_, ErrorKind::cancelled);
  EXPECT_GE(fs::file_size(partial()), 1'000'000u);
  EXPECT_FALSE(fs::exists(here()));
  EXPECT_EQ(read_file(pull().path), body);
}

TEST_F(HubPull, TellsOfAFullDisk) {
  EXPECT_THROW(store::check_free_space(folder_.path(), UINT64_MAX / 2), Error);
  // A file size limit fails a write midway, as a full disk does.
  serve(content(2'000'000, 12));
  rlimit old_limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old_limit), 0);
  rlimit limit = old_limit;
  limit.rlim_cur = 1'000'000;
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  const std::string message = failure();
  ::setrlimit(RLIMIT_FSIZE, &old_limit);
  std::signal(SIGXFSZ, old_handler);
  EXPECT_THAT(message, HasSubstr("cannot be written: File too large"));
  EXPECT_FALSE(fs::exists(here()));
  EXPECT_FALSE(fs::exists(label()));
  EXPECT_EQ(fs::file_size(pull().path), 2'000'000u);
}

// Run by the test below in a process of its own, which is then killed.
TEST(HubPullChild, DISABLED_Pulls) {
  StoreSettings settings;
  settings.models = std::getenv("JIELONG_CHILD_MODELS");
  settings.hub = std::getenv("JIELONG_CHILD_HUB");
  ModelStore(settings).pull("hf:user/repo");
}

TEST_F(HubPull, LeavesNothingThatLooksWholeWhenKilled) {
  const std::string body = content(4'000'000, 13);
  serve(body);
  server_.put(file_url("m.Q4_K_M.gguf"), {.body = body, .slow_ms = 20});
  ::setenv("JIELONG_CHILD_MODELS", settings_.models.c_str(), 1);
  ::setenv("JIELONG_CHILD_HUB", settings_.hub.c_str(), 1);
  const std::string program = fs::read_symlink("/proc/self/exe").string();
  const char* arguments[] = {program.c_str(), "--gtest_also_run_disabled_tests",
                             "--gtest_filter=HubPullChild.DISABLED_Pulls", nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  pid_t child = 0;
  ASSERT_EQ(::posix_spawn(&child, program.c_str(), &actions, nullptr, const_cast<char**>(arguments),
                          environ),
            0);
  posix_spawn_file_actions_destroy(&actions);
  std::error_code ignored;
  for (int i = 0; i < 2'000 && !(fs::file_size(partial(), ignored) > 500'000 && !ignored); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    ignored.clear();
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_FALSE(fs::exists(here()));
  EXPECT_FALSE(fs::exists(label()));
  EXPECT_FALSE(ModelStore(settings_).find("hf:user/repo"));
  EXPECT_TRUE(ModelStore(settings_).list().empty());
  server_.put(file_url("m.Q4_K_M.gguf"), {.body = body});
  EXPECT_EQ(read_file(pull().path), body);
  EXPECT_THAT(server_.asked_for(file_url("m.Q4_K_M.gguf")).back().range, HasSubstr("bytes="));
}

}  // namespace
}  // namespace jielong
