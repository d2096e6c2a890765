#include "cli/dice_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/utf8.h"
#include "cli/text_width.h"

namespace jielong::cli {
namespace {

constexpr int kPieceColumns = 14;
constexpr int kBarColumns = 16;
constexpr int kPercentColumns = 8;

/// A bar in eighths of a column; what is not zero is never invisible.
std::string bar(double share) {
  constexpr const char* kEighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  int eighths = static_cast<int>(std::lround(share * kBarColumns * 8));
  if (share > 0) eighths = std::max(eighths, 1);
  std::string out;
  for (int i = 0; i < eighths / 8; ++i) out += "█";
  out += kEighths[eighths % 8];
  return pad(out, kBarColumns);
}

std::string percent(double probability) {
  if (probability >= 0.9995) return "100%";
  if (probability >= 0.001) return fmt::format("{:.1f}%", probability * 100);
  return probability > 0 ? "<0.1%" : "0%";
}

const TokenProbability* find(const DiceStep& step, Token token) {
  for (const TokenProbability& entry : step.top) {
    if (entry.token == token) return &entry;
  }
  return nullptr;
}

/// The rows: the last step's candidates first, then those the samplers removed.
std::vector<Token> rows_of(const DiceTrace& trace) {
  std::vector<Token> rows;
  const std::size_t most = trace.steps.front().top.size();
  const auto add = [&](Token token) {
    if (std::find(rows.begin(), rows.end(), token) == rows.end()) rows.push_back(token);
  };
  for (const TokenProbability& entry : trace.steps.back().top) add(entry.token);
  for (const TokenProbability& entry : trace.steps.front().top) {
    if (rows.size() < most) add(entry.token);
  }
  add(trace.chosen.token);
  return rows;
}

/// The cell of a middle step. A token that a step does not list is removed if the step
/// lists all its survivors, and merely small otherwise.
std::string cell(const DiceStep& step, Token token) {
  if (const TokenProbability* entry = find(step, token)) return percent(entry->probability);
  return static_cast<std::int64_t>(step.top.size()) == step.survivors ? "×" : "·";
}

std::string right(const std::string& text, int columns) {
  const int space = std::max(0, columns - display_width(text));
  return std::string(static_cast<std::size_t>(space), ' ') + text;
}

/// The end of `text`, at most `columns` wide.
std::string tail(std::string_view text, int columns) {
  if (display_width(text) <= columns) return std::string(text);
  while (!text.empty() && display_width(text) > columns - 1) {
    text.remove_prefix(decode_utf8(text).length);
  }
  return "…" + std::string(text);
}

}  // namespace

std::string draw_dice(const DiceTrace& trace, const PieceOf& piece_of, std::string_view before,
                      const Console& console) {
  if (trace.steps.empty()) return {};
  const DiceStep& first = trace.steps.front();
  const DiceStep& last = trace.steps.back();
  const bool steps = trace.steps.size() > 1;
  const int fixed = 2 + kPieceColumns + (kBarColumns + kPercentColumns) * (steps ? 2 : 1) + 2;
  const int room = std::max(0, (console.columns() - fixed) / kPercentColumns);
  // Too many steps for the line: the first ones are left out of the picture.
  const auto middles = static_cast<int>(trace.steps.size()) - 2;
  const int skipped = std::max(0, middles - room);

  const std::string chosen = visible(piece_of(trace.chosen.token));
  std::string out = console.paint(Style::bold, tail(visible(before), 40)) + " → " +
                    console.paint(Style::green, chosen) + "\n";
  std::string heading = "  " + pad("", kPieceColumns) +
                        pad(fmt::format("{} ({})", first.description, first.survivors),
                            kBarColumns + kPercentColumns);
  for (int i = 1 + skipped; i + 1 < static_cast<int>(trace.steps.size()); ++i) {
    heading += right(fit(trace.steps[static_cast<std::size_t>(i)].sampler, kPercentColumns - 1),
                     kPercentColumns);
  }
  if (steps) {
    heading += "  " + fit(fmt::format("{} ({})", last.description, last.survivors),
                          kBarColumns + kPercentColumns);
  }
  out += console.paint(Style::dim, heading) + "\n";

  for (const Token token : rows_of(trace)) {
    const bool is_chosen = token == trace.chosen.token;
    const std::string piece = pad(visible(piece_of(token)), kPieceColumns);
    const TokenProbability* model = find(first, token);
    out += "  " + (is_chosen ? console.paint(Style::green, piece) : piece);
    out += console.paint(Style::blue, bar(model != nullptr ? model->probability : 0));
    out += right(cell(first, token), kPercentColumns);
    for (int i = 1 + skipped; i + 1 < static_cast<int>(trace.steps.size()); ++i) {
      out += right(cell(trace.steps[static_cast<std::size_t>(i)], token), kPercentColumns);
    }
    if (steps) {
      const TokenProbability* final = find(last, token);
      out += "  " + console.paint(is_chosen ? Style::green : Style::cyan,
                                  bar(final != nullptr ? final->probability : 0));
      out += right(cell(last, token), kPercentColumns);
    }
    out += is_chosen ? " ◀\n" : "\n";
  }
  return out;
}

OrderedJson dice_to_json(const DiceTrace& trace, const PieceOf& piece_of) {
  OrderedJson steps = OrderedJson::array();
  for (const DiceStep& step : trace.steps) {
    OrderedJson top = OrderedJson::array();
    for (const TokenProbability& entry : step.top) {
      top.push_back({{"token", entry.token},
                     {"text", piece_of(entry.token)},
                     {"probability", entry.probability}});
    }
    steps.push_back({{"sampler", step.sampler},
                     {"description", step.description},
                     {"survivors", step.survivors},
                     {"top", std::move(top)}});
  }
  return {{"chosen", trace.chosen.token},
          {"text", piece_of(trace.chosen.token)},
          {"probability", trace.chosen.probability},
          {"steps", std::move(steps)}};
}

}  // namespace jielong::cli
