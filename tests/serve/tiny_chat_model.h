#pragma once

#include <string>
#include <string_view>

#include "facade/tiny_model.h"

namespace jielong::test {

/// A tiny model that says nonsense, but any nonsense a grammar asks for: all characters that JSON
/// needs are among its tokens. Its context holds 1024 of them.
class TinyChatModel : public TinyModel {
 public:
  static constexpr std::string_view kTemplate =
      "{% for m in messages %}{{ m.role[0] }}:{{ m.content }}{{ m.reasoning_content }}</s>"
      "{% endfor %}{% if tools %}t{# <tool_call> #}{% endif %}"
      "{% if add_generation_prompt %}a:{% endif %}";

  /// @param control the name of token 1, a control token
  explicit TinyChatModel(std::string_view chat_template = kTemplate,
                         const std::string& control = "<s>")
      : TinyModel({.letters = " \nabcdefghijklmnopqrstuvwxyz0123456789"
                              "{}[]\"<>:,_/.-()|!?'\\=;+*TOLCASYUNERGHID",
                   .chat_template = chat_template,
                   .control = control,
                   .context = 1024}) {}
};

}  // namespace jielong::test
