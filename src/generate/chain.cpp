#include "generate/chain.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "generate/partial_select.h"
#include "generate/softmax.h"
#include "token/common_length.h"

namespace jielong {
namespace {

std::vector<Token> sorted_end_tokens(const GenerateOptions& options, const Tokenizer* tokenizer) {
  std::vector<Token> tokens = options.end_tokens;
  if (tokens.empty() && tokenizer != nullptr) {
    const auto known = tokenizer->vocabulary().end_tokens();
    tokens.assign(known.begin(), known.end());
  }
  std::sort(tokens.begin(), tokens.end());
  return tokens;
}

SamplerSettings settings_for(const GenerateOptions& options, std::span<const Token> end_tokens) {
  SamplerSettings settings = options.sampling;
  if (!options.ignore_end) return settings;
  for (const Token token : end_tokens) {
    settings.logit_bias.emplace_back(token, Distribution::kExcluded);
  }
  if (std::find(settings.order.begin(), settings.order.end(), SamplerKind::logit_bias) ==
      settings.order.end()) {
    settings.order.insert(settings.order.begin(), SamplerKind::logit_bias);
  }
  return settings;
}

PieceOf piece_of(const Tokenizer* tokenizer) {
  if (tokenizer == nullptr) return {};
  return [tokenizer](Token token) { return tokenizer->bytes(token); };
}

std::unique_ptr<Drafter> new_drafter(const GenerateOptions& options) {
  return options.drafter && options.max_draft > 0 ? options.drafter() : nullptr;
}

}  // namespace

void check_prompt(const Runner& runner, std::span<const Token> prompt,
                  const GenerateOptions& options) {
  if (prompt.empty()) {
    throw bad_input("the prompt has no tokens", "prompt", "begin with at least one token");
  }
  for (const Token token : prompt) {
    if (token >= 0 && token < runner.vocabulary()) continue;
    throw bad_input(fmt::format("token {} is not among the model's {}", token, runner.vocabulary()),
                    "prompt");
  }
  const auto count = static_cast<std::int64_t>(prompt.size());
  if (count > runner.context_length() && !options.context_shift) {
    throw Error(ErrorKind::limit,
                fmt::format("the prompt has {} tokens, the context holds {}", count,
                            runner.context_length()),
                "prompt",
                "shorten it, raise the context length, or ask for context shift, which "
                "drops its middle");
  }
}

Chain::Chain(Runner& runner, const Tokenizer* tokenizer, std::span<const Token> prompt,
             const GenerateOptions& options, std::int64_t index, CachedPrefix cache)
    : runner_(runner),
      tokenizer_(tokenizer),
      options_(std::make_shared<GenerateOptions>(options)),
      end_tokens_(sorted_end_tokens(options, tokenizer)),
      index_(index),
      samplers_(settings_for(options, end_tokens_),
                chain_rng(options.seed, static_cast<std::uint64_t>(index)), piece_of(tokenizer)),
      drafter_(new_drafter(options)),
      stops_(options.stop) {
  if (tokenizer != nullptr) detokenizer_.emplace(*tokenizer, !options.show_special, true);
  begin(prompt, std::move(cache));
  const auto most = static_cast<std::int64_t>(prompt.size());
  for (auto left = std::clamp<std::int64_t>(options.continued_tokens, 0, most); left > 0; --left) {
    if (detokenizer_) detokenizer_->push(prompt[static_cast<std::size_t>(most - left)]);
  }
}

Chain::Chain(Forked, const Chain& parent, std::int64_t index)
    : runner_(parent.runner_),
      tokenizer_(parent.tokenizer_),
      options_(parent.options_),
      end_tokens_(parent.end_tokens_),
      index_(index),
      evaluated_(parent.evaluated_),
      samplers_(parent.samplers_),
      constraint_(parent.constraint_ ? parent.constraint_->clone() : nullptr),
      drafter_(new_drafter(*parent.options_)),
      detokenizer_(parent.detokenizer_),
      stops_(parent.stops_),
      prompt_tokens_(parent.prompt_tokens_),
      reused_tokens_(parent.reused_tokens_) {
  samplers_.set_rng(chain_rng(options_->seed, static_cast<std::uint64_t>(index)));
  sequence_ = runner_.fork(*parent.sequence_, static_cast<std::int64_t>(evaluated_.size()));
}

Chain::~Chain() {
  if (sequence_) runner_.close(*sequence_);
}

std::unique_ptr<Chain> Chain::fork(std::int64_t index) const {
  return std::unique_ptr<Chain>(new Chain(Forked{}, *this, index));
}

void Chain::begin(std::span<const Token> prompt, CachedPrefix cache) {
  // From here on the sequence is ours, also when something throws.
  struct Guard {
    Runner& runner;
    std::optional<SequenceId> sequence;
    ~Guard() {
      if (sequence) runner.close(*sequence);
    }
  } guard{runner_, cache.sequence};

  check_prompt(runner_, prompt, *options_);
  if (options_->constraint) constraint_ = options_->constraint();
  const std::int64_t context = runner_.context_length();
  prompt_tokens_ = static_cast<std::int64_t>(prompt.size());
  pending_.assign(prompt.begin(), prompt.end());
  samplers_.start(prompt);
  if (prompt_tokens_ > context) {
    const std::int64_t keep = std::clamp<std::int64_t>(options_->shift_keep, 0, context - 1);
    const std::int64_t tail = std::max<std::int64_t>((context - keep) / 2, 1);
    pending_.erase(pending_.begin() + keep, pending_.end() - tail);
  }
  cache.sequence = std::exchange(guard.sequence, std::nullopt);
  adopt(std::move(cache));
  reused_tokens_ = static_cast<std::int64_t>(evaluated_.size());
  if (options_->max_tokens == 0) result_.finish = FinishReason::length;
  if (constraint_is_complete()) result_.finish = FinishReason::end_token;
}

/// Takes over the sequence of `cache` and what it has in common with pending_.
void Chain::adopt(CachedPrefix cache) {
  sequence_ = cache.sequence;
  if (!sequence_) {
    sequence_ = runner_.open();
    return;
  }
  // At least the last token is evaluated, since its logits are wanted.
  const std::size_t same =
      common_length(cache.tokens, std::span(pending_).first(pending_.size() - 1));
  if (same < cache.tokens.size()) {
    runner_.truncate(*sequence_, static_cast<std::int64_t>(same));
  }
  evaluated_.assign(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(same));
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(same));
}

