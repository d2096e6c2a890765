#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "cli/console.h"
#include "generate/generator.h"
#include "token/tokenizer.h"

namespace jielong::cli {

/// Shows an answer while it grows: as text, as drawn dice, or in silence for JSON.
class AnswerView {
 public:
  /// @param chains of one, the text is streamed; several are shown when they are finished
  /// @param before what the answer continues, heading the first drawing of dice
  AnswerView(Console& console, const Tokenizer& tokenizer, std::int64_t chains, std::string before);

  OnToken on_token();
  /// Prints what is left to print once the result is there.
  void finish(const GenerateResult& result);

  /// The dice of each chain's tokens, as JSON, gathered for --json --show-dice.
  const std::vector<OrderedJson>& dice() const { return dice_; }

 private:
  void draw(const TokenEvent& event);
  /// What a model says must not steer the terminal.
  std::string shown(std::string_view text) const;

  Console& console_;
  const Tokenizer& tokenizer_;
  std::int64_t chains_;
  std::vector<std::string> texts_;  // of each chain, for the drawing's heading
  std::vector<OrderedJson> dice_;
  bool drew_ = false;
};

/// A whole result with its figures as JSON.
OrderedJson result_to_json(const GenerateResult& result, const Tokenizer& tokenizer,
                           const std::vector<OrderedJson>& dice);

/// "12 tokens, 130.4 tokens/s; prompt 31 tokens (20 reused), 900 tokens/s; …"
std::string describe(const GenerateStats& stats);

}  // namespace jielong::cli
