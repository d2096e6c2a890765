#include "generate/chat_request.h"

#include <fmt/format.h>

#include <atomic>
#include <utility>

#include "base/error.h"
#include "generate/answer_constraint.h"
#include "generate/chat_prompt.h"
#include "generate/constraint_cache.h"

namespace jielong {
namespace {

void check_request(const ChatRequest& request, const Tokenizer& tokenizer) {
  if (request.n < 1) throw bad_input("must be at least 1", "n");
  check(request.options.sampling);
  const Vocabulary& vocabulary = tokenizer.vocabulary();
  for (const auto& [token, bias] : request.options.sampling.logit_bias) {
    if (vocabulary.contains(token)) continue;
    throw bad_input(fmt::format("token {} is not among the model's {}", token, vocabulary.size()),
                    "logit_bias");
  }
}

/// The request as it is carried out: what the scheduler says becomes what the listener hears.
class Run : public ChatRun {
 public:
  Run(std::shared_ptr<LoadedModel> model, const ChatRequest& request, const ChatPrompt& prompt,
      ChatListener listener)
      : model_(std::move(model)),
        listener_(std::move(listener)),
        prompt_tokens_(static_cast<std::int64_t>(prompt.tokens.size())) {
    const std::string before = prompt.read_before();
    for (std::int64_t i = 0; i < request.n; ++i) {
      const std::string_view tools = prompt.calls ? std::string_view(request.tools) : "";
      Choice& choice = choices_.emplace_back(AnswerParser(prompt.format, prompt.calls, tools));
      // Who sent the beginning of the answer knows it; but a call it begins is told whole.
      for (AnswerPiece& piece : choice.parser.push(before)) {
        if (piece.kind != AnswerPiece::Kind::content &&
            piece.kind != AnswerPiece::Kind::reasoning) {
          choice.waiting.push_back(std::move(piece));
        }
      }
      choice.parser.skip_held();
    }
  }

  void start(std::shared_ptr<Run> self, Job job) {
    job.on_token = [self](const TokenEvent& event) { self->on_token(event); };
    job.on_end = [self](const JobResult& result) { self->on_end(result); };
    job_ = model_->scheduler().submit(std::move(job));
  }

  void cancel() override { model_->scheduler().cancel(job_); }
  const LoadedModel& model() const override { return *model_; }
  std::int64_t prompt_tokens() const override { return prompt_tokens_; }

 private:
  struct Choice {
    explicit Choice(AnswerParser p) : parser(std::move(p)) {}
    AnswerParser parser;
    std::vector<AnswerPiece> waiting;  ///< pieces for the next event
    bool ended = false;
  };

  void on_token(const TokenEvent& token) {
    Choice& choice = choices_[static_cast<std::size_t>(token.chain)];
    ChatEvent event;
    event.choice = token.chain;
    event.pieces = std::exchange(choice.waiting, {});
    const bool thinking = choice.parser.thinking();
    append(event.pieces, choice.parser.push(token.text));
    if (token.token != TokenEvent::kNoToken) {
      event.token = &token;
      ++usage_.answer_tokens;
      if (thinking || choice.parser.thinking()) ++usage_.reasoning_tokens;
    }
    if (token.finish != FinishReason::none) {
      end(choice, event, token.finish);
      event.stop_text = token.stopped_by;
    }
    if (listener_.event) listener_.event(event);
  }

  void on_end(const JobResult& result) {
    for (std::size_t i = 0; i < choices_.size() && !result.error; ++i) {
      // A chain that may have no tokens, or was cancelled in line, never had an event.
      if (choices_[i].ended) continue;
      ChatEvent event;
      event.choice = static_cast<std::int64_t>(i);
      event.pieces = std::exchange(choices_[i].waiting, {});
      const bool known = i < result.chains.size();
      end(choices_[i], event, known ? result.chains[i].finish : FinishReason::cancelled);
      if (listener_.event) listener_.event(event);
    }
    usage_.prompt_tokens = prompt_tokens_;
    usage_.cached_tokens = result.stats.reused_tokens;
    usage_.queue_seconds = result.stats.queue_seconds;
    usage_.prefill_seconds = result.stats.prefill_seconds;
    usage_.decode_seconds = result.stats.decode_seconds;
    if (listener_.done) listener_.done(usage_, result.error);
    // The listener may hold what holds this run.
    listener_ = {};
  }

  static void append(std::vector<AnswerPiece>& to, std::vector<AnswerPiece> more) {
    to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  }

  static void end(Choice& choice, ChatEvent& event, FinishReason reason) {
    append(event.pieces, choice.parser.finish());
    choice.ended = true;
    switch (reason) {
      case FinishReason::length:
      case FinishReason::context_full: event.end = AnswerEnd::length; break;
      case FinishReason::end_token:
      case FinishReason::stop_string:
        event.end = choice.parser.calls() > 0 ? AnswerEnd::tool_calls : AnswerEnd::stop;
        break;
      case FinishReason::none:
      case FinishReason::cancelled: event.end = AnswerEnd::cancelled; break;
    }
  }

  std::shared_ptr<LoadedModel> model_;
  ChatListener listener_;
  std::int64_t prompt_tokens_;
  std::atomic<JobId> job_{0};
  std::vector<Choice> choices_;  ///< (n)
  ChatUsage usage_;
};

}  // namespace

std::shared_ptr<ChatRun> start_chat(ModelPool& pool, const ChatRequest& request,
                                    ChatListener listener) {
  std::shared_ptr<LoadedModel> model = pool.acquire(request.model);
  check_request(request, model->model().tokenizer());
  const ChatPrompt prompt = make_chat_prompt(model->model(), model->chat_template(), request);

  Job job;
  job.prompt = prompt.tokens;
  job.options = request.options;
  job.n = request.n;
  job.options.shown_tokens = prompt.shown_tokens;
  job.options.continued_tokens = static_cast<std::int64_t>(request.answer_prefix.size());
  job.options.constraint = constraint_of(*model, request, prompt);
  auto run = std::make_shared<Run>(std::move(model), request, prompt, std::move(listener));
  run->start(run, std::move(job));
  return run;
}

std::int64_t count_prompt_tokens(ModelPool& pool, const ChatRequest& request) {
  const std::shared_ptr<LoadedModel> model = pool.acquire(request.model);
  const ChatPrompt prompt = make_chat_prompt(model->model(), model->chat_template(), request);
  return static_cast<std::int64_t>(prompt.tokens.size());
}

}  // namespace jielong
