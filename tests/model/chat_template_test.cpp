#include "model/chat_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "base/error.h"
#include "base/file.h"

namespace jielong {
namespace {

using ::testing::HasSubstr;

std::string data_file(const std::string& name) {
  return read_file(std::string(JIELONG_TEST_DATA) + "/model/goldens/templates/" + name);
}

OrderedJson data_json(const std::string& name) { return parse_ordered_json(data_file(name), name); }

std::tm golden_time() {
  std::tm now{};
  now.tm_year = 2026 - 1900;
  now.tm_mon = 10;
  now.tm_mday = 5;
  now.tm_hour = 14;
  now.tm_min = 3;
  now.tm_sec = 9;
  now.tm_wday = 4;
  now.tm_yday = 308;
  return now;
}

ChatTemplateOptions options_of(const OrderedJson& chat) {
  ChatTemplateOptions options;
  options.now = golden_time();
  options.add_generation_prompt = chat.value("add_generation_prompt", true);
  if (chat.contains("tools")) options.tools = chat["tools"].dump();
  if (chat.contains("extra")) options.extra = chat["extra"].dump();
  if (chat.contains("bos_token")) options.bos_token = chat["bos_token"];
  if (chat.contains("eos_token")) options.eos_token = chat["eos_token"];
  return options;
}

/// What rendering gives, or null when it is refused with an Error.
OrderedJson outcome(std::string_view source, const OrderedJson& messages,
                    const ChatTemplateOptions& options) {
  try {
    return ChatTemplate(source).render(messages, options);
  } catch (const Error& error) {
    EXPECT_NE(error.kind(), ErrorKind::internal) << error.what();
    EXPECT_THAT(error.where(), HasSubstr("chat template, line "));
    return nullptr;
  }
}

std::string render_snippet(std::string_view source, const std::string& extra = "") {
  ChatTemplateOptions options;
  options.extra = extra;
  return ChatTemplate(source).render(OrderedJson::array(), options);
}

ErrorKind kind_of_failure(std::string_view source) {
  try {
    render_snippet(source);
  } catch (const Error& error) {
    return error.kind();
  }
  ADD_FAILURE() << "rendered: " << source.substr(0, 200);
  return ErrorKind::internal;
}

TEST(ChatTemplate, EqualsJinja2OnTheFamiliesTemplates) {
  const OrderedJson chats = data_json("chats.json");
  const OrderedJson goldens = data_json("goldens.json");
  int compared = 0;
  for (const auto& [file, results] : goldens["templates"].items()) {
    const std::string source = data_file(file);
    for (const auto& [name, expected] : results.items()) {
      const OrderedJson& chat = chats[name];
      EXPECT_EQ(outcome(source, chat["messages"], options_of(chat)), expected)
          << file << " with " << name;
      ++compared;
    }
  }
  EXPECT_GE(compared, 90);
}

TEST(ChatTemplate, EqualsJinja2OnEveryConstruct) {
  const OrderedJson snippets = data_json("snippets.json");
  const OrderedJson goldens = data_json("goldens.json");
  ASSERT_EQ(snippets["sources"].size(), goldens["snippets"].size());
  ChatTemplateOptions options;
  options.now = golden_time();
  options.extra = snippets["variables"].dump();
  for (std::size_t i = 0; i < snippets["sources"].size(); ++i) {
    const auto source = snippets["sources"][i].get<std::string>();
    EXPECT_EQ(outcome(source, OrderedJson::array(), options), goldens["snippets"][i]) << source;
  }
}

TEST(ChatTemplate, ErrorsNameLineAndColumn) {
  const auto message_of = [](std::string_view source) {
    try {
      render_snippet(source);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  EXPECT_THAT(message_of("ab\n{% if x %}\n  {{ y + }}\n{% endif %}"),
              HasSubstr("line 3, column 10: unexpected '}}'"));
  EXPECT_THAT(message_of("你好 {{ 1 / 0 }}"), HasSubstr("line 1, column 9: division by zero"));
  EXPECT_THAT(message_of("\n{% for a in b %}"), HasSubstr("'for' is not closed"));
  EXPECT_THAT(message_of("{{ a.b }}"), HasSubstr("'a' is undefined"));
  EXPECT_THAT(message_of("{{ {}.a.b }}"), HasSubstr("'dict object' has no attribute 'a'"));
  EXPECT_THAT(message_of("{{ raise_exception('roles must alternate') }}"),
              HasSubstr("the chat template refuses: roles must alternate"));
  EXPECT_THAT(message_of("{{ [1].append(2) }}"), HasSubstr("may not change a 'list'"));
  EXPECT_THAT(message_of("{% include 'x' %}"), HasSubstr("cannot use the tag 'include'"));
  EXPECT_THAT(message_of("{% set m %}{{ 1 + 'a' }}{% endset %}"),
              HasSubstr("line 1, column 17: unsupported operand types for +: 'int' and 'str'"));
}

TEST(ChatTemplate, LimitsEndInErrors) {
  const auto limited = [](std::string_view source) {
    return kind_of_failure(source) == ErrorKind::limit;
  };
  // Steps, output, work, recursion, value depth.
  EXPECT_TRUE(
      limited("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"));
  EXPECT_TRUE(limited("{% for a in range(9999) %}{{ 'x' * 9999 }}{% endfor %}"));
  EXPECT_TRUE(limited("{{ 'x' * 99999999999 }}"));
  EXPECT_TRUE(limited("{{ [1] * 9223372036854775807 }}"));
  EXPECT_TRUE(limited("{{ range(1000000000) }}"));
  EXPECT_TRUE(limited("{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}"));
  EXPECT_TRUE(
      limited("{% set n = namespace(x=[]) %}{% for i in range(1000) %}"
              "{% set n.x = [n.x] %}{% endfor %}"));
  // Shared parts make a value whose text is exponential.
  EXPECT_TRUE(
      limited("{% set n = namespace(x=[1]) %}{% for i in range(60) %}"
              "{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x }}"));
  EXPECT_TRUE(
      limited("{% set n = namespace(x=[1]) %}{% for i in range(60) %}"
              "{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x | tojson }}"));
  EXPECT_TRUE(
      limited("{% set n = namespace(x=[1], y=[1]) %}{% for i in range(60) %}"
              "{% set n.x = [n.x, n.x] %}{% set n.y = [n.y, n.y] %}{% endfor %}"
              "{{ n.x == n.y }}"));
  EXPECT_TRUE(limited("{% set n = namespace() %}{% set n.n = n %}{{ n }}"));
  EXPECT_TRUE(limited("{{ '%1000000d' % 1 }}"));
  // Nesting of the source.
  EXPECT_TRUE(limited("{{ " + std::string(60'000, '(') + "1" + std::string(60'000, ')') + " }}"));
  EXPECT_TRUE(limited("{{ " + std::string(60'000, '[') + std::string(60'000, ']') + " }}"));
  EXPECT_TRUE(limited("{{ " + std::string(60'000, '-') + "1 }}"));
  std::string deep;
  for (int i = 0; i < 5'000; ++i) deep += "{% if 1 %}";
  EXPECT_TRUE(limited(deep));
  std::string chain = "{{ 1";
  for (int i = 0; i < 50'000; ++i) chain += "+1";
  EXPECT_TRUE(limited(chain + " }}"));
  std::string path = "{{ a";
  for (int i = 0; i < 50'000; ++i) path += ".a";
  EXPECT_TRUE(limited(path + " }}"));
  std::string nots = "{{ ";
  for (int i = 0; i < 50'000; ++i) nots += "not ";
  EXPECT_TRUE(limited(nots + "1 }}"));
  EXPECT_TRUE(limited(std::string(2 << 20, 'x')));
}

TEST(ChatTemplate, ReachesNothingOutside) {
  for (const char* source :
       {"{{ ''.__class__.__mro__ }}", "{{ self.__init__.__globals__ }}",
        "{{ messages.__class__.__base__.__subclasses__() }}", "{{ cycler.__init__ }}",
        "{{ lipsum.__globals__.os.popen('id').read() }}", "{{ raise_exception.__globals__['os'] }}",
        "{% set n = namespace(_x=1) %}"}) {
    EXPECT_EQ(kind_of_failure(source), ErrorKind::bad_input) << source;
  }
  EXPECT_EQ(render_snippet("{{ ''.__class__ }}{{ ''['__class__'] }}{{ ''|attr('__class__') }}"),
            "");
}

TEST(ChatTemplate, PreparesMessagesAsTransformersDoes) {
  const ChatTemplate shown("{{ messages | tojson }}");
  EXPECT_EQ(shown.render_json(R"([{"role":"assistant","content":null,"tool_calls":[
      {"function":{"name":"f","arguments":"{\"z\": 1, \"a\": [2]}"}},
      {"function":{"name":"g","arguments":"no json"}}]}])"),
            R"([{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": )"
            R"({"z": 1, "a": [2]}}}, {"function": {"name": "g", "arguments": "no json"}}]}])");
  EXPECT_EQ(
      shown.render_json(R"([{"role":"assistant","reasoning":"r"}])"),
      R"([{"role": "assistant", "reasoning": "r", "thinking": "r", "reasoning_content": "r"}])");
  EXPECT_THROW(shown.render_json(R"({"role":"user"})"), Error);
  EXPECT_THROW(shown.render_json(R"(["hi"])"), Error);
  EXPECT_THROW(shown.render_json("[{]"), Error);
}

TEST(ChatTemplate, TellsWhatTheAssistantSaid) {
  const ChatTemplate marked(
      "{% for m in messages %}{% if m.role == 'user' %}U:{{ m.content }};{% else %}"
      "A:{% generation %}{{ m.content }}{% endgeneration %};{% endif %}{% endfor %}");
  const RenderedChat chat = marked.render_chat(parse_ordered_json(
      R"([{"role":"user","content":"hi"},{"role":"assistant","content":"你好"}])", "test"));
  EXPECT_EQ(chat.text, "U:hi;A:你好;");
  ASSERT_EQ(chat.generated.size(), 1u);
  const auto [begin, end] = chat.generated[0];
  EXPECT_EQ(chat.text.substr(begin, end - begin), "你好");
}

TEST(ChatTemplate, KnowsTheVariablesItReads) {
  const ChatTemplate source("{% macro f() %}{{ tools }}{% endmacro %}{{ enable_thinking }}");
  EXPECT_TRUE(source.reads("tools"));
  EXPECT_TRUE(source.reads("enable_thinking"));
  EXPECT_FALSE(source.reads("documents"));
}

TEST(ChatTemplate, RendersOnManyThreadsAtOnce) {
  const ChatTemplate source(data_file("qwen2.5-coder.jinja"));
  const OrderedJson chat = data_json("chats.json")["tool_calls"];
  const std::string expected = source.render(chat["messages"], options_of(chat));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(source.render(chat["messages"], options_of(chat)), expected);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(FallbackChatTemplate, WritesEachFamilysFormat) {
  const std::string messages = R"([{"role":"system","content":"S"},{"role":"user","content":"U"},
      {"role":"assistant","content":"A"},
      {"role":"user","content":[{"type":"text","text":"V"},{"type":"image"}]}])";
  ChatTemplateOptions options;
  options.bos_token = "<s>";
  options.eos_token = "</s>";
  const auto text = [&](std::string_view name) {
    return ChatTemplate(fallback_chat_template(name)).render_json(messages, options);
  };
  EXPECT_EQ(text("chatml"),
            "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n"
            "<|im_start|>assistant\nA<|im_end|>\n<|im_start|>user\nV<|im_end|>\n"
            "<|im_start|>assistant\n");
  EXPECT_EQ(text("llama3"),
            "<s><|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nU<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\nA<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nV<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n");
  EXPECT_EQ(text("llama2"),
            "<s>[INST] <<SYS>>\nS\n<</SYS>>\n\nU [/INST] A </s><s>[INST] V [/INST]");
  EXPECT_EQ(text("mistral"), "<s>[INST] S\n\nU [/INST] A</s>[INST] V [/INST]");
  EXPECT_EQ(text("gemma"),
            "<s><start_of_turn>user\nS\n\nU<end_of_turn>\n<start_of_turn>model\nA<end_of_turn>\n"
            "<start_of_turn>user\nV<end_of_turn>\n<start_of_turn>model\n");
  EXPECT_EQ(text("phi3"),
            "<|system|>\nS<|end|>\n<|user|>\nU<|end|>\n<|assistant|>\nA<|end|>\n"
            "<|user|>\nV<|end|>\n<|assistant|>\n");
  EXPECT_EQ(text("plain"), "system: S\nuser: U\nassistant: A\nuser: V\nassistant:");
  EXPECT_THROW(fallback_chat_template("nobody"), Error);
  for (const std::string_view name : fallback_chat_template_names()) {
    EXPECT_NO_THROW(ChatTemplate(fallback_chat_template(name)).render_json("[]", options)) << name;
  }
}

TEST(FallbackChatTemplate, IsGuessedFromSpecialTokens) {
  const auto guess = [](std::string_view only) {
    return guess_chat_template("llama", [&](std::string_view token) { return token == only; });
  };
  EXPECT_EQ(guess("<|im_start|>"), fallback_chat_template("chatml"));
  EXPECT_EQ(guess("<start_of_turn>"), fallback_chat_template("gemma"));
  EXPECT_EQ(guess("<|start_header_id|>"), fallback_chat_template("llama3"));
  EXPECT_EQ(guess(""), fallback_chat_template("plain"));
}

}  // namespace
}  // namespace jielong