Slice Chain::next_slice(std::int64_t budget) {
  drafting_ = false;
  slice_ = std::min(pending_.size(), static_cast<std::size_t>(std::max<std::int64_t>(budget, 1)));
  if (pending_.size() == 1 && !result_.tokens.empty() && drafter_) propose();
  if (drafting_) return {*sequence_, guessed_, true};
  return {*sequence_, std::span(pending_).first(slice_), false};
}

void Chain::propose() {
  const auto held = static_cast<std::int64_t>(evaluated_.size()) + 1;
  std::int64_t most = std::min(options_->max_draft, runner_.context_length() - held);
  if (options_->max_tokens > 0) {
    // The check itself brings one more token than the draft has.
    const auto left = options_->max_tokens - static_cast<std::int64_t>(result_.tokens.size());
    most = std::min(most, left - 1);
  }
  if (most <= 0) return;
  draft_ = drafter_->propose(samplers_, most);
  if (draft_.tokens.empty()) return;
  drafting_ = true;
  guessed_ = pending_;
  guessed_.insert(guessed_.end(), draft_.tokens.begin(), draft_.tokens.end());
  drafted_tokens_ += static_cast<std::int64_t>(draft_.tokens.size());
}

std::int64_t Chain::rows() const {
  return drafting_ ? static_cast<std::int64_t>(guessed_.size()) : 1;
}

void Chain::commit() {
  if (drafting_) {
    evaluated_.insert(evaluated_.end(), guessed_.begin(), guessed_.end());
    pending_.clear();
    return;
  }
  const auto end = pending_.begin() + static_cast<std::ptrdiff_t>(slice_);
  evaluated_.insert(evaluated_.end(), pending_.begin(), end);
  pending_.erase(pending_.begin(), end);
}

