#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.h"
#include "model/chat_template.h"

namespace jielong {
namespace {

// Our own templates in the formats their families document. Content may be text or, as in
// OpenAI's API, a list of parts of which the text ones count.
constexpr std::string_view kText =
    "{%- macro text(content) -%}"
    "{%- if content is string -%}{{ content }}"
    "{%- elif content is iterable -%}"
    "{%- for part in content if part.type == 'text' -%}{{ part.text }}{%- endfor -%}"
    "{%- endif -%}{%- endmacro -%}";

constexpr std::string_view kChatml =
    "{%- for message in messages -%}"
    "{{ '<|im_start|>' ~ message.role ~ '\\n' ~ text(message.content) ~ '<|im_end|>\\n' }}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}";

constexpr std::string_view kLlama3 =
    "{{- bos_token -}}"
    "{%- for message in messages -%}"
    "{{ '<|start_header_id|>' ~ message.role ~ '<|end_header_id|>\\n\\n'"
    " ~ text(message.content) | trim ~ '<|eot_id|>' }}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}"
    "{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif -%}";

// Formats without a turn for the system put its words before the first user's.
constexpr std::string_view kSystemFirst =
    "{%- set system = text(messages[0].content) | trim"
    " if messages and messages[0].role == 'system' else '' -%}"
    "{%- set turns = messages[1:] if messages and messages[0].role == 'system' else messages -%}";

constexpr std::string_view kLlama2 =
    "{%- for message in turns -%}"
    "{%- set said = text(message.content) | trim -%}"
    "{%- if message.role == 'assistant' -%}{{ ' ' ~ said ~ ' ' ~ eos_token }}"
    "{%- elif loop.first and system -%}"
    "{{ bos_token ~ '[INST] <<SYS>>\\n' ~ system ~ '\\n<</SYS>>\\n\\n' ~ said ~ ' [/INST]' }}"
    "{%- else -%}{{ bos_token ~ '[INST] ' ~ said ~ ' [/INST]' }}{%- endif -%}"
    "{%- endfor -%}";

constexpr std::string_view kMistral =
    "{{- bos_token -}}"
    "{%- for message in turns -%}"
    "{%- set said = text(message.content) -%}"
    "{%- if message.role == 'assistant' -%}{{ ' ' ~ said | trim ~ eos_token }}"
    "{%- elif loop.first and system -%}{{ '[INST] ' ~ system ~ '\\n\\n' ~ said ~ ' [/INST]' }}"
    "{%- else -%}{{ '[INST] ' ~ said ~ ' [/INST]' }}{%- endif -%}"
    "{%- endfor -%}";

constexpr std::string_view kGemma =
    "{{- bos_token -}}"
    "{%- for message in turns -%}"
    "{%- set role = 'model' if message.role == 'assistant' else message.role -%}"
    "{%- set before = system ~ '\\n\\n' if loop.first and system else '' -%}"
    "{{ '<start_of_turn>' ~ role ~ '\\n' ~ before ~ text(message.content) | trim"
    " ~ '<end_of_turn>\\n' }}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<start_of_turn>model\\n' }}{%- endif -%}";

constexpr std::string_view kPhi3 =
    "{%- for message in messages -%}"
    "{{ '<|' ~ message.role ~ '|>\\n' ~ text(message.content) ~ '<|end|>\\n' }}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|assistant|>\\n' }}{%- endif -%}";

constexpr std::string_view kPlain =
    "{%- for message in messages -%}"
    "{{ message.role ~ ': ' ~ text(message.content) | trim ~ '\\n' }}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ 'assistant:' }}{%- endif -%}";

struct Fallback {
  std::string_view name;
  std::string source;
};

const std::array<Fallback, 7>& fallbacks() {
  const auto joined = [](std::string_view a, std::string_view b, std::string_view c = {}) {
    return fmt::format("{}{}{}", a, b, c);
  };
  static const std::array<Fallback, 7> all = {
      Fallback{"chatml", joined(kText, kChatml)},
      Fallback{"llama2", joined(kText, kSystemFirst, kLlama2)},
      Fallback{"llama3", joined(kText, kLlama3)},
      Fallback{"gemma", joined(kText, kSystemFirst, kGemma)},
      Fallback{"mistral", joined(kText, kSystemFirst, kMistral)},
      Fallback{"phi3", joined(kText, kPhi3)},
      Fallback{"plain", joined(kText, kPlain)}};
  return all;
}

}  // namespace

std::vector<std::string_view> fallback_chat_template_names() {
  std::vector<std::string_view> names;
  for (const Fallback& fallback : fallbacks()) names.push_back(fallback.name);
  return names;
}

std::string_view fallback_chat_template(std::string_view name) {
  for (const Fallback& fallback : fallbacks()) {
    if (fallback.name == name) return fallback.source;
  }
  throw Error(ErrorKind::not_found, fmt::format("there is no chat template named '{}'", name), {},
              fmt::format("use one of {}", fmt::join(fallback_chat_template_names(), ", ")));
}

std::string_view guess_chat_template(std::string_view architecture,
                                     const std::function<bool(std::string_view)>& has_token) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kMarks = {
      {{"<|im_start|>", "chatml"},
       {"<|start_header_id|>", "llama3"},
       {"<start_of_turn>", "gemma"},
       {"[INST]", "mistral"},
       {"<|assistant|>", "phi3"}}};
  for (const auto& [token, name] : kMarks) {
    if (has_token(token)) return fallback_chat_template(name);
  }
  return fallback_chat_template(architecture == "phi3" ? "phi3" : "plain");
}

}  // namespace jielong
