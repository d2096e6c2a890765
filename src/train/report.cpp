#include "train/report.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <map>
#include <span>

#include "base/base64.h"
#include "base/sha256.h"
#include "train/chart.h"

namespace jielong {
namespace {

/// Points of a curve: more than its pixels would only make the file large.
constexpr std::size_t kMostPoints = 360;

constexpr std::string_view kStyle = R"css(:root {
  color-scheme: light dark;
  --paper: #faf8f3; --surface: #fffefb; --ink: #231f1a; --soft: #655c50; --line: #e4dccf;
  --c0: #b3361e; --c1: #1f5fbf; --c2: #2f7d4f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #161412; --surface: #1f1b18; --ink: #efe9df; --soft: #aea494; --line: #373029;
    --c0: #ff9072; --c1: #8ab8ff; --c2: #7ed0a0;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 860px; padding: 32px 20px 64px;
  background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, 'Noto Sans TC', sans-serif;
}
h1 { margin: 0; font-size: 28px; line-height: 1.2; }
h2 { margin: 40px 0 4px; font-size: 20px; }
p { margin: 6px 0 12px; }
.soft { color: var(--soft); }
.state { font-weight: 600; }
.card {
  padding: 12px 14px; border: 1px solid var(--line); border-radius: 10px;
  background: var(--surface);
}
.facts {
  display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 10px;
  margin: 20px 0; padding: 0; list-style: none;
}
.facts b { display: block; font-size: 22px; line-height: 1.3; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 4px 8px 4px 0; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child, td:first-child { text-align: left; }
th { font-weight: 600; }
details { margin: 10px 0; }
summary { cursor: pointer; }
pre, .text { white-space: pre-wrap; overflow-wrap: anywhere; }
pre { margin: 8px 0 0; font: 13px/1.5 ui-monospace, monospace; }
.prompt { font-weight: 600; }
.sample { margin: 10px 0; }
)css";

std::string style() { return std::string(kStyle) + std::string(chart_style()); }

std::string time_text(std::int64_t seconds_since_1970) {
  std::tm local{};
  const auto seconds = static_cast<std::time_t>(seconds_since_1970);
  if (::localtime_r(&seconds, &local) == nullptr) return "–";
  return fmt::format("{:%Y-%m-%d %H:%M}", local);
}

std::string duration_text(double seconds) {
  if (seconds < 0 || !std::isfinite(seconds)) return "–";
  const auto whole = static_cast<std::int64_t>(seconds + 0.5);
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole / 60 % 60);
}

/// One figure under the title.
std::string fact(const std::string& value, const std::string& what) {
  return "<li class=\"card\"><b>" + escape_markup(value) + "</b><span class=\"soft\">" +
         escape_markup(what) + "</span></li>\n";
}

/// A section with a sentence for newcomers and a chart.
std::string chart_section(const Chart& chart) {
  return "<section><h2>" + escape_markup(chart.title) + "</h2><p class=\"soft\">" +
         escape_markup(chart.description) + "</p><div class=\"card\">" + draw_chart(chart) +
         "</div></section>\n";
}

using Look = ChartSeries::Look;

ChartSeries series(std::string name, Look look, const std::vector<StepRecord>& steps,
                   double StepRecord::*value) {
  ChartSeries made{std::move(name), look, 0, {}, {}};
  for (const StepRecord& step : steps) {
    made.x.push_back(static_cast<double>(step.step));
    made.y.push_back(step.*value);
  }
  return made;
}

/// An exponential moving average that forgets in about a fiftieth of the series.
ChartSeries smoothed(ChartSeries series, std::string name) {
  series.name = std::move(name);
  series.look = Look::line;
  const double keep = std::exp(-50.0 / std::max<double>(50, static_cast<double>(series.y.size())));
  double average = 0, weight = 0;
  for (double& value : series.y) {
    if (!std::isfinite(value)) continue;
    average = keep * average + (1 - keep) * value;
    weight = keep * weight + (1 - keep);
    value = average / weight;
  }
  return series;
}

