#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "generate/constraint/constraint.h"
#include "generate/generate_options.h"
#include "generate/sampler_chain.h"
#include "generate/stop_matcher.h"
#include "model/runner.h"
#include "token/token.h"
#include "token/tokenizer.h"

namespace jielong {

/// A chain of the runner whose keys and values can be used again: what a chat's next turn
/// begins with. Empty without a sequence.
struct CachedPrefix {
  std::optional<SequenceId> sequence;
  std::vector<Token> tokens;  ///< what the sequence holds
};

/// Throws Error(bad_input) when the prompt is empty or has a token that the model does not
/// know, Error(limit) when it exceeds the context and no context shift was asked for.
void check_prompt(const Runner& runner, std::span<const Token> prompt,
                  const GenerateOptions& options);

/// One continuation: "distribution → dice → append" until something ends it. It does not
/// evaluate by itself, so that a Generator can evaluate many chains in one batch:
///
///     Slice slice = chain.next_slice(512);
///     Logits logits = runner.evaluate({&slice, 1});
///     chain.commit();
///     if (chain.awaits_dice()) chain.take(logits, 0, on_token);
class Chain {
 public:
  /// @param tokenizer gives the text of tokens; null: tokens only
  /// @param index     which of a request's chains this is: it picks the random stream
  /// @param cache     a sequence whose common beginning with `prompt` is not evaluated
  ///                  again; taken over
  /// Throws as check_prompt().
  Chain(Runner& runner, const Tokenizer* tokenizer, std::span<const Token> prompt,
        const GenerateOptions& options, std::int64_t index = 0, CachedPrefix cache = {});
  Chain(const Chain&) = delete;
  Chain& operator=(const Chain&) = delete;
  /// Closes the sequence.
  ~Chain();

  /// Another chain of the same request that shares this one's tokens so far but has its
  /// own dice. Only while awaits_dice(), before the first token.
  std::unique_ptr<Chain> fork(std::int64_t index) const;

  bool finished() const { return result_.finish != FinishReason::none; }
  /// Whether the next slice is prompt (or, after a context shift, repeated) tokens.
  bool prefilling() const { return pending_.size() > 1; }

  /// The tokens to evaluate next, at most `budget` ≥ 1 of them (a draft counts as one);
  /// valid until commit().
  Slice next_slice(std::int64_t budget);
  /// How many rows of logits that slice brings.
  std::int64_t rows() const;
  /// Tells that the sequence now holds the slice.
  void commit();
  /// Whether the last committed slice brought the logits for a next token.
  bool awaits_dice() const { return pending_.empty() && !finished(); }
  /// Samples from this chain's rows of `logits`, which begin at `row`, and appends. Throws
  /// Error(limit | unsupported) when the constraint cannot go on; the chain is then stuck.
  void take(const Logits& logits, std::int64_t row, const OnToken& on_token) {
    draw(logits, row, on_token);
    settle();
  }
  /// The two halves of take(): the dice, which touch nothing but this chain, so that
  /// different chains may draw at the same time; then what the runner must be told.
  void draw(const Logits& logits, std::int64_t row, const OnToken& on_token);
  void settle();
  /// Ends the chain and hands out the text held back.
  void cancel(const OnToken& on_token);

  /// Gives the sequence away between two steps: the chain keeps its tokens, and evaluates
  /// them again after resume().
  CachedPrefix suspend();
  bool suspended() const { return !sequence_; }
  /// Goes on after suspend(), on a sequence that holds a beginning of its tokens, if given.
  void resume(CachedPrefix cache);

  /// What the sequence holds, and what will be evaluated before the next dice.
  std::span<const Token> evaluated() const { return evaluated_; }
  std::span<const Token> pending() const { return pending_; }
  /// Only while not suspended() or released.
  SequenceId sequence() const { return *sequence_; }

  const GenerateOptions& options() const { return *options_; }
  const ChainResult& result() const { return result_; }
  std::int64_t index() const { return index_; }
  std::int64_t prompt_tokens() const { return prompt_tokens_; }
  std::int64_t reused_tokens() const { return reused_tokens_; }
  std::int64_t drafted_tokens() const { return drafted_tokens_; }
  std::int64_t accepted_tokens() const { return accepted_tokens_; }

  /// Gives the sequence away instead of closing it. The chain can go no further.
  CachedPrefix release();

 private:
  struct Forked {};
  Chain(Forked, const Chain& parent, std::int64_t index);

  void begin(std::span<const Token> prompt, CachedPrefix cache);
  void adopt(CachedPrefix cache);
  void propose();
  std::size_t verify(const Logits& logits, std::int64_t row, const OnToken& on_token);
  void append(const TokenProbability& chosen, bool drafted, std::span<const float> row,
              const OnToken& on_token);
  void report_logprobs(Token token, std::span<const float> row, TokenEvent& event);
  std::string text_of(Token token);
  const AllowedTokens* allowed();
  bool accept(Token token);
  bool constraint_is_complete();
  bool is_end(Token token) const;
  FinishReason reason_to_finish(bool ended) const;
  void shift_context();
  DiceTrace* trace();

  Runner& runner_;
  const Tokenizer* tokenizer_;
  std::shared_ptr<const GenerateOptions> options_;
  std::vector<Token> end_tokens_;  // ascending
  std::int64_t index_;
  std::optional<SequenceId> sequence_;
  std::vector<Token> evaluated_;  // what the sequence holds
  std::vector<Token> pending_;    // to be evaluated before the next dice
  std::vector<Token> guessed_;    // the slice while drafting_: the last token, the draft
  std::size_t slice_ = 0;         // how many of pending_ the current slice has
  bool drafting_ = false;         // the slice is the last token and a draft
  std::size_t standing_ = 0;      // how many of evaluated_ stand after a draft was judged
  SamplerChain samplers_;
  std::unique_ptr<Constraint> constraint_;
  AllowedTokens allowed_;
  std::vector<std::uint64_t> allowed_mask_;  // where the END tokens are not the vocabulary's
  std::unique_ptr<Drafter> drafter_;
  Draft draft_;
  std::optional<Detokenizer> detokenizer_;
  StopMatcher stops_;
  DiceTrace trace_;
  ChainResult result_;
  std::int64_t prompt_tokens_ = 0, reused_tokens_ = 0, drafted_tokens_ = 0, accepted_tokens_ = 0;
};

}  // namespace jielong
