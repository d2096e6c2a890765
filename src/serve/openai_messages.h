#pragma once

#include <string>

#include "base/json.h"
#include "serve/limits.h"

namespace jielong::serve {

/// Chat messages as chat templates take them: every content is text, developers are the system,
/// thoughts stand under reasoning_content. Throws as RequestFields does; what is no text
/// (pictures, sound, files) is Error(unsupported).
OrderedJson read_openai_messages(const OrderedJson& list, const std::string& path,
                                 const Limits& limits);

/// A text, or a list of text parts as one text with line breaks between them.
std::string read_openai_content(const OrderedJson& content, const std::string& path);

}  // namespace jielong::serve