std::string loss_section(const ReportInput& input, const std::vector<StepRecord>& steps) {
  const RunRecords& records = input.records;
  const ChartSeries each = series("", Look::faint, steps, &StepRecord::loss);
  ChartSeries held_out{"held-out", Look::line, 1, {}, {}};
  for (const EvaluationMetrics& evaluation : records.evaluations) {
    held_out.x.push_back(static_cast<double>(evaluation.step));
    held_out.y.push_back(evaluation.loss);
  }
  Chart chart{"loss", "Loss", "", "step", "nats", {each, smoothed(each, "training")}, false};
  chart.description =
      "How surprised the model is by what comes next: falling means learning. The held-out curve "
      "is text that it never learns from. When that rises while the other falls, the model begins "
      "to learn by heart.";
  if (!held_out.x.empty()) chart.series.push_back(held_out);
  if (!held_out.x.empty() && held_out.x.size() < 60) {
    held_out.name.clear();
    held_out.look = Look::dots;
    chart.series.push_back(std::move(held_out));
  }
  return chart_section(chart);
}

std::string other_charts(const ReportInput& input, const std::vector<StepRecord>& steps) {
  std::string html;
  html += chart_section({"rate",
                         "Learning rate",
                         "How far each step moves the parameters.",
                         "step",
                         "learning rate",
                         {series("", Look::line, steps, &StepRecord::learning_rate)},
                         true});
  const ChartSeries norm = series("", Look::faint, steps, &StepRecord::gradient_norm);
  html += chart_section(
      {"gradient",
       "Gradient norm",
       "How steep the ground is. Sudden peaks mean that training is near to coming apart; a lower "
       "learning rate or stronger clipping calms it.",
       "step",
       "norm before clipping",
       {norm, smoothed(norm, "")},
       true});
  const ChartSeries speed = series("", Look::faint, steps, &StepRecord::tokens_per_second);
  html += chart_section({"speed",
                         "Speed",
                         "Tokens learned from in a second.",
                         "step",
                         "tokens/s",
                         {speed, smoothed(speed, "")},
                         true});
  const bool known = std::any_of(steps.begin(), steps.end(),
                                 [](const StepRecord& step) { return step.peak_share > 0; });
  if (!known) return html;
  ChartSeries share = series("", Look::faint, steps, &StepRecord::peak_share);
  for (double& value : share.y) value *= 100;
  html += chart_section(
      {"peak",
       "Use of the machine",
       fmt::format(
           "Arithmetic done, in per cent of the {}FLOP/s that these threads can do at most.",
           short_number(input.info.peak_flops)),
       "step",
       "% of peak",
       {share, smoothed(share, "")},
       true});
  return html;
}

std::string facts(const ReportInput& input) {
  const RunRecords& records = input.records;
  std::string html = "<ul class=\"facts\">\n";
  if (input.info.parameters > 0) {
    html += fact(short_number(static_cast<double>(input.info.parameters)), "parameters");
  }
  if (!records.steps.empty()) {
    const StepRecord& last = records.steps.back();
    html += fact(input.info.steps > 0 ? fmt::format("{} of {}", last.step, input.info.steps)
                                      : std::to_string(last.step),
                 "steps");
    html += fact(short_number(static_cast<double>(last.total_tokens)), "tokens seen");
    html += fact(duration_text(last.seconds), "time in steps");
    html += fact(fmt::format("{:.3f}", last.loss), "loss of the last step");
  }
  if (!records.evaluations.empty()) {
    const EvaluationMetrics& last = records.evaluations.back();
    html += fact(fmt::format("{:.3f}", last.loss), "held-out loss");
    if (last.bits_per_byte > 0) {
      html += fact(fmt::format("{:.3f}", last.bits_per_byte), "held-out bits per byte");
    }
    for (const auto& [name, value] : last.means) {
      html += fact(short_number(value), "held-out " + name);
    }
  }
  return html + "</ul>\n";
}

/// The evaluations in numbers, for those who cannot see curves or want to copy.
std::string evaluation_table(const RunRecords& records) {
  if (records.evaluations.empty()) return {};
  std::string html =
      "<section><h2>Evaluations</h2><details><summary>All of them, in numbers</summary><table>"
      "<thead><tr><th scope=\"col\">step</th><th scope=\"col\">loss</th>"
      "<th scope=\"col\">perplexity</th><th scope=\"col\">bits per byte</th></tr></thead><tbody>\n";
  for (const EvaluationMetrics& one : records.evaluations) {
    const auto number = [](double value) {
      return value > 0 ? fmt::format("{:.4g}", value) : std::string("–");
    };
    html += fmt::format("<tr><td>{}</td><td>{:.4f}</td><td>{}</td><td>{}</td></tr>\n", one.step,
                        one.loss, number(one.perplexity), number(one.bits_per_byte));
  }
  return html + "</tbody></table></details></section>\n";
}

