#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "generate/samplers/samplers.h"

namespace jielong {
namespace {

/// "Don't repeat yourself" (p-e-w 2024): a token that would continue a sequence that has
/// occurred before is penalized by multiplier · base^(length − allowed), where length is
/// how many of the last tokens repeat. Text that contains a sequence breaker ends a
/// sequence: no repeat reaches across it, and a breaking token is itself free.
class Dry final : public Sampler {
 public:
  Dry(const SamplerSettings& settings, PieceOf piece_of)
      : multiplier_(settings.dry_multiplier),
        base_(settings.dry_base),
        allowed_(std::max<std::int64_t>(settings.dry_allowed_length, 1)),
        window_(settings.dry_window),
        breakers_(settings.dry_breakers),
        piece_of_(std::move(piece_of)) {
    for (const std::string& breaker : breakers_) longest_ = std::max(longest_, breaker.size());
  }

  std::string_view name() const override { return jielong::name(SamplerKind::dry); }
  std::string describe() const override {
    return fmt::format("dry {:g} x {:g}^(n - {})", multiplier_, base_, allowed_);
  }
  std::unique_ptr<Sampler> clone() const override { return std::make_unique<Dry>(*this); }

  void apply(Distribution& distribution, const SamplerContext& context) override {
    mark_breakers(context.history);
    const std::size_t length =
        window_ < 0 ? context.history.size()
                    : std::min(context.history.size(), static_cast<std::size_t>(window_));
    const auto recent = context.history.last(length);
    std::size_t unbroken = 0;
    while (unbroken < length && !breaks_[breaks_.size() - 1 - unbroken]) ++unbroken;
    if (unbroken < static_cast<std::size_t>(allowed_)) return;

    const std::vector<std::size_t> repeats = repeat_lengths(recent);
    std::unordered_map<Token, std::size_t> longest;  // next token → longest repeat it continues
    for (std::size_t back = 1; back < length; ++back) {
      const std::size_t repeat = std::min(repeats[back], unbroken);
      if (repeat < static_cast<std::size_t>(allowed_)) continue;
      std::size_t& known = longest[recent[length - back]];
      known = std::max(known, repeat);
    }
    // Beyond e^88 an f32 logit cannot express the difference.
    const double most = base_ > 1.000001 ? 88.0 / std::log(base_) : 1e9;
    for (const auto& [token, repeat] : longest) {
      const float logit = distribution.logit(token);
      if (logit == Distribution::kExcluded || holds_breaker(token)) continue;
      const double exponent = static_cast<double>(repeat) - static_cast<double>(allowed_);
      const double penalty = multiplier_ * std::pow(base_, std::min(exponent, most));
      const double lowest = -static_cast<double>(std::numeric_limits<float>::max());
      distribution.set_logit(
          token, static_cast<float>(std::max(static_cast<double>(logit) - penalty, lowest)));
    }
  }

 private:
  /// For each distance back ≥ 1: how many tokens ending `back` before the end equal the
  /// last ones. The Z function of the reversed sequence, in linear time.
  static std::vector<std::size_t> repeat_lengths(std::span<const Token> recent) {
    const std::size_t n = recent.size();
    const auto at = [&](std::size_t i) { return recent[n - 1 - i]; };
    std::vector<std::size_t> z(n, 0);
    for (std::size_t i = 1, left = 0, right = 0; i < n; ++i) {
      if (i < right) z[i] = std::min(right - i, z[i - left]);
      while (i + z[i] < n && at(z[i]) == at(i + z[i])) ++z[i];
      if (i + z[i] > right) {
        left = i;
        right = i + z[i];
      }
    }
    return z;
  }

  bool holds_breaker(Token token) {
    const auto [entry, fresh] = holds_.try_emplace(token, false);
    if (fresh && piece_of_) entry->second = contains_breaker(piece_of_(token), 0);
    return entry->second;
  }

  /// Whether a breaker ends in `text` behind byte `from`.
  bool contains_breaker(const std::string& text, std::size_t from) const {
    return std::any_of(breakers_.begin(), breakers_.end(), [&](const std::string& breaker) {
      if (breaker.empty()) return false;
      const std::size_t begin = from >= breaker.size() ? from - breaker.size() + 1 : 0;
      return text.find(breaker, begin) != std::string::npos;
    });
  }

  /// Extends breaks_ to the history; a history that was rolled back is followed.
  void mark_breakers(std::span<const Token> history) {
    const auto common = static_cast<std::ptrdiff_t>(std::min(marked_.size(), history.size()));
    const auto same = static_cast<std::size_t>(
        std::mismatch(marked_.begin(), marked_.begin() + common, history.begin()).first -
        marked_.begin());
    marked_.resize(same);
    breaks_.resize(same);
    for (std::size_t i = same; i < history.size(); ++i) {
      bool breaks = holds_breaker(history[i]);
      if (!breaks && piece_of_ && longest_ > 1) {
        // A breaker may lie across tokens: look at the bytes before as well.
        std::string before;
        for (std::size_t j = i; j > 0 && before.size() + 1 < longest_; --j) {
          before.insert(0, piece_of_(history[j - 1]));
        }
        breaks = contains_breaker(before + piece_of_(history[i]), before.size());
      }
      marked_.push_back(history[i]);
      breaks_.push_back(breaks);
    }
  }

  double multiplier_, base_;
  std::int64_t allowed_, window_;
  std::vector<std::string> breakers_;
  PieceOf piece_of_;
  std::size_t longest_ = 0;
  std::vector<Token> marked_;  // the history that breaks_ describes
  std::vector<bool> breaks_;   // whether a breaker ends in the token
  std::unordered_map<Token, bool> holds_;
};

}  // namespace

std::unique_ptr<Sampler> make_dry(const SamplerSettings& settings, PieceOf piece_of) {
  return std::make_unique<Dry>(settings, std::move(piece_of));
}

}  // namespace jielong
