#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "model/model_runner.h"

namespace jielong {

struct EmbedOptions {
  /// How the tokens' vectors become one; none: as the model says, mean when it says nothing.
  std::optional<Hyperparameters::Pooling> pooling;
  bool normalize = true;  ///< to length 1
};

/// The vector of a text, (channels). Throws Error(limit) when the text has more tokens than
/// the context, Error(bad_input) when it has none.
std::vector<float> embed(ModelRunner& runner, std::string_view text,
                         const EmbedOptions& options = {});
/// The same for a text given as tokens, those around it included.
std::vector<float> embed(ModelRunner& runner, std::span<const Token> tokens,
                         const EmbedOptions& options = {});

}  // namespace jielong
