#include "cli/train_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "cli/text_width.h"
#include "train/chart.h"

namespace jielong::cli {
namespace {

constexpr std::chrono::milliseconds kRedraw(100), kLineEvery(15'000);
constexpr std::size_t kMostLosses = 256;

std::string bar(double share, int columns) {
  const int filled = static_cast<int>(std::clamp(share, 0.0, 1.0) * columns);
  std::string text;
  for (int i = 0; i < columns; ++i) text += i < filled ? "━" : "─";
  return text;
}

/// Rates and speeds, without what is not known.
std::string figures(const TrainingGlance& glance) {
  const StepMetrics& last = glance.last;
  std::string text;
  if (!last.learning_rates.empty()) {
    text += fmt::format("rate {:.2e} · ", last.learning_rates.front().second);
  }
  text += fmt::format("gradient {:.3g} · {} tokens/s", last.gradient_norm,
                      short_number(last.tokens_per_second));
  if (glance.peak_share > 0) {
    const double percent = glance.peak_share * 100;
    text += fmt::format(" · {:.{}f}% of peak", percent, percent < 9.95 ? 1 : 0);
  }
  return text;
}

std::string held_out_text(const TrainingGlance& glance) {
  if (glance.held_out == 0) return {};
  std::string text = fmt::format("held-out {:.3f}", glance.held_out);
  if (glance.bits_per_byte > 0) text += fmt::format(" ({:.3f} bits/byte)", glance.bits_per_byte);
  return text;
}

}  // namespace

std::string clock_text(double seconds) {
  if (!(seconds >= 0) || seconds > 1e8) return "?";
  const auto whole = static_cast<std::int64_t>(seconds + 0.5);
  if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string sparkline(const std::vector<double>& values, int columns) {
  constexpr const char* kBlocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  if (values.empty() || columns <= 0) return {};
  const std::size_t count = std::min(values.size(), static_cast<std::size_t>(columns));
  std::vector<double> thin;
  for (std::size_t part = 0; part < count; ++part) {
    const std::size_t begin = part * values.size() / count;
    const std::size_t end = (part + 1) * values.size() / count;
    double sum = 0;
    for (std::size_t i = begin; i < end; ++i) sum += values[i];
    thin.push_back(sum / static_cast<double>(end - begin));
  }
  const auto [low, high] = std::minmax_element(thin.begin(), thin.end());
  std::string text;
  for (const double value : thin) {
    const double share = *high > *low ? (value - *low) / (*high - *low) : 0;
    text +=
        std::isfinite(share) ? kBlocks[static_cast<int>(std::clamp(share * 7.999, 0.0, 7.0))] : " ";
  }
  return text;
}

std::string loss_curve(std::vector<double> losses, int columns) {
  for (double& loss : losses) loss = std::log(std::max(loss, 1e-6));
  return sparkline(losses, columns);
}

std::vector<std::string> draw_glance(const TrainingGlance& glance, int columns) {
  const StepMetrics& last = glance.last;
  const std::string left = fmt::format("step {}/{} ", last.step, last.steps);
  const double share =
      last.steps > 0 ? static_cast<double>(last.step) / static_cast<double>(last.steps) : 0;
  std::string right = fmt::format(" {:.0f}%", std::floor(share * 100));
  if (glance.seconds_left >= 0) right += "  " + clock_text(glance.seconds_left) + " left";
  const int room = columns - display_width(left) - display_width(right);
  const std::string loss = fmt::format("loss {:.3f} ", last.loss);
  std::string held_out = held_out_text(glance);
  if (!held_out.empty()) held_out = "  " + held_out;
  const int spark = std::min(60, columns - display_width(loss) - display_width(held_out));
  std::vector<std::string> lines{left + bar(share, std::max(0, room)) + right,
                                 loss + loss_curve(glance.losses, spark) + held_out,
                                 figures(glance)};
  for (std::string& line : lines) line = fit(line, columns);
  return lines;
}

TrainView::TrainView(Console& console)
    : console_(console), live_(console.error_is_terminal() && !console.quiet && !console.json) {}

TrainView::~TrainView() { erase(); }

void TrainView::erase() {
  if (drawn_ > 0) std::fprintf(stderr, "\r\x1b[%dA\x1b[J", drawn_);
  drawn_ = 0;
}

void TrainView::draw() {
  erase();
  std::string text;
  const std::vector<std::string> lines = draw_glance(glance_, console_.columns() - 1);
  for (const std::string& line : lines) text += line + "\n";
  std::fputs(text.c_str(), stderr);
  std::fflush(stderr);
  drawn_ = static_cast<int>(lines.size());
  last_ = Clock::now();
}

void TrainView::say(const std::string& line) {
  if (console_.json) return;
  erase();
  console_.note(line);
  if (live_ && glance_.last.step > 0) draw();
}

void TrainView::keep_loss(double loss) {
  loss_sum_ += loss;
  if (++losses_seen_ < losses_each_) return;
  glance_.losses.push_back(loss_sum_ / static_cast<double>(losses_seen_));
  loss_sum_ = 0;
  losses_seen_ = 0;
  if (glance_.losses.size() < kMostLosses) return;
  for (std::size_t i = 0; i < kMostLosses / 2; ++i) {
    glance_.losses[i] = (glance_.losses[2 * i] + glance_.losses[2 * i + 1]) / 2;
  }
  glance_.losses.resize(kMostLosses / 2);
  losses_each_ *= 2;
}

void TrainView::on_step(const StepMetrics& metrics) {
  if (first_seconds_ < 0) {
    first_seconds_ = metrics.total_seconds - metrics.seconds;
    first_step_ = metrics.step - 1;
  }
  glance_.last = metrics;
  glance_.peak_share = peak_flops_ > 0 ? metrics.flops_per_second / peak_flops_ : 0;
  const double taken = metrics.total_seconds - first_seconds_;
  glance_.seconds_left = taken / static_cast<double>(metrics.step - first_step_) *
                         static_cast<double>(metrics.steps - metrics.step);
  keep_loss(metrics.loss);
  const auto now = Clock::now();
  const bool last = metrics.step == metrics.steps;
  if (live_) {
    if (now - last_ >= kRedraw || last) draw();
  } else if (now - last_ >= kLineEvery || metrics.step == 1 || last) {
    last_ = now;
    say(fmt::format("step {}/{}  loss {:.4f}  {}  {} left", metrics.step, metrics.steps,
                    metrics.loss, figures(glance_), clock_text(glance_.seconds_left)));
  }
}

void TrainView::on_evaluation(const EvaluationMetrics& metrics) {
  glance_.held_out = metrics.loss;
  glance_.bits_per_byte = metrics.bits_per_byte;
  std::string line = fmt::format("step {}: {}", metrics.step, held_out_text(glance_));
  for (const auto& [name, value] : metrics.means) line += fmt::format(", {} {:.4g}", name, value);
  say(line + (metrics.best ? ", the best so far" : ""));
}

void TrainView::on_sample(const TrainingSample& sample) {
  say(fmt::format("step {}: {}{}", sample.step,
                  console_.paint_error(Style::bold, harmless(sample.prompt)),
                  harmless(sample.text)));
}

void TrainView::on_checkpoint(std::int64_t step, const std::filesystem::path& folder) {
  if (!live_) say(fmt::format("step {}: checkpoint {}", step, folder.string()));
}

void TrainView::on_checkpoint_failed(std::int64_t step, const Error& error) {
  say(fmt::format("warning: step {}: no checkpoint: {}", step, error.what()));
}

void TrainView::on_not_finite(std::int64_t step, const std::string& tensor) {
  say(fmt::format("step {}: {} is not finite: training has come apart", step, tensor));
}

void TrainView::on_stopped(std::int64_t step) {
  say(fmt::format("stopped after step {}; go on with --resume", step));
}

}  // namespace jielong::cli
