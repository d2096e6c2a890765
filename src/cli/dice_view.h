#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "cli/console.h"
#include "generate/sampler_chain.h"

namespace jielong::cli {

/// A table of one throw of the dice: a row for each candidate, a column for each step from
/// the model's own distribution to the one the dice saw, bars at both ends.
/// @param before what the chain ends with so far, shown as the heading
std::string draw_dice(const DiceTrace& trace, const PieceOf& piece_of, std::string_view before,
                      const Console& console);

/// The same as data.
OrderedJson dice_to_json(const DiceTrace& trace, const PieceOf& piece_of);

}  // namespace jielong::cli
