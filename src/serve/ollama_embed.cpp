#include "serve/ollama_embed.h"

#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "generate/embedding.h"
#include "serve/model_names.h"
#include "serve/ollama_options.h"
#include "serve/ollama_request.h"
#include "serve/request_fields.h"

namespace jielong::serve {
namespace {

using Clock = std::chrono::steady_clock;

/// A text's tokens, cut to the context when the request allows it.
std::vector<Token> tokens_of(LoadedModel& loaded, const std::string& text, bool truncate,
                             const std::string& where) {
  const Tokenizer& tokenizer = loaded.model().tokenizer();
  std::vector<Token> tokens = tokenizer.encode(text);
  const auto most = static_cast<std::size_t>(loaded.context_length());
  if (tokens.size() <= most) return tokens;
  if (!truncate) {
    throw Error(ErrorKind::limit,
                fmt::format("has {} tokens, more than the context's {}", tokens.size(), most),
                where, "set truncate to true, or send less");
  }
  // The token that closes a text, such as [SEP], stays.
  const Token last = tokens.back();
  const bool closed = tokenizer.vocabulary().is_special(last);
  tokens.resize(most);
  if (closed) tokens.back() = last;
  return tokens;
}

std::shared_ptr<LoadedModel> acquire(ServeContext& context, const std::string& requested,
                                     std::optional<std::chrono::milliseconds> keep_alive) {
  const std::string name = requested_model(context, requested);
  std::shared_ptr<LoadedModel> loaded = context.pool.acquire(name);
  if (keep_alive) context.pool.keep_alive(name, *keep_alive);
  return loaded;
}

/// Each text in a step of its own, so that running answers go on in between.
std::vector<float> vector_of(LoadedModel& loaded, const std::vector<Token>& tokens,
                             bool normalize) {
  std::vector<float> vector;
  loaded.scheduler().between_steps([&] {
    EmbedOptions options;
    options.normalize = normalize;
    vector = embed(loaded.runner(), tokens, options);
  });
  return vector;
}

}  // namespace

std::string ollama_embed(ServeContext& context, const OrderedJson& body) {
  const Clock::time_point began = Clock::now();
  RequestFields fields(body);
  const std::string model = read_ollama_model(fields);
  const auto texts =
      fields.texts("input", static_cast<std::size_t>(context.limits.embedding_inputs));
  if (!texts) throw fields.missing("input");
  const bool truncate = fields.boolean("truncate").value_or(true);
  const auto dimensions = fields.integer("dimensions", 0, 1 << 20);
  const auto keep_alive = read_ollama_keep_alive(fields);
  GenerateOptions unused;
  read_ollama_options(fields, context.limits, unused);
  fields.finish();
  const std::shared_ptr<LoadedModel> loaded = acquire(context, model, keep_alive);
  const std::int64_t channels = loaded->model().hyper().channels;
  if (dimensions && *dimensions != 0 && *dimensions != channels) {
    throw Error(ErrorKind::unsupported,
                fmt::format("vectors of this model have {} numbers", channels), "dimensions",
                "leave it out");
  }
  const std::chrono::nanoseconds loading = Clock::now() - began;
  std::int64_t prompt_tokens = 0;
  OrderedJson vectors = OrderedJson::array();
  for (std::size_t i = 0; i < texts->size(); ++i) {
    const std::vector<Token> tokens =
        tokens_of(*loaded, (*texts)[i], truncate, fmt::format("input[{}]", i));
    prompt_tokens += static_cast<std::int64_t>(tokens.size());
    vectors.push_back(vector_of(*loaded, tokens, true));
  }
  const std::chrono::nanoseconds total = Clock::now() - began;
  const OrderedJson answer{{"model", model},
                           {"embeddings", std::move(vectors)},
                           {"total_duration", total.count()},
                           {"load_duration", loading.count()},
                           {"prompt_eval_count", prompt_tokens}};
  return dump(answer);
}

std::string ollama_embeddings(ServeContext& context, const OrderedJson& body) {
  RequestFields fields(body);
  const std::string model = read_ollama_model(fields);
  const std::string prompt = fields.text("prompt").value_or("");
  const auto keep_alive = read_ollama_keep_alive(fields);
  GenerateOptions unused;
  read_ollama_options(fields, context.limits, unused);
  fields.finish();
  const std::shared_ptr<LoadedModel> loaded = acquire(context, model, keep_alive);
  OrderedJson vector = OrderedJson::array();
  if (!prompt.empty()) {
    vector = vector_of(*loaded, tokens_of(*loaded, prompt, true, "prompt"), false);
  }
  return dump({{"embedding", std::move(vector)}});
}

}  // namespace jielong::serve
