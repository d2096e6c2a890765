#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "base/json.h"
#include "generate/chat_request.h"
#include "serve/limits.h"
#include "serve/request_fields.h"

namespace jielong::serve {

// The parts that Ollama's endpoints have in common. Each throws Error(bad_input | unsupported |
// limit) that names the field. Format: Ollama's API, docs/api.md.

/// "options": how the answer is drawn. `seed` stays as it is unless one is given that is not
/// negative.
void read_ollama_options(RequestFields& parent, const Limits& limits, GenerateOptions& options);

/// "format": "json" or a JSON Schema.
void read_ollama_format(RequestFields& parent, const Limits& limits, AnswerShape& shape);

/// "think": true, false, or how much. Sets template variables.
/// @return whether thoughts are shown
bool read_ollama_think(RequestFields& parent, ChatRequest& request);

/// "keep_alive", how long a model stays loaded after its last use; negative means for ever.
std::optional<std::chrono::milliseconds> read_ollama_keep_alive(RequestFields& parent);

/// "5m", "1h30m", "-1", "300ms" in seconds, as Go writes durations; a bare number is seconds.
std::optional<double> parse_duration(std::string_view text);

}  // namespace jielong::serve
