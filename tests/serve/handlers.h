#pragma once

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/json.h"
#include "generate/model_pool.h"
#include "serve/context.h"
#include "serve/fixtures.h"
#include "serve/tiny_chat_model.h"

namespace jielong::test {

/// The routes over a tiny chat model, called without a server.
class Handlers {
 public:
  using AddRoutes = void (*)(serve::RouteTable&, serve::ServeContext&);
  using ReplyPtr = std::shared_ptr<RecordingReply>;

  explicit Handlers(AddRoutes add = serve::add_openai_routes,
                    std::string_view chat_template = TinyChatModel::kTemplate,
                    const std::string& control = "<s>")
      : model_(chat_template, control),
        pool_(tiny_pool(1), ModelStore(offline_store(folder_))),
        context{pool_, {}, metrics_, model_.path(), "test"} {
    add(table_, context);
  }

  /// Calls the route's handler and waits for the end of its answer; errors are answered as the
  /// server would.
  ReplyPtr call(std::string_view method, std::string path, std::string body = {}) {
    ReplyPtr reply = begin(method, std::move(path), std::move(body));
    for (int i = 0; i < 60000 && !reply->ended(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    if (!reply->ended()) throw std::runtime_error("no answer: " + reply->body);
    return reply;
  }

  /// The same without waiting.
  ReplyPtr begin(std::string_view method, std::string path, std::string body = {}) {
    return call_route(table_, method, std::move(path), std::move(body));
  }

  /// The JSON answer to a POST; its status must be as expected.
  OrderedJson post(const std::string& path, const OrderedJson& body, int status = 200) {
    const ReplyPtr reply = call("POST", path, body.dump());
    if (reply->status != status) {
      throw std::runtime_error(std::to_string(reply->status) + ": " + reply->body);
    }
    return parse_ordered_json(reply->body, "answer");
  }

  /// The data of every event of a stream, "[DONE]" included.
  std::vector<std::string> stream(const std::string& path, const OrderedJson& body) {
    const ReplyPtr reply = call("POST", path, body.dump());
    if (reply->status != 200) throw std::runtime_error(reply->body);
    return data_lines(reply->body);
  }

  static std::vector<std::string> data_lines(std::string_view text) {
    std::vector<std::string> lines;
    while (!text.empty()) {
      const std::size_t end = text.find('\n');
      const std::string_view line = text.substr(0, end);
      if (line.starts_with("data: ")) lines.emplace_back(line.substr(6));
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return lines;
  }

 private:
  Scratch folder_;
  TinyChatModel model_;
  serve::Metrics metrics_;
  ModelPool pool_;
  serve::RouteTable table_;

 public:
  serve::ServeContext context;
};

}  // namespace jielong::test
