// tokenizer.json: whatever the bytes, the reader accepts or throws Error, and what it accepts
// encodes and decodes. A text for the tokenizer may follow the JSON behind a NUL.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "token/tokenizer_json.h"

namespace {

constexpr std::string_view kText =
    "Hello, don't  \n\t 12345 \xE6\x8E\xA5\xE9\xBE\x8D e\xCC\x81 \xF0\x9F\x91\xA9\xE2\x80\x8D"
    "\xF0\x9F\x92\xBB <s> \xFF\xC3 ab";

void use(const jielong::Tokenizer& tokenizer, std::string_view text) {
  try {
    for (const bool special : {false, true}) {
      const auto tokens =
          tokenizer.encode(text, {.add_special = special, .parse_special = special});
      (void)tokenizer.decode(tokens, {.skip_special = !special, .clean_up = special});
      jielong::Detokenizer stream(tokenizer, special);
      for (const jielong::Token token : tokens) (void)stream.push(token);
      (void)stream.finish();
    }
  } catch (const jielong::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t end = input.find('\0');
  try {
    const auto tokenizer = jielong::tokenizer_from_json(input.substr(0, end));
    use(*tokenizer, kText);
    if (end != std::string_view::npos) use(*tokenizer, input.substr(end + 1));
  } catch (const jielong::Error&) {
  }
  return 0;
}
