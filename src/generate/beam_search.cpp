#include "generate/beam_search.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "generate/distribution.h"
#include "generate/partial_select.h"
#include "generate/softmax.h"

namespace jielong {
namespace {

struct Extension {
  std::size_t parent;
  Token token;
  double logprob;  // of the whole chain
};

class BeamSearch {
 public:
  BeamSearch(Runner& runner, const BeamOptions& options) : runner_(runner), options_(options) {}
  BeamSearch(const BeamSearch&) = delete;
  BeamSearch& operator=(const BeamSearch&) = delete;
  ~BeamSearch() {
    for (const Beam& beam : beams_) runner_.close(beam.sequence);
    for (const SequenceId sequence : forked_) runner_.close(sequence);
  }

  void start(std::span<const Token> prompt) {
    beams_.push_back({runner_.open(), {}, 0, nullptr});
    if (options_.constraint) beams_.back().constraint = options_.constraint();
    const auto chunk = static_cast<std::size_t>(std::max<std::int64_t>(options_.prefill_chunk, 1));
    Logits logits;
    for (std::size_t at = 0; at < prompt.size(); at += chunk) {
      const Slice slice{beams_[0].sequence, prompt.subspan(at, std::min(chunk, prompt.size() - at)),
                        false};
      logits = runner_.evaluate(std::span(&slice, 1));
    }
    advance(logits);
  }

  /// One more token for every beam. False when the search is over.
  bool step() {
    if (beams_.empty() || length() >= options_.max_tokens || done()) return false;
    std::vector<Slice> slices;
    for (const Beam& beam : beams_) {
      slices.push_back({beam.sequence, std::span(&beam.tokens.back(), 1), false});
    }
    advance(runner_.evaluate(slices));
    return true;
  }

  std::vector<BeamResult> finish() {
    if (!done()) {
      for (const Beam& beam : beams_) add_finished(beam.tokens, beam.logprob);
    }
    if (static_cast<std::int64_t>(finished_.size()) > options_.results) {
      finished_.resize(static_cast<std::size_t>(options_.results));
    }
    return std::move(finished_);
  }

 private:
  struct Beam {
    SequenceId sequence;
    std::vector<Token> tokens;
    double logprob;
    std::shared_ptr<Constraint> constraint;  // shared until the beam gets children
  };

  std::int64_t length() const { return static_cast<std::int64_t>(beams_.front().tokens.size()); }

  double score(double logprob, std::int64_t tokens) const {
    return logprob / std::pow(static_cast<double>(tokens), options_.length_penalty);
  }

  bool is_end(Token token) const {
    return std::find(options_.end_tokens.begin(), options_.end_tokens.end(), token) !=
           options_.end_tokens.end();
  }

  /// Whether no running beam can still get among the finished ones.
  bool done() const {
    if (static_cast<std::int64_t>(finished_.size()) < options_.beams) return false;
    if (options_.early_stopping || beams_.empty()) return true;
    double best = beams_.front().logprob;
    for (const Beam& beam : beams_) best = std::max(best, beam.logprob);
    return finished_.back().score >= score(best, length());
  }

  void add_finished(std::vector<Token> tokens, double logprob) {
    BeamResult result{std::move(tokens), logprob, 0};
    result.score = score(logprob, static_cast<std::int64_t>(result.tokens.size()));
    const auto place = std::upper_bound(
        finished_.begin(), finished_.end(), result,
        [](const BeamResult& a, const BeamResult& b) { return a.score > b.score; });
    finished_.insert(place, std::move(result));
    if (static_cast<std::int64_t>(finished_.size()) > options_.beams) finished_.pop_back();
  }

  /// The best extensions of all beams, by falling log-probability: twice as many as beams,
  /// so that enough go on even if the best half ends here.
  std::vector<Extension> extensions(const Logits& logits) {
    const std::int64_t wanted =
        options_.beams *
        (1 + std::max<std::int64_t>(static_cast<std::int64_t>(options_.end_tokens.size()), 1));
    std::vector<Extension> all;
    std::vector<Candidate> best;
    for (std::size_t i = 0; i < beams_.size(); ++i) {
      const auto row = logits.row(static_cast<std::int64_t>(i));
      const double normalizer = log_sum_exp(row);
      select_largest(allowed(row, beams_[i]), wanted, best);
      for (const Candidate& c : best) {
        if (c.logit == Distribution::kExcluded) continue;
        all.push_back({i, c.token, beams_[i].logprob + static_cast<double>(c.logit) - normalizer});
      }
    }
    std::stable_sort(all.begin(), all.end(),
                     [](const Extension& a, const Extension& b) { return a.logprob > b.logprob; });
    if (static_cast<std::int64_t>(all.size()) > wanted) {
      all.resize(static_cast<std::size_t>(wanted));
    }
    return all;
  }

