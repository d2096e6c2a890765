#pragma once

#include <string_view>

#include "base/json.h"

namespace jielong {

/// The conversation for a template that knows no tools: they are described in the system
/// message, and earlier calls and their results are written out as text, in the hermes form.
/// @param messages a list in OpenAI's form; what is not is left as it is
/// @param tools    a JSON list of function tools; empty: only calls and results are written out
OrderedJson write_out_tools(const OrderedJson& messages, std::string_view tools);

/// The conversation with its system messages as the beginning of the first user message, for
/// templates that refuse the role.
OrderedJson merge_system_messages(const OrderedJson& messages);

}  // namespace jielong
