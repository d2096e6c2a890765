#pragma once

#include <cstdint>
#include <string>

#include "base/json.h"
#include "generate/chat_request.h"
#include "serve/limits.h"
#include "serve/request_fields.h"

namespace jielong::serve {

// The fields that OpenAI's endpoints share. Each throws as RequestFields does.

/// temperature, top_p, penalties, seed, stop, logit_bias, and Jielong's own: every sampler of
/// SamplerSettings (also by the names llama.cpp and vLLM give them), samplers, ignore_eos,
/// trace_top, answer_prefix.
void read_generation(RequestFields& fields, const Limits& limits, ChatRequest& request);

/// response_format, and Jielong's own: grammar (GBNF) and regex. At most one of them.
void read_response_format(RequestFields& fields, const Limits& limits, AnswerShape& shape);

/// {"type": "text" | "json_object" | "json_schema", …}; the schema stands under json_schema, or
/// in the object itself when `flat`.
AnswerShape read_format(const OrderedJson& format, const std::string& path, bool flat,
                        const Limits& limits);

/// tools, tool_choice and parallel_tool_calls; `flat` tools have their name and parameters
/// beside their type instead of under "function".
void read_tools(RequestFields& fields, bool flat, const Limits& limits, ChatRequest& request);

/// chat_template_kwargs, with the reasoning effort as templates know it.
void read_template_variables(RequestFields& fields, const std::string& effort,
                             ChatRequest& request);

/// "none", "minimal", "low", "medium", "high" or "xhigh" under `name`; empty when absent.
std::string read_effort(RequestFields& fields, std::string_view name);

/// Throws Error(limit) for a schema or grammar of too many bytes.
void check_grammar_size(const std::string& source, const std::string& path, const Limits& limits);

/// A list of token numbers.
std::vector<Token> read_token_list(const OrderedJson& list, const std::string& path);

}  // namespace jielong::serve
