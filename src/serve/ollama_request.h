#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "generate/chat_request.h"
#include "serve/limits.h"

namespace jielong::serve {

/// A body of POST /api/chat or /api/generate.
struct OllamaRequest {
  ChatRequest chat;
  bool stream = true;
  bool show_thinking = true;
  /// Nothing is asked: the model is only loaded, or with keep_alive 0 unloaded.
  bool load_only = false;
  std::optional<std::chrono::milliseconds> keep_alive;
  // Of /api/generate.
  std::string suffix;          ///< the text after the gap to fill
  std::vector<Token> context;  ///< of the conversation so far, as an earlier answer gave it
  bool raw = false;            ///< the prompt goes to the model as it is
};

/// Reads the body; the options' seed is left alone unless one is given. Throws Error(bad_input |
/// unsupported | limit) that names the field.
OllamaRequest read_ollama_chat(const OrderedJson& body, const Limits& limits, std::uint64_t seed);
OllamaRequest read_ollama_generate(const OrderedJson& body, const Limits& limits,
                                   std::uint64_t seed);

/// The model's name under "model", or "name" as older clients say. Throws when it is missing.
std::string read_ollama_model(class RequestFields& fields);

}  // namespace jielong::serve
