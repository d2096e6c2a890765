#include "train/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/utf8.h"

namespace jielong {
namespace {

// In units of the SVG's view box.
constexpr double kWidth = 720, kHeight = 280;
constexpr double kLeft = 64, kRight = 16, kTop = 34, kBottom = 44;

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  void take(double value) {
    if (!std::isfinite(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  bool empty() const { return low > high; }
};

/// Steps of 1, 2 or 5 times a power of ten, so that about `wanted` of them fill the range.
double nice_step(double span, int wanted) {
  const double raw = span / wanted;
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (raw <= factor * power * (1 + 1e-9)) return factor * power;
  }
  return 10 * power;
}

/// A linear axis that ends on nice numbers.
class Axis {
 public:
  Axis(Range range, double from, double to, bool round_ends, int ticks) : from_(from), to_(to) {
    if (range.empty()) range = {0, 1};
    if (range.high - range.low < 1e-12 * std::max(1.0, std::abs(range.high))) {
      const double room = range.high == 0 ? 1 : std::abs(range.high) * 0.1;
      range.low -= range.low == 0 ? 0 : room;
      range.high += room;
    }
    step_ = nice_step(range.high - range.low, ticks);
    low_ = round_ends ? std::floor(range.low / step_ + 1e-9) * step_ : range.low;
    high_ = round_ends ? std::ceil(range.high / step_ - 1e-9) * step_ : range.high;
  }

  double place(double value) const {
    return from_ + (to_ - from_) * (value - low_) / (high_ - low_);
  }

  std::vector<double> ticks() const {
    std::vector<double> ticks;
    for (double at = std::ceil(low_ / step_ - 1e-9); at * step_ <= high_ + step_ * 1e-9; ++at) {
      ticks.push_back(at * step_);
    }
    return ticks;
  }

 private:
  double from_, to_, low_ = 0, high_ = 1, step_ = 1;
};

std::string drawn(const ChartSeries& series, const Axis& x, const Axis& y) {
  std::string path;
  bool pen_down = false;
  for (std::size_t i = 0; i < series.x.size(); ++i) {
    if (!std::isfinite(series.y[i])) {
      pen_down = false;
      continue;
    }
    const double px = x.place(series.x[i]), py = y.place(series.y[i]);
    if (series.look == ChartSeries::Look::dots) {
      path += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3.2\"/>", px, py);
      continue;
    }
    path += fmt::format("{}{:.1f} {:.1f}", pen_down ? "L" : "M", px, py);
    pen_down = true;
  }
  if (path.empty()) return {};
  switch (series.look) {
    case ChartSeries::Look::dots:
      return fmt::format("<g class=\"dots c{}\">{}</g>", series.color, path);
    case ChartSeries::Look::faint:
      return fmt::format("<path class=\"line faint c{}\" d=\"{}\"/>", series.color, path);
    case ChartSeries::Look::line: break;
  }
  return fmt::format("<path class=\"line c{}\" d=\"{}\"/>", series.color, path);
}

/// The series' names above the plot, each behind a sample of its look.
std::string legend(const std::vector<ChartSeries>& all) {
  std::string text;
  double at = kLeft;
  for (const ChartSeries& one : all) {
    if (one.name.empty()) continue;
    const ChartSeries sample{"", one.look, one.color, {0, 1}, {0, 0}};
    const Axis x({0, 1}, at, at + 18, false, 1), y({0, 1}, 16, 16, false, 1);
    text += drawn(sample, x, y);
    text += fmt::format("<text class=\"key\" x=\"{:.1f}\" y=\"20\">{}</text>", at + 26,
                        escape_markup(one.name));
    at += 48 + 7.2 * static_cast<double>(one.name.size());
  }
  return text;
}

}  // namespace

std::string short_number(double value) {
  if (!std::isfinite(value)) return "–";
  if (value == 0) return "0";  // also where it is -0
  const double size = std::abs(value);
  for (const auto& [unit, letter] : {std::pair{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}}) {
    if (size >= unit * 0.9995) return fmt::format("{:.3g}{}", value / unit, letter);
  }
  if (size != 0 && size < 1e-3) return fmt::format("{:.2g}", value);
  return fmt::format("{:.3g}", value);
}

std::string escape_markup(std::string_view text) {
  std::string escaped;
  for (const char c : sanitize_utf8(text)) {
    const auto byte = static_cast<unsigned char>(c);
    switch (c) {
      case '&': escaped += "&amp;"; break;
      case '<': escaped += "&lt;"; break;
      case '>': escaped += "&gt;"; break;
      case '"': escaped += "&quot;"; break;
      case '\'': escaped += "&#39;"; break;
      default:
        if (byte >= 0x20 || c == '\n' || c == '\t') escaped += c;
    }
  }
  return escaped;
}

std::string draw_chart(const Chart& chart) {
  Range across, up;
  if (chart.from_zero) up.take(0);
  for (const ChartSeries& one : chart.series) {
    for (std::size_t i = 0; i < one.x.size(); ++i) {
      if (!std::isfinite(one.y[i])) continue;
      across.take(one.x[i]);
      up.take(one.y[i]);
    }
  }
  const Axis x(across, kLeft, kWidth - kRight, false, 7);
  const Axis y(up, kHeight - kBottom, kTop, true, 5);
  std::string body;
  for (const double tick : y.ticks()) {
    const double at = y.place(tick);
    body += fmt::format(
        "<path class=\"grid\" d=\"M{} {:.1f}H{}\"/>"
        "<text class=\"tick end\" x=\"{}\" y=\"{:.1f}\">{}</text>",
        kLeft, at, kWidth - kRight, kLeft - 8, at + 4, short_number(tick));
  }
  for (const double tick : x.ticks()) {
    body += fmt::format("<text class=\"tick middle\" x=\"{:.1f}\" y=\"{}\">{}</text>",
                        x.place(tick), kHeight - kBottom + 18, short_number(tick));
  }
  body += fmt::format("<text class=\"label end\" x=\"{}\" y=\"{}\">{}</text>", kWidth - kRight,
                      kHeight - 6, escape_markup(chart.x_label));
  body += fmt::format("<text class=\"label end\" x=\"{}\" y=\"20\">{}</text>", kWidth - kRight,
                      escape_markup(chart.y_label));
  body += legend(chart.series);
  for (const ChartSeries& one : chart.series) body += drawn(one, x, y);
  if (across.empty()) {
    body += fmt::format("<text class=\"label middle\" x=\"{}\" y=\"{}\">nothing yet</text>",
                        kWidth / 2, kHeight / 2);
  }
  return fmt::format(
      "<svg class=\"chart\" viewBox=\"0 0 {} {}\" role=\"img\" aria-labelledby=\"{}-title "
      "{}-text\">"
      "<title id=\"{}-title\">{}</title><desc id=\"{}-text\">{}</desc>{}</svg>",
      kWidth, kHeight, chart.id, chart.id, chart.id, escape_markup(chart.title), chart.id,
      escape_markup(chart.description), body);
}

std::string_view chart_style() {
  return R"css(.chart { display: block; width: 100%; height: auto; }
.chart text { font-size: 12px; fill: var(--soft); }
.chart .key { fill: var(--ink); font-size: 13px; }
.chart .end { text-anchor: end; }
.chart .middle { text-anchor: middle; }
.chart .grid { stroke: var(--line); stroke-width: 1; }
.chart .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.chart .faint { stroke-width: 1; opacity: 0.45; }
.chart .c0 { stroke: var(--c0); }
.chart .c1 { stroke: var(--c1); }
.chart .c2 { stroke: var(--c2); }
.chart .dots { stroke: var(--surface); stroke-width: 1; }
.chart .dots.c0 { fill: var(--c0); }
.chart .dots.c1 { fill: var(--c1); }
.chart .dots.c2 { fill: var(--c2); }
)css";
}

}  // namespace jielong
