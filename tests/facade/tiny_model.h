#pragma once

#include <filesystem>
#include <string>

#include "base/file.h"
#include "base/scratch.h"

namespace jielong::test {

/// The random llama of tests/model/goldens with a tokenizer of single characters and a chat
/// template, in a folder of its own: a whole model of 80 tokens.
class TinyModel {
 public:
  TinyModel() {
    namespace fs = std::filesystem;
    const fs::path golden = fs::path(JIELONG_TEST_DATA) / "model/goldens/llama";
    for (const char* name : {"config.json", "model.safetensors"}) {
      fs::copy_file(golden / name, folder_ / name);
    }
    write_file(folder_ / "tokenizer.json", tokenizer_json());
    write_file(folder_ / "chat_template.jinja",
               "{% for m in messages %}{{ m.role[0] }}:{{ m.content }}</s>{% endfor %}"
               "{% if add_generation_prompt %}a:{% endif %}");
  }

  std::string path() const { return folder_.path().string(); }

 private:
  /// <unk>, <s>, </s>, then 77 printable characters.
  static std::string tokenizer_json() {
    std::string vocabulary = R"("<unk>": 0, "<s>": 1, "</s>": 2)";
    int token = 3;
    for (const char c : std::string(" abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                    "0123456789.,:;!?'()-_/+*")) {
      vocabulary += std::string(", \"") + c + "\": " + std::to_string(token++);
    }
    std::string added;
    for (const auto& [id, name] : {std::pair{0, "<unk>"}, {1, "<s>"}, {2, "</s>"}}) {
      if (!added.empty()) added += ", ";
      added += "{\"id\": " + std::to_string(id) + ", \"content\": \"" + name +
               R"(", "special": true, "single_word": false, "lstrip": false, "rstrip": false,)"
               R"( "normalized": false})";
    }
    return R"({"version": "1.0", "added_tokens": [)" + added +
           R"(], "normalizer": null, "pre_tokenizer": null, "post_processor": null,
           "decoder": {"type": "Fuse"}, "model": {"type": "BPE", "dropout": null,
           "unk_token": "<unk>", "fuse_unk": false, "byte_fallback": false, "merges": [],
           "vocab": {)" +
           vocabulary + "}}}";
  }

  Scratch folder_;
};

}  // namespace jielong::test
