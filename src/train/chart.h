#pragma once

#include <string>
#include <vector>

namespace jielong {

/// One line or row of dots of a chart; x and y are equally long, x ascends. Values that are not
/// finite leave gaps.
struct ChartSeries {
  enum class Look { line, faint, dots };
  std::string name;  ///< in the legend; empty: not there
  Look look = Look::line;
  int color = 0;  ///< 0, 1 or 2
  std::vector<double> x, y;
};

struct Chart {
  std::string id;                  ///< unique in the document, letters only
  std::string title, description;  ///< for readers who see it and for those who listen
  std::string x_label, y_label;
  std::vector<ChartSeries> series;
  bool from_zero = false;  ///< the y axis begins at 0
};

/// The chart as an inline SVG element, which takes its colours from chart_style(). Every point is
/// drawn, so thin long series before. Text is escaped.
std::string draw_chart(const Chart& chart);

/// The CSS that charts need, for light and dark.
std::string_view chart_style();

/// `text` as HTML or XML text and attribute values; malformed bytes become U+FFFD, control
/// characters that XML forbids vanish.
std::string escape_markup(std::string_view text);

/// "12.3k", "1.2M", "0.0031": a number short enough for an axis.
std::string short_number(double value);

}  // namespace jielong
