#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "base/json.h"
#include "serve/openai_chat.h"

namespace jielong::serve {

/// The latest responses, for previous_response_id and GET /v1/responses/{id}. They live in
/// memory only, and the oldest are forgotten first. Thread-safe.
class ResponseStore {
 public:
  static constexpr std::size_t kMostResponses = 1024;
  static constexpr std::size_t kMostBytes = 64 << 20;

  struct Entry {
    std::string id, response;  ///< the object as JSON text
    std::string messages;      ///< the conversation with its answer, without instructions
  };
  void put(Entry entry);
  std::optional<Entry> find(const std::string& id) const;
  bool remove(const std::string& id);

 private:
  mutable std::mutex mutex_;
  std::list<Entry> entries_;  ///< latest first
  std::size_t bytes_ = 0;
};

/// A body of POST /v1/responses.
struct OpenAiResponse {
  ChatRequest chat;      ///< its messages begin with the instructions, then `conversation`
  std::string messages;  ///< the conversation without instructions
  bool stream = false, store = true, seeded = false;
  bool logprobs = false;
  /// What the response object says about its request, in the order it is written.
  std::shared_ptr<const OrderedJson> echo;
};
/// @param store where previous_response_id is looked up. Throws Error(not_found) besides what
///   RequestFields throws.
OpenAiResponse read_openai_response(const OrderedJson& body, const Limits& limits,
                                    const ResponseStore& store);

/// The response object, or the typed events by which it grows.
/// @param store gets the response at its end if it is to be kept; may be null
std::unique_ptr<AnswerWriter> openai_response_writer(const OpenAiResponse& request,
                                                     OpenAiAnswerInfo info,
                                                     std::shared_ptr<ResponseStore> store);

}  // namespace jielong::serve