  /// The logits without the tokens that the beam's constraint rules out.
  std::span<const float> allowed(std::span<const float> row, const Beam& beam) {
    if (!beam.constraint) return row;
    const auto mask = beam.constraint->allowed();
    allowed_.assign(row.begin(), row.end());
    for (std::size_t i = 0; i < allowed_.size(); ++i) {
      const bool set = i / 64 < mask.size() && ((mask[i / 64] >> (i % 64)) & 1) != 0;
      if (!set) allowed_[i] = Distribution::kExcluded;
    }
    return allowed_;
  }

  void advance(const Logits& logits) {
    std::vector<Extension> chosen;
    std::int64_t rank = 0;
    for (const Extension& extension : extensions(logits)) {
      if (static_cast<std::int64_t>(chosen.size()) >= options_.beams) break;
      if (!is_end(extension.token)) {
        chosen.push_back(extension);
      } else if (rank < options_.beams) {
        // An END that ranks behind `beams` other candidates has lost already.
        std::vector<Token> tokens = beams_[extension.parent].tokens;
        tokens.push_back(extension.token);
        add_finished(std::move(tokens), extension.logprob);
      }
      ++rank;
    }
    replace_beams(chosen);
  }

  /// The first child of a beam goes on in its sequence, the others fork it; beams without
  /// children are closed.
  void replace_beams(const std::vector<Extension>& chosen) {
    std::vector<bool> continued(beams_.size(), false);
    std::vector<Beam> children;
    children.reserve(chosen.size());
    for (const Extension& extension : chosen) {
      Beam child = beams_[extension.parent];
      child.logprob = extension.logprob;
      child.tokens.push_back(extension.token);
      if (child.constraint) {
        child.constraint = child.constraint->clone();
        child.constraint->accept(extension.token);
      }
      if (continued[extension.parent]) {
        child.sequence = runner_.fork(child.sequence, runner_.length(child.sequence));
        forked_.push_back(child.sequence);
      }
      continued[extension.parent] = true;
      children.push_back(std::move(child));
    }
    for (std::size_t i = 0; i < beams_.size(); ++i) {
      if (!continued[i]) runner_.close(beams_[i].sequence);
    }
    beams_ = std::move(children);
    forked_.clear();
  }

  Runner& runner_;
  const BeamOptions& options_;
  std::vector<Beam> beams_;
  std::vector<SequenceId> forked_;  // forks not yet among beams_, in case one throws
  std::vector<float> allowed_;
  std::vector<BeamResult> finished_;  // by falling score, at most `beams`
};

}  // namespace

std::vector<BeamResult> beam_search(Runner& runner, std::span<const Token> prompt,
                                    const BeamOptions& options, const std::atomic<bool>* cancel) {
  if (prompt.empty()) throw bad_input("the prompt has no tokens", "prompt");
  if (options.beams < 1 || options.results < 1 || options.results > options.beams) {
    throw bad_input("beams and results must be at least 1, results at most beams", "beam search");
  }
  const std::int64_t needed = static_cast<std::int64_t>(prompt.size()) + options.max_tokens;
  if (options.max_tokens < 1 || needed - 1 > runner.context_length()) {
    throw Error(ErrorKind::limit,
                fmt::format("prompt and max_tokens need {} tokens, the context holds {}", needed,
                            runner.context_length()),
                "beam search", "lower max_tokens or raise the context length");
  }
  BeamSearch search(runner, options);
  const auto check_cancel = [&] {
    if (cancel != nullptr && cancel->load(std::memory_order_relaxed)) {
      throw Error(ErrorKind::cancelled, "the beam search was stopped");
    }
  };
  check_cancel();
  search.start(prompt);
  do check_cancel();
  while (search.step());
  return search.finish();
}

}  // namespace jielong
