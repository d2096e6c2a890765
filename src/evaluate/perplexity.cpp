#include "evaluate/perplexity.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numbers>
#include <vector>

#include "base/error.h"
#include "generate/softmax.h"

namespace jielong {
namespace {

// Rows of logits asked for at once: 32 rows of 262k f32 are 34 MB.
constexpr std::int64_t kRows = 32;
constexpr std::int64_t kPrefill = 512;

/// A chain that is closed on every way out.
class OpenSequence {
 public:
  explicit OpenSequence(Runner& runner) : runner_(runner), id_(runner.open()) {}
  OpenSequence(const OpenSequence&) = delete;
  OpenSequence& operator=(const OpenSequence&) = delete;
  ~OpenSequence() { runner_.close(id_); }
  SequenceId id() const { return id_; }

 private:
  Runner& runner_;
  SequenceId id_;
};

class Scorer {
 public:
  Scorer(Runner& runner, const Tokenizer& tokenizer) : runner_(runner), tokenizer_(tokenizer) {}

  /// Adds −ln p of window[first_scored…], each given all tokens before it.
  void score(std::span<const Token> window, std::int64_t first_scored) {
    const OpenSequence sequence(runner_);
    const auto size = static_cast<std::int64_t>(window.size());
    // Token i is predicted by the logits at i − 1.
    const std::int64_t silent = first_scored - 1;
    for (std::int64_t at = 0; at < silent; at += kPrefill) {
      evaluate(sequence.id(), window, at, std::min(kPrefill, silent - at), false);
    }
    for (std::int64_t at = silent; at < size - 1; at += kRows) {
      const std::int64_t count = std::min(kRows, size - 1 - at);
      const Logits logits = evaluate(sequence.id(), window, at, count, true);
      for (std::int64_t i = 0; i < count; ++i) {
        add(logits.row(i), window[static_cast<std::size_t>(at + i + 1)]);
      }
    }
  }

  PerplexityResult result() const {
    PerplexityResult result;
    result.scored_tokens = count_;
    if (count_ == 0) return result;
    const auto n = static_cast<double>(count_);
    const double mean = sum_ / n;
    result.nats_per_token = mean;
    result.perplexity = std::exp(mean);
    if (count_ > 1) {
      const double variance = std::max(0.0, squares_ / n - mean * mean);
      result.error = std::sqrt(variance / (n - 1)) * result.perplexity;
    }
    if (bytes_ > 0) result.bits_per_byte = sum_ / std::numbers::ln2 / static_cast<double>(bytes_);
    return result;
  }

 private:
  Logits evaluate(SequenceId sequence, std::span<const Token> window, std::int64_t at,
                  std::int64_t count, bool all) {
    const Slice slice{sequence,
                      window.subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(count)),
                      all};
    return runner_.evaluate(std::span(&slice, 1));
  }

  void add(std::span<const float> row, Token token) {
    const double loss =
        log_sum_exp(row) - static_cast<double>(row[static_cast<std::size_t>(token)]);
    sum_ += loss;
    squares_ += loss * loss;
    bytes_ += static_cast<std::int64_t>(tokenizer_.bytes(token).size());
    ++count_;
  }

  Runner& runner_;
  const Tokenizer& tokenizer_;
  double sum_ = 0, squares_ = 0;
  std::int64_t count_ = 0, bytes_ = 0;
};

}  // namespace

PerplexityResult measure_perplexity(Runner& runner, const Tokenizer& tokenizer,
                                    std::span<const Token> tokens, const PerplexityOptions& options,
                                    const OnWindow& on_window, const std::atomic<bool>* cancel) {
  const std::int64_t context = runner.context_length();
  const std::int64_t size =
      options.window > 0 ? options.window : std::min<std::int64_t>(512, context);
  const std::int64_t stride = options.stride > 0 ? options.stride : size;
  if (size < 4 || size > context) {
    throw bad_input(
        fmt::format("a window of {} tokens does not fit: the context holds {}", size, context),
        "perplexity", "choose a window between 4 and the context length");
  }
  if (stride > size) {
    throw bad_input("the stride must not exceed the window", "perplexity",
                    "a larger stride would skip text");
  }
  const auto length = static_cast<std::int64_t>(tokens.size());
  if (length < size) {
    throw bad_input(
        fmt::format("the text has {} tokens, fewer than one window of {}", length, size),
        "perplexity", "use a longer text or a smaller window");
  }
  std::int64_t windows = (length - size) / stride + 1;
  if (options.max_windows > 0) windows = std::min(windows, options.max_windows);

  const auto bos = tokenizer.vocabulary().role(TokenRole::bos);
  const auto start = std::chrono::steady_clock::now();
  Scorer scorer(runner, tokenizer);
  PerplexityResult result;
  std::vector<Token> window;
  for (std::int64_t i = 0; i < windows; ++i) {
    if (cancel != nullptr && cancel->load(std::memory_order_relaxed)) {
      throw Error(ErrorKind::cancelled, "the measurement was stopped");
    }
    const auto first = tokens.begin() + i * stride;
    window.assign(first, first + size);
    if (tokenizer.adds_bos() && bos) window.front() = *bos;
    // llama.cpp predicts the tokens behind the one in the middle.
    const std::int64_t fresh = i == 0 ? size : stride;
    scorer.score(window, std::max(size / 2 + 1, size - fresh));
    result = scorer.result();
    result.windows = i + 1;
    result.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (on_window) on_window(result, windows);
  }
  return result;
}

}  // namespace jielong
