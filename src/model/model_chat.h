#pragma once

#include "model/chat_template.h"
#include "model/model.h"

namespace jielong {

/// The chat template that came with the model, or else the one that suits its architecture
/// and its control tokens. Throws Error when the template cannot be read.
ChatTemplate chat_template_of(const Model& model);

/// Options with the model's own BOS and EOS tokens filled in.
ChatTemplateOptions chat_options_of(const Model& model);

}  // namespace jielong
