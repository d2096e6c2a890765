#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>

#include "base/utf8.h"
#include "serve/openai_completion.h"
#include "serve/openai_tokens.h"
#include "serve/streams.h"

namespace jielong::serve {
namespace {

class CompletionWriter : public AnswerWriter {
 public:
  CompletionWriter(const OpenAiCompletion& request, OpenAiAnswerInfo info)
      : info_(std::move(info)),
        stream_(request.stream),
        include_usage_(request.include_usage),
        logprobs_(request.logprobs >= 0),
        n_(request.n),
        best_of_(request.best_of),
        id_(unique_id("cmpl-")),
        trace_(request.chats.front().options.trace_top > 0),
        choices_(request.chats.size() * static_cast<std::size_t>(request.best_of)) {
    if (!request.echo) return;
    for (const ChatRequest& chat : request.chats) {
      std::string text = chat.prompt;
      if (!chat.prompt_tokens.empty() && info_.loaded) {
        text = sanitize_utf8(info_.loaded->model().tokenizer().decode(chat.prompt_tokens));
      }
      echoes_.push_back(std::move(text));
    }
  }

  Dialect dialect() const override { return Dialect::openai; }
  std::string_view stream_type() const override { return kEventStream; }
  std::string ping() const override { return std::string(kCommentPing); }

  std::string begin(std::int64_t) override {
    std::string out;
    for (std::size_t i = 0; !echoes_.empty() && i < choices_.size(); ++i) {
      out += chunk(i, echo_of(i), nullptr, nullptr, nullptr);
    }
    return out;
  }

  std::string push(const ChatEvent& event) override {
    const auto index = static_cast<std::size_t>(event.choice);
    Choice& choice = choices_[index];
    std::string text;
    for (const AnswerPiece& piece : event.pieces) text += piece.text;
    OrderedJson tokens;
    const OrderedJson logprobs = take_token(choice, event, tokens);
    choice.length += text.size();
    if (event.end) choice.finish = *event.end == AnswerEnd::length ? "length" : "stop";
    if (!stream_) {
      choice.text += text;
      return {};
    }
    std::string out;
    if (!text.empty() || !logprobs.is_null() || !tokens.is_null()) {
      out += chunk(index, text, logprobs, nullptr, tokens);
    }
    if (event.end) out += chunk(index, "", nullptr, choice.finish, nullptr);
    return out;
  }

  std::string end(const ChatUsage& usage) override {
    std::string out;
    if (include_usage_) {
      OrderedJson last = frame();
      last["choices"] = OrderedJson::array();
      last["usage"] = usage_json(usage);
      out += sse_event({}, dump(last));
    }
    return out + sse_event({}, "[DONE]");
  }

  std::string failed(const HttpProblem& problem) override {
    return sse_event({}, problem_json(Dialect::openai, problem, {})) + sse_event({}, "[DONE]");
  }

  std::string whole(const ChatUsage& usage) override {
    OrderedJson json = frame();
    OrderedJson& list = json["choices"] = OrderedJson::array();
    const auto best_of = static_cast<std::size_t>(best_of_);
    for (std::size_t first = 0; first < choices_.size(); first += best_of) {
      for (const std::size_t index : best(first)) {
        Choice& choice = choices_[index];
        list.push_back({{"text", echo_of(index) + choice.text},
                        {"index", list.size()},
                        {"logprobs", logprobs_ ? std::move(choice.logprobs) : OrderedJson()},
                        {"finish_reason", choice.finish}});
      }
    }
    json["usage"] = usage_json(usage);
    return dump(json);
  }

 private:
  struct Choice {
    std::string text, finish;
    std::size_t length = 0;  ///< of the text so far, in bytes
    OrderedJson logprobs = empty_logprobs();
    double sum = 0;  ///< of the tokens' logprobs
    std::int64_t count = 0;
  };

  static OrderedJson empty_logprobs() {
    const OrderedJson none = OrderedJson::array();
    return {
        {"tokens", none}, {"token_logprobs", none}, {"top_logprobs", none}, {"text_offset", none}};
  }

  /// The n most probable of the prompt's chains, by their mean logprob, in order of index.
  std::vector<std::size_t> best(std::size_t first) const {
    std::vector<std::size_t> order(static_cast<std::size_t>(best_of_));
    std::iota(order.begin(), order.end(), first);
    if (best_of_ == n_) return order;
    const auto mean = [this](std::size_t i) {
      const Choice& choice = choices_[i];
      return choice.count > 0 ? choice.sum / static_cast<double>(choice.count) : 0.0;
    };
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return mean(a) > mean(b); });
    order.resize(static_cast<std::size_t>(n_));
    return order;
  }

  std::string echo_of(std::size_t index) const {
    return echoes_.empty() ? std::string() : echoes_[index / static_cast<std::size_t>(best_of_)];
  }

  OrderedJson take_token(Choice& choice, const ChatEvent& event, OrderedJson& tokens) {
    if (event.token == nullptr || !info_.loaded) return nullptr;
    const Tokenizer& tokenizer = info_.loaded->model().tokenizer();
    if (trace_) tokens = OrderedJson::array({trace_json(tokenizer, *event.token)});
    choice.sum += event.token->logprob;
    ++choice.count;
    if (!logprobs_ || event.token->finish == FinishReason::end_token) return nullptr;
    OrderedJson fresh;
    if (stream_) fresh = empty_logprobs();
    OrderedJson& to = stream_ ? fresh : choice.logprobs;
    to["tokens"].push_back(token_text(tokenizer, event.token->token));
    to["token_logprobs"].push_back(event.token->logprob);
    OrderedJson top = OrderedJson::object();
    for (const TokenLogprob& entry : event.token->top_logprobs) {
      top[token_text(tokenizer, entry.token)] = entry.logprob;
    }
    to["top_logprobs"].push_back(std::move(top));
    to["text_offset"].push_back(choice.length);
    return fresh;
  }

  OrderedJson frame() const {
    return {{"id", id_},
            {"object", "text_completion"},
            {"created", info_.created},
            {"model", info_.model},
            {"system_fingerprint", info_.fingerprint}};
  }

  std::string chunk(std::size_t index, const std::string& text, const OrderedJson& logprobs,
                    const OrderedJson& finish, const OrderedJson& tokens) const {
    OrderedJson json = frame();
    json["choices"] = OrderedJson::array(
        {{{"text", text}, {"index", index}, {"logprobs", logprobs}, {"finish_reason", finish}}});
    if (include_usage_) json["usage"] = nullptr;
    if (!tokens.is_null()) json["jielong"] = {{"tokens", tokens}};
    return sse_event({}, dump(json));
  }

  OpenAiAnswerInfo info_;
  bool stream_, include_usage_, logprobs_;
  std::int64_t n_, best_of_;
  std::string id_;
  bool trace_;
  std::vector<Choice> choices_;      ///< (prompts · best_of)
  std::vector<std::string> echoes_;  ///< (prompts), or empty
};

}  // namespace

std::unique_ptr<AnswerWriter> openai_completion_writer(const OpenAiCompletion& request,
                                                       OpenAiAnswerInfo info) {
  return std::make_unique<CompletionWriter>(request, std::move(info));
}

}  // namespace jielong::serve
