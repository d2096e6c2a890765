// Request bodies come from anybody: whatever they hold, reading one must end in a request
// within the limits, or in an Error. The first byte chooses the endpoint.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/error.h"
#include "base/json.h"
#include "serve/anthropic_request.h"
#include "serve/limits.h"
#include "serve/ollama_request.h"
#include "serve/openai_chat.h"
#include "serve/openai_completion.h"
#include "serve/openai_embeddings.h"
#include "serve/openai_responses.h"
#include "serve/openai_tokenize.h"

namespace {

using namespace jielong;
using namespace jielong::serve;

void require(bool holds) {
  if (!holds) std::abort();
}

/// What every endpoint promises of the request it makes.
void check_chat(const ChatRequest& chat, const Limits& limits) {
  const GenerateOptions& options = chat.options;
  require(chat.n >= 1 && chat.n <= limits.choices);
  require(options.max_tokens >= -1 && options.max_tokens <= limits.max_tokens);
  require(options.stop.size() <= static_cast<std::size_t>(limits.stop_strings));
  for (const std::string& stop : options.stop) {
    require(!stop.empty() && stop.size() <= static_cast<std::size_t>(limits.stop_bytes));
  }
  require(options.logprobs <= limits.top_logprobs && options.trace_top <= limits.trace_top);
  require(chat.shape.source.size() <= static_cast<std::size_t>(limits.grammar_bytes));
  for (const auto& [token, bias] : options.sampling.logit_bias) require(token >= 0);
  check(options.sampling);
  for (const std::string* text : {&chat.messages, &chat.tools, &chat.template_variables}) {
    if (!text->empty()) parse_ordered_json(*text, "made by ourselves", 1000);
  }
}

void read(char endpoint, const OrderedJson& body) {
  const Limits limits;
  switch (endpoint) {
    case 'c': check_chat(read_openai_chat(body, limits).chat, limits); break;
    case 'p':
      for (const ChatRequest& chat : read_openai_completion(body, limits).chats) {
        check_chat(chat, limits);
      }
      break;
    case 'e':
      require(read_openai_embeddings(body, limits).inputs.size() <=
              static_cast<std::size_t>(limits.embedding_inputs));
      break;
    case 'r': check_chat(read_openai_response(body, limits, ResponseStore()).chat, limits); break;
    case 't': read_tokenize(body, limits); break;
    case 'd': read_detokenize(body, limits); break;
    case 'a': check_chat(read_anthropic_request(body, limits).chat, limits); break;
    case 'n': check_chat(read_anthropic_count(body, limits).chat, limits); break;
    case 'o': check_chat(read_ollama_chat(body, limits, 1).chat, limits); break;
    case 'g': check_chat(read_ollama_generate(body, limits, 1).chat, limits); break;
    default: break;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  OrderedJson body;
  try {
    body = parse_ordered_json(text, "request body", 64);
  } catch (const Error&) {
    return 0;
  }
  try {
    read(static_cast<char>(data[0]), body);
  } catch (const Error&) {
  }
  return 0;
}
