#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <utility>

#include "evaluate/experiment_result.h"
#include "evaluate/task.h"
#include "train/chart.h"

namespace jielong {
namespace {

// In units of the SVG's view box.
constexpr double kWidth = 720, kRowHeight = 22, kTop = 44, kBottom = 16, kCharacter = 7.2;
constexpr double kLongestLabel = 300, kRoomForValue = 170;

/// One bar: its value and the range of its seeds.
struct Bar {
  std::string label;
  std::size_t series = 0;
  ExperimentValue value;
};

std::optional<double> number_of(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Bars that lie, each with its name before and its number behind it, so that there is no axis to
/// read.
std::string draw_bars(const ExperimentChart& chart, const std::vector<Bar>& bars,
                      const std::vector<std::string>& series) {
  double most = 0, longest = 0;
  for (const Bar& bar : bars) {
    most = std::max({most, bar.value.high, bar.value.mean});
    longest = std::max(longest, kCharacter * static_cast<double>(bar.label.size()));
  }
  const double left = std::min(longest, kLongestLabel) + 12;
  const double scale = most > 0 ? (kWidth - left - kRoomForValue) / most : 0;
  const double height = kTop + kBottom + kRowHeight * static_cast<double>(bars.size());
  std::string body, told;
  double legend = left;
  for (std::size_t i = 0; i < series.size() && series.size() > 1; ++i) {
    body += fmt::format(
        "<rect class=\"bar c{}\" x=\"{:.1f}\" y=\"26\" width=\"12\" height=\"10\"/>"
        "<text class=\"key\" x=\"{:.1f}\" y=\"35\">{}</text>",
        i, legend, legend + 18, escape_markup(series[i]));
    legend += 36 + kCharacter * static_cast<double>(series[i].size());
  }
  double y = kTop;
  for (const Bar& bar : bars) {
    const double end = left + scale * bar.value.mean, middle = y + kRowHeight / 2;
    const std::string shown = show_quantity(bar.value.mean, bar.value.unit);
    body += fmt::format(
        "<text class=\"key end\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>"
        "<rect class=\"bar c{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{}\"/>",
        left - 8, middle + 4, escape_markup(bar.label), bar.series, left, y + 3,
        std::max(end - left, 1.0), kRowHeight - 6);
    double behind = end;
    if (bar.value.high > bar.value.low) {
      const double low = left + scale * bar.value.low;
      behind = std::max(end, left + scale * bar.value.high);
      body +=
          fmt::format("<path class=\"range\" d=\"M{:.1f} {:.1f}H{:.1f}\"/>", low, middle, behind);
    }
    body += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\">{}</text>", behind + 8, middle + 4,
                        escape_markup(shown));
    told += fmt::format("{}: {}. ", bar.label, shown);
    y += kRowHeight;
  }
  return fmt::format(
      "<svg class=\"chart\" viewBox=\"0 0 {} {}\" role=\"img\" aria-labelledby=\"bars-title "
      "bars-text\"><title id=\"bars-title\">{}</title><desc id=\"bars-text\">{}</desc>"
      "<text class=\"label\" x=\"8\" y=\"16\">{}</text>{}</svg>",
      kWidth, height, escape_markup(chart.title), escape_markup(told), escape_markup(chart.y_label),
      body);
}

/// An SVG element as a file: with its namespace, colours for both schemes, and a background.
std::string standalone(std::string element) {
  const std::string begin = "<svg ";
  element.replace(0, begin.size(), "<svg xmlns=\"http://www.w3.org/2000/svg\" ");
  const std::string style = fmt::format(
      "<style>\n"
      ".chart {{ --ink: #1b1f24; --soft: #57606a; --line: #d8dee4; --surface: #ffffff;\n"
      "  --c0: #0969da; --c1: #bc4c00; --c2: #1a7f37; --c3: #8250df; --c4: #bf3989; --c5: "
      "#6e7781;\n"
      "  background: var(--surface); font-family: system-ui, sans-serif; }}\n"
      "@media (prefers-color-scheme: dark) {{ .chart {{ --ink: #e6edf3; --soft: #9198a1;\n"
      "  --line: #30363d; --surface: #0d1117; --c0: #58a6ff; --c1: #f0883e; --c2: #3fb950;\n"
      "  --c3: #bc8cff; --c4: #f778ba; --c5: #9198a1; }} }}\n"
      "{}"
      ".chart .c3 {{ stroke: var(--c3); }} .chart .c4 {{ stroke: var(--c4); }}\n"
      ".chart .c5 {{ stroke: var(--c5); }}\n"
      ".chart .dots.c3, .chart .bar.c3 {{ fill: var(--c3); }}\n"
      ".chart .dots.c4, .chart .bar.c4 {{ fill: var(--c4); }}\n"
      ".chart .dots.c5, .chart .bar.c5 {{ fill: var(--c5); }}\n"
      ".chart .bar.c0 {{ fill: var(--c0); }} .chart .bar.c1 {{ fill: var(--c1); }}\n"
      ".chart .bar.c2 {{ fill: var(--c2); }} .chart .bar {{ stroke: none; }}\n"
      ".chart .range {{ stroke: var(--ink); stroke-width: 1.5; }}\n"
      "</style>",
      chart_style());
  return element.insert(element.find('>') + 1, style) + "\n";
}

constexpr std::size_t kColors = 6;

}  // namespace

std::string ExperimentResult::svg() const {
  const ExperimentChart& spec = experiment_->chart;
  std::vector<std::string> series;
  const auto number_of_series = [&](const std::string& name) {
    const auto found = std::find(series.begin(), series.end(), name);
    if (found != series.end()) return static_cast<std::size_t>(found - series.begin());
    series.push_back(name);
    return series.size() - 1;
  };
  if (spec.kind == ExperimentChart::Kind::bars) {
    std::vector<Bar> bars;
    for (const ExperimentVariant& variant : experiment_->variants) {
      std::vector<std::string> places{std::string()};
      if (spec.by_group) places = groups(variant.name, spec.quantity);
      for (const std::string& group : places) {
        const auto found = value(variant.name, spec.quantity, group);
        if (!found) continue;
        bars.push_back({spec.by_group ? group : variant.label,
                        number_of_series(variant.series) % kColors, *found});
      }
    }
    if (spec.by_group) {
      std::stable_sort(bars.begin(), bars.end(),
                       [](const Bar& a, const Bar& b) { return group_before(a.label, b.label); });
    }
    // Where every bar has a series of its own, its label says all.
    if (series.size() == bars.size()) {
      for (Bar& bar : bars) bar.series = 0;
      series.clear();
    }
    return standalone(draw_bars(spec, bars, series));
  }

  std::vector<std::map<double, std::pair<double, std::int64_t>>> lines;  // x → sum, count
  for (const ExperimentVariant& variant : experiment_->variants) {
    const auto add = [&](std::optional<double> x, const std::string& group) {
      const auto found = value(variant.name, spec.quantity, group);
      if (!x || !found) return;
      const std::size_t number = number_of_series(variant.series);
      if (number == lines.size()) lines.emplace_back();
      auto& [sum, count] = lines[number][*x];
      sum += found->mean;
      ++count;
    };
    if (!spec.by_group) add(variant.x, {});
    for (const std::string& group : groups(variant.name, spec.quantity)) {
      if (spec.by_group) add(number_of(group), group);
    }
  }
  Chart chart;
  chart.id = "experiment";
  chart.title = spec.title;
  // Beside the legend there is no room for it.
  chart.x_label = spec.y_label.empty() ? spec.x_label : spec.y_label + " by " + spec.x_label;
  chart.from_zero = true;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    ChartSeries line;
    line.name = series[i];
    line.color = static_cast<int>(i % kColors);
    chart.description += series[i] + ":";
    for (const auto& [x, sum] : lines[i]) {
      line.x.push_back(x);
      line.y.push_back(sum.first / static_cast<double>(sum.second));
      chart.description += fmt::format(" {} at {},", short_number(line.y.back()), short_number(x));
    }
    chart.description.back() = '.';
    chart.description += " ";
    chart.series.push_back(std::move(line));
  }
  return standalone(draw_chart(chart));
}

}  // namespace jielong
