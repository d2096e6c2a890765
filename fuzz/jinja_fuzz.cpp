// Chat templates come from model files: whatever they hold, parsing and rendering must end
// in text or in an Error. The part before a line "----" is the template, the rest messages.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "model/template/budget.h"
#include "model/template/interpreter.h"
#include "model/template/parser.h"

#include <nlohmann/json.hpp>

#include "base/utf8.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace jielong;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  std::string_view messages =
      R"([{"role":"system","content":"S"},{"role":"user","content":"U é","n":[1,2.5,{"k":null}]}])";
  if (const std::size_t cut = input.find("\n----\n"); cut != input.npos) {
    messages = input.substr(cut + 6);
    input = input.substr(0, cut);
  }
  // Smaller than the product's limits, so that a slow input does not count as a hang.
  jinja::Limits limits;
  limits.steps = 20'000;
  limits.work_bytes = 4 << 20;
  limits.output_bytes = 1 << 20;
  try {
    const std::string source = jinja::normalize_source(sanitize_utf8(input));
    std::size_t failed_at = 0;
    const auto tokens = jinja::tokenize(source, &failed_at);
    const jinja::Block program = jinja::Parser(tokens).parse();
    jinja::Interpreter interpreter(limits, std::tm{});
    interpreter.set_global("messages",
                           jinja::Value::from_json(parse_ordered_json(messages, "messages"),
                                                   interpreter.runtime().budget));
    interpreter.run(program);
  } catch (const Error&) {
  }
  return 0;
}