void Chain::draw(const Logits& logits, std::int64_t row, const OnToken& on_token) {
  if (drafting_) {
    // What the sequence held before the draft, and the part of the draft that stands.
    const std::size_t before = evaluated_.size() - draft_.tokens.size();
    standing_ = before + verify(logits, row, on_token);
    return;
  }
  const std::span<const float> scores = logits.row(row);
  samplers_.shape(scores, options_->trace_top, trace(), allowed());
  append(samplers_.roll(), false, scores, on_token);
}

void Chain::settle() {
  if (drafting_) {
    evaluated_.resize(standing_);
    runner_.truncate(*sequence_, static_cast<std::int64_t>(standing_));
    drafting_ = false;
  }
  if (finished()) return;
  if (static_cast<std::int64_t>(evaluated_.size()) >= runner_.context_length()) shift_context();
  pending_.push_back(result_.tokens.back());
}

std::size_t Chain::verify(const Logits& logits, std::int64_t row, const OnToken& on_token) {
  for (std::size_t i = 0; i <= draft_.tokens.size(); ++i) {
    const std::span<const float> scores = logits.row(row + static_cast<std::int64_t>(i));
    const Distribution& target = samplers_.shape(scores, options_->trace_top, trace(), allowed());
    Verdict verdict;
    if (i == draft_.tokens.size()) {
      verdict.chosen = samplers_.roll();
    } else if (draft_.proposals.empty()) {
      // A determined guess is a proposal that is sure of itself: throwing the usual dice and
      // comparing accepts it exactly as often as rejection sampling would, and leaves the
      // random stream as it would be without drafts.
      verdict.chosen = samplers_.roll();
      verdict.accepted = verdict.chosen.token == draft_.tokens[i];
    } else {
      verdict = judge(target, draft_.proposals[i], draft_.tokens[i], samplers_.rng());
    }
    accepted_tokens_ += verdict.accepted ? 1 : 0;
    append(verdict.chosen, verdict.accepted, scores, on_token);
    if (!verdict.accepted || finished()) return i;
  }
  return draft_.tokens.size();
}

DiceTrace* Chain::trace() { return options_->trace_top > 0 ? &trace_ : nullptr; }

std::string Chain::text_of(Token token) {
  const auto& shown = options_->shown_tokens;
  if (std::find(shown.begin(), shown.end(), token) == shown.end()) return detokenizer_->push(token);
  return detokenizer_->finish() + tokenizer_->bytes(token);
}

/// What the constraint allows; END tokens by this chain's own list of them.
const AllowedTokens* Chain::allowed() {
  if (!constraint_) return nullptr;
  allowed_.name = constraint_->name();
  allowed_.mask = constraint_->allowed();
  if (options_->end_tokens.empty()) return &allowed_;
  allowed_mask_.assign(allowed_.mask.begin(), allowed_.mask.end());
  const auto bit = [&](Token token) -> std::uint64_t& {
    const std::size_t word = static_cast<std::size_t>(token) / 64;
    if (word >= allowed_mask_.size()) allowed_mask_.resize(word + 1, 0);
    return allowed_mask_[word];
  };
  if (tokenizer_ != nullptr) {
    for (const Token token : tokenizer_->vocabulary().end_tokens()) {
      bit(token) &= ~(std::uint64_t{1} << (token % 64));
    }
  }
  if (constraint_->may_end()) {
    for (const Token token : end_tokens_) bit(token) |= std::uint64_t{1} << (token % 64);
  }
  allowed_.mask = allowed_mask_;
  return &allowed_;
}

/// Moves the constraint by the token drawn; returns whether that ends the chain.
bool Chain::accept(Token token) {
  const bool end = is_end(token);
  if (!constraint_) return end;
  if (end && constraint_->may_end()) return true;
  constraint_->accept(token);
  return false;
}

/// Whether nothing but END may follow, and END cannot come.
bool Chain::constraint_is_complete() {
  if (!constraint_ || !(options_->ignore_end || end_tokens_.empty())) return false;
  return constraint_->must_end();
}

