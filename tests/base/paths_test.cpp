#include "base/paths.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <optional>
#include <string>

namespace jielong {
namespace {

/// Starts every test without the variables and puts them back afterwards.
class Paths : public testing::Test {
 protected:
  Paths() {
    for (const char* name :
         {"HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "HF_HOME", "HF_HUB_CACHE", "OLLAMA_MODELS"}) {
      const char* value = std::getenv(name);
      before_[name] = value != nullptr ? std::optional<std::string>(value) : std::nullopt;
      ::unsetenv(name);
    }
    ::setenv("HOME", "/home/ann", 1);
  }
  ~Paths() override {
    for (const auto& [name, value] : before_) {
      if (value) {
        ::setenv(name.c_str(), value->c_str(), 1);
      } else {
        ::unsetenv(name.c_str());
      }
    }
  }

 private:
  std::map<std::string, std::optional<std::string>> before_;
};

TEST_F(Paths, Defaults) {
  EXPECT_EQ(models_folder(), "/home/ann/.cache/jielong/models");
  EXPECT_EQ(data_folder(), "/home/ann/.local/share/jielong");
  EXPECT_EQ(hugging_face_cache(), "/home/ann/.cache/huggingface/hub");
  EXPECT_EQ(ollama_store(), "/home/ann/.ollama/models");
}

TEST_F(Paths, VariablesWin) {
  ::setenv("XDG_CACHE_HOME", "/c", 1);
  ::setenv("XDG_DATA_HOME", "/d", 1);
  ::setenv("OLLAMA_MODELS", "/o", 1);
  EXPECT_EQ(models_folder(), "/c/jielong/models");
  EXPECT_EQ(data_folder(), "/d/jielong");
  EXPECT_EQ(hugging_face_cache(), "/c/huggingface/hub");
  EXPECT_EQ(ollama_store(), "/o");
  ::setenv("HF_HOME", "/hf", 1);
  EXPECT_EQ(hugging_face_cache(), "/hf/hub");
  ::setenv("HF_HUB_CACHE", "/hub", 1);
  EXPECT_EQ(hugging_face_cache(), "/hub");
}

TEST_F(Paths, EmptyAndRelativeVariablesAreIgnored) {
  ::setenv("XDG_CACHE_HOME", "", 1);
  ::setenv("XDG_DATA_HOME", "relative/data", 1);
  EXPECT_EQ(models_folder(), "/home/ann/.cache/jielong/models");
  EXPECT_EQ(data_folder(), "/home/ann/.local/share/jielong");
}

TEST_F(Paths, WithoutHomeTheUserDatabaseIsAsked) {
  ::unsetenv("HOME");
  EXPECT_TRUE(models_folder().is_absolute());
}

}  // namespace
}  // namespace jielong
