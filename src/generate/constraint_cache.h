#pragma once

#include "generate/chat_prompt.h"
#include "generate/chat_request.h"
#include "generate/constraint/constraint.h"
#include "generate/model_pool.h"

namespace jielong {

/// The constraint on a request's chains (see answer_constraint), continued behind the given
/// beginning of the answer. The vocabulary's trie and the latest constraints, with the masks
/// they have computed, are kept as long as the model is loaded. Thread-safe.
MakeConstraint constraint_of(LoadedModel& model, const ChatRequest& request,
                             const ChatPrompt& prompt);

}  // namespace jielong
