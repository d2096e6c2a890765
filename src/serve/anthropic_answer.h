#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "serve/answer_writer.h"
#include "serve/anthropic_request.h"
#include "serve/streams.h"

namespace jielong::serve {

/// An answer as Anthropic's content blocks: server-sent events message_start,
/// content_block_start/delta/stop, message_delta and message_stop, or one message object.
class AnthropicAnswer : public AnswerWriter {
 public:
  /// @param request_id "req_…": the ids of the message and its calls are made from it
  AnthropicAnswer(std::string request_id, std::string model,
                  ThinkingBlocks thinking = ThinkingBlocks::shown);

  Dialect dialect() const override { return Dialect::anthropic; }
  std::string_view stream_type() const override { return kEventStream; }
  std::string ping() const override;
  std::string begin(std::int64_t prompt_tokens) override;
  std::string push(const ChatEvent& event) override;
  std::string end(const ChatUsage& usage) override;
  std::string failed(const HttpProblem& problem) override;
  std::string whole(const ChatUsage& usage) override;

 private:
  struct Block {
    AnswerPiece::Kind kind = AnswerPiece::Kind::content;  ///< content, reasoning or tool_call
    std::string text;                                     ///< of a call: its input as JSON text
    std::string id, name;                                 ///< of a call
  };

  void open(AnswerPiece::Kind kind, const std::string& name, std::string& out);
  void close(std::string& out);
  void append(const AnswerPiece& piece, std::string& out);

  const std::string request_id_, model_;
  const ThinkingBlocks thinking_;
  std::vector<Block> blocks_;
  bool is_open_ = false;  ///< the last block
  std::string stop_reason_ = "end_turn", stop_sequence_;
};

}  // namespace jielong::serve
