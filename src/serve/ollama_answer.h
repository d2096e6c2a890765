#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "serve/answer_writer.h"
#include "serve/streams.h"

namespace jielong::serve {

/// What an answer of Ollama's says besides the answer itself.
struct OllamaAnswerOptions {
  enum class Endpoint : std::uint8_t { chat, generate };
  Endpoint endpoint = Endpoint::chat;
  std::string model;       ///< as the request names it
  std::string request_id;  ///< "req_…": the ids of calls are made from it
  bool stream = true;
  bool show_thinking = true;
  /// A token's log-probability as JSON; none: they are left out.
  std::function<OrderedJson(const TokenEvent&)> logprob;
  /// The prompt's tokens, with which "context" begins; none: it is left out.
  std::optional<std::vector<Token>> context;
  std::chrono::steady_clock::time_point began = std::chrono::steady_clock::now();
  std::chrono::nanoseconds load_duration{0};
};

/// An answer as records of Ollama's /api/chat and /api/generate, one a line, or as one object.
class OllamaAnswer : public AnswerWriter {
 public:
  explicit OllamaAnswer(OllamaAnswerOptions options);
  ~OllamaAnswer() override;

  Dialect dialect() const override { return Dialect::ollama; }
  std::string_view stream_type() const override { return kRecordStream; }
  std::string begin(std::int64_t prompt_tokens) override;
  std::string push(const ChatEvent& event) override;
  std::string end(const ChatUsage& usage) override;
  std::string failed(const HttpProblem& problem) override;
  std::string whole(const ChatUsage& usage) override;

 private:
  struct State;
  std::string take_record();
  const OllamaAnswerOptions options_;
  std::unique_ptr<State> state_;
};

/// The only record of a request that loads or unloads a model.
std::string ollama_load_record(const OllamaAnswerOptions& options, bool unloaded);

}  // namespace jielong::serve
