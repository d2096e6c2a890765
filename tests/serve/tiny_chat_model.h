#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/scratch.h"

namespace jielong::test {

/// The random llama of tests/model/goldens with a tokenizer of single characters, all that JSON
/// needs among them, and a chat template: a model that says nonsense, but any nonsense a grammar
/// asks for. Its context holds 1024 tokens.
class TinyChatModel {
 public:
  static constexpr std::string_view kTemplate =
      "{% for m in messages %}{{ m.role[0] }}:{{ m.content }}{{ m.reasoning_content }}</s>"
      "{% endfor %}{% if tools %}t{# <tool_call> #}{% endif %}"
      "{% if add_generation_prompt %}a:{% endif %}";

  /// @param control the name of token 1, a control token
  explicit TinyChatModel(std::string_view chat_template = kTemplate,
                         const std::string& control = "<s>") {
    namespace fs = std::filesystem;
    const fs::path golden = fs::path(JIELONG_TEST_DATA) / "model/goldens/llama";
    fs::copy_file(golden / "model.safetensors", folder_ / "model.safetensors");
    std::string config = read_text(golden / "config.json");
    const std::string_view length = "\"max_position_embeddings\": 128";
    config.replace(config.find(length), length.size(), "\"max_position_embeddings\": 1024");
    write_file(folder_ / "config.json", config);
    write_file(folder_ / "tokenizer.json", tokenizer_json(control));
    write_file(folder_ / "chat_template.jinja", std::string(chat_template));
  }

  std::string path() const { return folder_.path().string(); }

 private:
  static std::string read_text(const std::filesystem::path& path) {
    const MappedFile file(path);
    return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
  }

  /// <unk>, the control token, </s>, then 77 characters.
  static std::string tokenizer_json(const std::string& control) {
    std::string vocabulary = R"("<unk>": 0, ")" + control + R"(": 1, "</s>": 2)";
    int token = 3;
    for (const char c : std::string(" \nabcdefghijklmnopqrstuvwxyz0123456789"
                                    "{}[]\"<>:,_/.-()|!?'\\=;+*TOLCASYUNERGHID")) {
      const bool escaped = c == '"' || c == '\\';
      vocabulary += ", \"";
      vocabulary += c == '\n' ? "\\n" : (escaped ? "\\" : "") + std::string(1, c);
      vocabulary += "\": " + std::to_string(token++);
    }
    std::string added;
    for (const auto& [id, name] :
         {std::pair<int, std::string>{0, "<unk>"}, {1, control}, {2, "</s>"}}) {
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