std::string sample_html(const TrainingSample& sample, bool with_step) {
  return fmt::format(
      "<div class=\"sample card\">{}<div class=\"text\"><span class=\"prompt\">{}"
      "</span>{}</div></div>\n",
      with_step ? fmt::format("<p class=\"soft\">step {}</p>", sample.step) : "",
      escape_markup(sample.prompt), escape_markup(sample.text));
}

/// The newest sample of each prompt, and how each came to be, thinned to a few.
std::string sample_section(const std::vector<TrainingSample>& samples) {
  if (samples.empty()) return {};
  constexpr std::size_t kEarlier = 8;
  std::vector<std::string> prompts;
  std::map<std::string, std::vector<const TrainingSample*>> by_prompt;
  for (const TrainingSample& sample : samples) {
    auto& list = by_prompt[sample.prompt];
    if (list.empty()) prompts.push_back(sample.prompt);
    list.push_back(&sample);
  }
  std::string html =
      "<section><h2>Samples</h2><p class=\"soft\">What the model writes; its beginning was given."
      "</p>\n";
  for (const std::string& prompt : prompts) {
    const auto& list = by_prompt[prompt];
    html += sample_html(*list.back(), true);
    if (list.size() < 2) continue;
    html += "<details><summary>Earlier ones</summary>\n";
    const std::size_t earlier = list.size() - 1, shown = std::min(earlier, kEarlier);
    for (std::size_t i = 0; i < shown; ++i) html += sample_html(*list[i * earlier / shown], true);
    html += "</details>\n";
  }
  return html + "</section>\n";
}

std::string machine_section(const RunInfo& info) {
  std::string html = "<section><h2>Machine and program</h2><table><tbody>\n";
  const auto row = [&](const std::string& what, const std::string& value) {
    if (value.empty()) return;
    html += "<tr><th scope=\"row\">" + what + "</th><td>" + escape_markup(value) + "</td></tr>\n";
  };
  row("Processor", info.processor);
  row("Threads", info.threads > 0 ? std::to_string(info.threads) : "");
  row("Kernels", info.kernels);
  row("Precision", info.precision);
  row("Highest speed, measured",
      info.peak_flops > 0 ? short_number(info.peak_flops) + "FLOP/s" : "");
  row("Memory",
      info.memory_bytes > 0 ? short_number(static_cast<double>(info.memory_bytes)) + "B" : "");
  row("Work for a token",
      info.flops_per_token > 0 ? short_number(info.flops_per_token) + "FLOP" : "");
  row("Seed", std::to_string(info.seed));
  row("Program", info.version);
  return html + "</tbody></table></section>\n";
}

std::string heading(const RunInfo& info) {
  std::string state = info.state;
  if (!info.problem.empty()) state += ": " + info.problem;
  std::string when = "Begun " + time_text(info.started);
  if (info.ended > 0) when += ", ended " + time_text(info.ended);
  std::string html = "<header><h1>" + escape_markup(info.name) + "</h1>\n";
  if (!info.about.empty()) html += "<p>" + escape_markup(info.about) + "</p>\n";
  return html + "<p class=\"soft\"><span class=\"state\">" + escape_markup(state) + "</span> · " +
         when + "</p></header>\n";
}

}  // namespace

std::string report_policy() {
  const std::string css = style();
  const std::string hex = sha256_of(std::as_bytes(std::span(css.data(), css.size())));
  std::string digest;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    digest += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return "default-src 'none'; style-src 'sha256-" + encode_base64(digest) +
         "'; base-uri 'none'; form-action 'none'";
}

std::string render_report(const ReportInput& input) {
  const RunInfo& info = input.info;
  const std::vector<StepRecord> steps = thinned(input.records.steps, kMostPoints);
  return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
         "<meta http-equiv=\"Content-Security-Policy\" content=\"" +
         report_policy() +
         "\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
         "<meta name=\"color-scheme\" content=\"light dark\">\n<title>" +
         escape_markup(info.name) + " – training report</title>\n<style>" + style() +
         "</style>\n</head>\n<body>\n<main>\n" + heading(info) + facts(input) +
         loss_section(input, steps) + sample_section(input.records.samples) +
         other_charts(input, steps) + evaluation_table(input.records) +
         "<section><h2>Recipe</h2><details><summary>Every setting of this run</summary>"
         "<div class=\"card\"><pre>" +
         escape_markup(input.recipe) + "</pre></div></details></section>\n" +
         machine_section(info) + "</main>\n</body>\n</html>\n";
}

}  // namespace jielong
