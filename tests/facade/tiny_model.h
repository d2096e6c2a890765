#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "base/file.h"
#include "base/scratch.h"

namespace jielong::test {

/// The random llama of tests/model/goldens with a tokenizer of single characters and a chat
/// template, in a folder of its own: a whole model of 80 tokens.
class TinyModel {
 public:
  struct Parts {
    /// 77 characters, the tokens from 3 on.
    std::string_view letters =
        " abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;!?'()-_/+*";
    std::string_view chat_template =
        "{% for m in messages %}{{ m.role[0] }}:{{ m.content }}</s>{% endfor %}"
        "{% if add_generation_prompt %}a:{% endif %}";
    std::string control = "<s>";  ///< the name of token 1, a control token
    int context = 128;            ///< tokens that it holds
  };

  TinyModel() : TinyModel(Parts()) {}
  explicit TinyModel(const Parts& parts) {
    namespace fs = std::filesystem;
    const fs::path golden = fs::path(JIELONG_TEST_DATA) / "model/goldens/llama";
    fs::copy_file(golden / "model.safetensors", folder_ / "model.safetensors");
    std::string config = read_file(golden / "config.json", 1 << 20);
    const std::string length = "\"max_position_embeddings\": ";
    config.replace(config.find(length), length.size() + 3, length + std::to_string(parts.context));
    write_file(folder_ / "config.json", config);
    write_file(folder_ / "tokenizer.json", tokenizer_json(parts));
    write_file(folder_ / "chat_template.jinja", std::string(parts.chat_template));
  }

  std::string path() const { return folder_.path().string(); }

 private:
  /// <unk>, the control token, </s>, then the letters.
  static std::string tokenizer_json(const Parts& parts) {
    std::string vocabulary = R"("<unk>": 0, ")" + parts.control + R"(": 1, "</s>": 2)";
    int token = 3;
    for (const char c : parts.letters) {
      const bool escaped = c == '"' || c == '\\';
      vocabulary += ", \"";
      vocabulary += c == '\n' ? "\\n" : (escaped ? "\\" : "") + std::string(1, c);
      vocabulary += "\": " + std::to_string(token++);
    }
    std::string added;
    for (const auto& [id, name] :
         {std::pair<int, std::string>{0, "<unk>"}, {1, parts.control}, {2, "</s>"}}) {
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