bool Chain::is_end(Token token) const {
  return !options_->ignore_end && std::binary_search(end_tokens_.begin(), end_tokens_.end(), token);
}

FinishReason Chain::reason_to_finish(bool ended) const {
  if (ended) return FinishReason::end_token;
  if (stops_.found()) return FinishReason::stop_string;
  const auto count = static_cast<std::int64_t>(result_.tokens.size());
  if (options_->max_tokens >= 0 && count >= options_->max_tokens) return FinishReason::length;
  const auto held = static_cast<std::int64_t>(samplers_.history().size());
  if (!options_->context_shift && held > runner_.context_length()) {
    return FinishReason::context_full;
  }
  return FinishReason::none;
}

void Chain::append(const TokenProbability& chosen, bool drafted, std::span<const float> row,
                   const OnToken& on_token) {
  const bool ended = accept(chosen.token);
  samplers_.accept(chosen);
  result_.tokens.push_back(chosen.token);
  std::string text;
  if (detokenizer_ && (!ended || options_->show_special)) {
    text = stops_.push(text_of(chosen.token));
  }
  result_.finish = reason_to_finish(ended || constraint_is_complete());
  if (finished() && detokenizer_) {
    text += stops_.push(detokenizer_->finish());
    text += stops_.finish();
  }
  if (stops_.found()) result_.stopped_by = stops_.match();
  result_.text += text;

  TokenEvent event;
  event.chain = index_;
  event.token = chosen.token;
  event.text = text;
  event.drafted = drafted;
  event.stopped_by = result_.stopped_by;
  event.finish = result_.finish;
  if (options_->logprobs >= 0) report_logprobs(chosen.token, row, event);
  if (options_->trace_top > 0) {
    trace_.chosen = chosen;
    event.trace = &trace_;
  }
  if (on_token && !on_token(event) && !finished()) cancel(on_token);
}

void Chain::report_logprobs(Token token, std::span<const float> row, TokenEvent& event) {
  const double normalizer = log_sum_exp(row);
  const auto logprob = [&](float logit) { return static_cast<double>(logit) - normalizer; };
  event.logprob = logprob(row[static_cast<std::size_t>(token)]);
  result_.logprobs.push_back(event.logprob);
  std::vector<Candidate> best;
  select_largest(row, options_->logprobs, best);
  std::vector<TokenLogprob>& top = result_.top_logprobs.emplace_back();
  for (const Candidate& candidate : best)
    top.push_back({candidate.token, logprob(candidate.logit)});
  event.top_logprobs = top;
}

void Chain::shift_context() {
  const auto held = static_cast<std::int64_t>(evaluated_.size());
  const std::int64_t keep = std::clamp<std::int64_t>(options_->shift_keep, 0, held - 1);
  const std::int64_t dropped = std::max<std::int64_t>((held - keep) / 2, 1);
  pending_.assign(evaluated_.begin() + keep + dropped, evaluated_.end());
  evaluated_.resize(static_cast<std::size_t>(keep));
  runner_.truncate(*sequence_, keep);
}

void Chain::cancel(const OnToken& on_token) {
  if (finished()) return;
  result_.finish = FinishReason::cancelled;
  std::string text;
  if (detokenizer_) {
    text = stops_.push(detokenizer_->finish());
    text += stops_.finish();
  }
  result_.text += text;
  TokenEvent event;
  event.chain = index_;
  event.text = text;
  event.finish = result_.finish;
  if (on_token) on_token(event);
}

CachedPrefix Chain::suspend() {
  CachedPrefix cache;
  cache.sequence = std::exchange(sequence_, std::nullopt);
  cache.tokens = std::exchange(evaluated_, {});
  pending_.insert(pending_.begin(), cache.tokens.begin(), cache.tokens.end());
  return cache;
}

void Chain::resume(CachedPrefix cache) { adopt(std::move(cache)); }

CachedPrefix Chain::release() {
  CachedPrefix cache;
  cache.sequence = std::exchange(sequence_, std::nullopt);
  cache.tokens = std::exchange(evaluated_, {});
  if (result_.finish == FinishReason::none) result_.finish = FinishReason::cancelled;
  return cache;
}

}  // namespace jielong
