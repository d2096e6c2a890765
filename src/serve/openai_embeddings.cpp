#include "serve/openai_embeddings.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"
#include "serve/openai_fields.h"

namespace jielong::serve {

OpenAiEmbeddings read_openai_embeddings(const OrderedJson& body, const Limits& limits) {
  OpenAiEmbeddings request;
  RequestFields fields(body);
  request.model = fields.text("model", 1024).value_or("");
  const OrderedJson* input = fields.any("input");
  if (input == nullptr) throw fields.missing("input");
  const auto add = [&](const OrderedJson& entry, const std::string& path) {
    OpenAiEmbeddings::Input one;
    if (entry.is_string()) one.text = entry.get<std::string>();
    if (entry.is_array()) one.tokens = read_token_list(entry, path);
    if (one.text.empty() && one.tokens.empty()) {
      throw bad_input("must be a text or a list of tokens, and not empty", path);
    }
    request.inputs.push_back(std::move(one));
  };
  if (input->is_array() && !input->empty() && !input->front().is_number()) {
    const auto most = static_cast<std::size_t>(limits.embedding_inputs);
    for (const OrderedJson& entry : *fields.list("input", most)) {
      add(entry, fmt::format("input[{}]", request.inputs.size()));
    }
  } else {
    add(*input, "input");
  }
  request.base64 = fields.choice("encoding_format", {"float", "base64"}).value_or(0) == 1;
  request.dimensions = fields.integer("dimensions", 1, 1 << 20).value_or(0);
  fields.ignore({"user"});
  fields.finish();
  return request;
}

}  // namespace jielong::serve
