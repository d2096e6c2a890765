#include "cli/progress_bar.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "cli/text_width.h"

namespace jielong::cli {
namespace {

constexpr auto kRedraw = std::chrono::milliseconds(100);

std::string amount(std::uint64_t count, bool bytes) {
  return bytes ? human_bytes(static_cast<double>(count)) : std::to_string(count);
}

}  // namespace

ProgressBar::ProgressBar(const Console& console, std::string title)
    : console_(console),
      title_(std::move(title)),
      active_(console.error_is_terminal() && !console.quiet),
      start_(std::chrono::steady_clock::now()),
      last_(start_ - kRedraw) {}

ProgressBar::~ProgressBar() {
  if (drawn_) std::fputs("\r\x1b[K", stderr);
}

void ProgressBar::set_title(std::string title) {
  if (title == title_) return;
  title_ = std::move(title);
  start_ = std::chrono::steady_clock::now();
  last_ = start_ - kRedraw;
  first_done_ = 0;
}

void ProgressBar::show(std::uint64_t done, std::uint64_t total, bool bytes) {
  if (!active_) return;
  const auto now = std::chrono::steady_clock::now();
  if (now - last_ < kRedraw) return;
  last_ = now;
  if (first_done_ == 0) first_done_ = std::max<std::uint64_t>(done, 1);
  std::string right = amount(done, bytes);
  const double seconds = std::chrono::duration<double>(now - start_).count();
  if (total > 0) right += "/" + amount(total, bytes);
  if (bytes && seconds > 0.5 && done > first_done_) {
    const double speed = static_cast<double>(done - first_done_) / seconds;
    right += fmt::format("  {}/s", human_bytes(speed));
    if (total > done) {
      const auto left = static_cast<std::int64_t>(static_cast<double>(total - done) / speed);
      right += fmt::format("  {}:{:02} left", left / 60, left % 60);
    }
  }
  std::string line = title_ + " ";
  const int room = console_.columns() - display_width(line) - display_width(right) - 9;
  if (total > 0 && room >= 10) {
    const double share = std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
    const int filled = static_cast<int>(share * room);
    line += fmt::format("{:3.0f}% ", share * 100);
    for (int i = 0; i < room; ++i) line += i < filled ? "━" : "─";
    line += " ";
  }
  std::fputs(("\r\x1b[K" + fit(line + right, console_.columns() - 1)).c_str(), stderr);
  std::fflush(stderr);
  drawn_ = true;
}

}  // namespace jielong::cli
