#include "cli/answer.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "cli/dice_view.h"
#include "cli/text_width.h"

namespace jielong::cli {

AnswerView::AnswerView(Console& console, const Tokenizer& tokenizer, std::int64_t chains,
                       std::string before)
    : console_(console),
      tokenizer_(tokenizer),
      chains_(chains),
      texts_(static_cast<std::size_t>(chains), before),
      dice_(static_cast<std::size_t>(chains), OrderedJson::array()) {}

OnToken AnswerView::on_token() {
  return [this](const TokenEvent& event) {
    const auto chain = static_cast<std::size_t>(event.chain);
    if (event.trace != nullptr) draw(event);
    texts_[chain] += event.text;
    if (chains_ == 1 && event.trace == nullptr && !console_.json && !drew_) {
      console_.print(shown(event.text));
      console_.flush();
    }
    return true;
  };
}

std::string AnswerView::shown(std::string_view text) const {
  return console_.out_is_terminal() ? harmless(text) : std::string(text);
}

void AnswerView::draw(const TokenEvent& event) {
  const auto chain = static_cast<std::size_t>(event.chain);
  const PieceOf piece = [this](Token token) { return tokenizer_.bytes(token); };
  if (console_.json) {
    dice_[chain].push_back(dice_to_json(*event.trace, piece));
    return;
  }
  drew_ = true;
  const std::string which = chains_ > 1 ? fmt::format("[{}] ", event.chain + 1) : "";
  console_.print(which + draw_dice(*event.trace, piece, texts_[chain], console_) + "\n");
  console_.flush();
}

void AnswerView::finish(const GenerateResult& result) {
  if (console_.json) return;
  if (chains_ == 1 && !drew_) {
    console_.print("\n");
  } else {
    for (std::size_t i = 0; i < result.chains.size(); ++i) {
      if (chains_ > 1) {
        console_.print(console_.paint(Style::dim, fmt::format("[{}]", i + 1)) + " ");
      }
      console_.print(shown(result.chains[i].text) + "\n");
    }
  }
  console_.flush();
}

OrderedJson result_to_json(const GenerateResult& result, const Tokenizer& tokenizer,
                           const std::vector<OrderedJson>& dice) {
  OrderedJson answers = OrderedJson::array();
  for (std::size_t i = 0; i < result.chains.size(); ++i) {
    const ChainResult& chain = result.chains[i];
    OrderedJson answer{
        {"text", chain.text}, {"tokens", chain.tokens}, {"finish_reason", name(chain.finish)}};
    if (!chain.stopped_by.empty()) answer["stopped_by"] = chain.stopped_by;
    if (!chain.logprobs.empty()) {
      OrderedJson list = OrderedJson::array();
      for (std::size_t t = 0; t < chain.logprobs.size(); ++t) {
        OrderedJson top = OrderedJson::array();
        for (const TokenLogprob& entry : chain.top_logprobs[t]) {
          top.push_back({{"token", entry.token},
                         {"text", tokenizer.bytes(entry.token)},
                         {"logprob", entry.logprob}});
        }
        list.push_back({{"token", chain.tokens[t]},
                        {"text", tokenizer.bytes(chain.tokens[t])},
                        {"logprob", chain.logprobs[t]},
                        {"top", std::move(top)}});
      }
      answer["logprobs"] = std::move(list);
    }
    if (i < dice.size() && !dice[i].empty()) answer["dice"] = dice[i];
    answers.push_back(std::move(answer));
  }
  const GenerateStats& stats = result.stats;
  return {{"answers", std::move(answers)},
          {"stats",
           {{"prompt_tokens", stats.prompt_tokens},
            {"reused_tokens", stats.reused_tokens},
            {"generated_tokens", stats.generated_tokens},
            {"first_token_seconds", stats.first_token_seconds},
            {"prompt_tokens_per_second", stats.prompt_tokens_per_second()},
            {"tokens_per_second", stats.tokens_per_second()},
            {"drafted_tokens", stats.drafted_tokens},
            {"accepted_tokens", stats.accepted_tokens}}}};
}

std::string describe(const GenerateStats& stats) {
  std::string text = fmt::format("{} tokens", stats.generated_tokens);
  if (stats.decoded_tokens > 0) text += fmt::format(" at {:.1f}/s", stats.tokens_per_second());
  text += fmt::format("; prompt {} tokens", stats.prompt_tokens);
  if (stats.reused_tokens > 0) text += fmt::format(" ({} reused)", stats.reused_tokens);
  text += fmt::format(" at {:.0f}/s; first token after {:.0f} ms", stats.prompt_tokens_per_second(),
                      stats.first_token_seconds * 1000);
  if (stats.drafted_tokens > 0) {
    text += fmt::format("; {} of {} drafted tokens accepted ({:.0f}%)", stats.accepted_tokens,
                        stats.drafted_tokens, stats.acceptance() * 100);
  }
  return text;
}

}  // namespace jielong::cli
