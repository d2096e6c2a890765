#pragma once

#include <functional>
#include <memory>

#include "generate/chat_prompt.h"
#include "generate/chat_request.h"
#include "generate/constraint/grammar.h"

namespace jielong {

/// The constraint that a request's shape and tool choice put on its answers; none: an empty
/// function.
///  - A shape binds the whole answer, or what follows the thoughts when the prompt opened them.
///  - Required calls are all there is in the answer, behind the thoughts.
///  - Calls that are merely possible bind from their mark on; with a shape, the answer is
///    either calls or of that shape.
/// @param trie of the model's tokenizer, asked for only when there is a constraint
/// Throws Error(bad_input | unsupported | limit) naming the schema's or the tool's part.
MakeConstraint answer_constraint(const ChatRequest& request, const ChatPrompt& prompt,
                                 const std::function<std::shared_ptr<const TokenTrie>()>& trie);

}  // namespace jielong
