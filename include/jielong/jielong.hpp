#pragma once

// Jielong's C++ interface: C++17, header-only over the C interface in jielong.h, so that it
// shares that one's promise of stability and works with any compiler's standard library.
// Failures are thrown as jielong::Error.

#include <jielong/jielong.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace jielong {
// Named after the version, so that these never meet the library's own classes at link time.
inline namespace v0 {

using Token = jielong_token;
using Candidate = jielong_candidate;

/// A failure, as one sentence: where, what, and what to do about it.
class Error : public std::runtime_error {
 public:
  Error(jielong_status status, const std::string& message)
      : std::runtime_error(message), status_(status) {}
  jielong_status status() const noexcept { return status_; }

 private:
  jielong_status status_;
};

namespace detail {

inline void check(jielong_status status) {
  if (status == JIELONG_OK) return;
  if (status == JIELONG_OUT_OF_MEMORY) throw std::bad_alloc();
  throw Error(status, jielong_last_error());
}

/// Calls fill(out, capacity, &count) once or, when the first guess was too small, twice.
template <typename Buffer, typename Fill>
Buffer filled(std::size_t guess, std::size_t extra, const Fill& fill) {
  Buffer buffer(guess + extra, {});
  std::size_t count = 0;
  jielong_status status = fill(buffer.data(), buffer.size(), &count);
  if (status == JIELONG_BUFFER_TOO_SMALL) {
    buffer.resize(count + extra);
    status = fill(buffer.data(), buffer.size(), &count);
  }
  check(status);
  buffer.resize(count);
  return buffer;
}

/// A string's room for the terminating zero.
constexpr std::size_t kZero = 1;

}  // namespace detail

struct LoadOptions {
  int threads = 0;                  ///< 0: one for each core
  std::int64_t context_length = 0;  ///< 0: what the model was trained for
  int max_chains = 8;
  jielong_kv_type kv_type = JIELONG_KV_F16;
};

struct Message {
  std::string role;  ///< "system", "user" or "assistant"
  std::string content;
};

/// A loaded model. Copies share it.
class Model {
 public:
  /// @param name a name ("smollm2") or the path of a GGUF file or safetensors folder
  explicit Model(const std::string& name, const LoadOptions& options = {}) {
    jielong_model_options c;
    jielong_model_options_init(&c, sizeof c);
    c.threads = options.threads;
    c.context_length = options.context_length;
    c.max_chains = options.max_chains;
    c.kv_type = options.kv_type;
    jielong_model* model = nullptr;
    detail::check(jielong_model_load(name.c_str(), &c, &model));
    model_.reset(model, jielong_model_free);
  }

  jielong_model_info info() const {
    jielong_model_info info{};
    info.struct_size = sizeof info;
    detail::check(jielong_model_get_info(get(), &info));
    return info;
  }

  std::vector<Token> tokenize(std::string_view text, int flags = JIELONG_ADD_SPECIAL) const {
    return detail::filled<std::vector<Token>>(
        text.size() / 2 + 8, 0, [&](Token* out, std::size_t capacity, std::size_t* count) {
          return jielong_tokenize(get(), text.data(), text.size(), flags, out, capacity, count);
        });
  }

  std::string detokenize(const std::vector<Token>& tokens, int flags = 0) const {
    return detail::filled<std::string>(
        tokens.size() * 4, detail::kZero, [&](char* out, std::size_t capacity, std::size_t* count) {
          return jielong_detokenize(get(), tokens.data(), tokens.size(), flags, out, capacity,
                                    count);
        });
  }

  bool is_end(Token token) const { return jielong_is_end(get(), token) != 0; }

  /// The conversation as the model's chat template lays it out, up to where the answer begins.
  std::string chat_prompt(const std::vector<Message>& messages) const {
    std::vector<jielong_message> c;
    for (const Message& message : messages) {
      c.push_back({message.role.c_str(), message.content.c_str()});
    }
    return detail::filled<std::string>(
        512, detail::kZero, [&](char* out, std::size_t capacity, std::size_t* count) {
          return jielong_chat_prompt(get(), c.data(), c.size(), out, capacity, count);
        });
  }

  /// The vector of a text, by default of length 1.
  std::vector<float> embed(std::string_view text, jielong_pooling pooling = JIELONG_POOL_MODEL,
                           bool normalize = true) const {
    return detail::filled<std::vector<float>>(
        static_cast<std::size_t>(info().width), 0,
        [&](float* out, std::size_t capacity, std::size_t* count) {
          return jielong_embed(get(), text.data(), text.size(), pooling, normalize ? 1 : 0, out,
                               capacity, count);
        });
  }

  jielong_model* get() const { return model_.get(); }

 private:
  std::shared_ptr<jielong_model> model_;
};

/// How the next token is chosen and when a chain ends; see jielong_generation.
struct GenerateOptions {
  std::int64_t max_tokens = -1;
  std::uint64_t seed = 0;
  double temperature = 0.8;
  std::int64_t top_k = 40;
  double top_p = 0.95;
  double min_p = 0.05;
  double typical_p = 1;
  double repeat_penalty = 1;
  double frequency_penalty = 0;
  double presence_penalty = 0;
  std::vector<std::string> stop;
  bool ignore_end = false;
  std::int64_t top_logprobs = -1;
};

namespace detail {

/// The options in C; valid as long as `options` and this object.
class Generation {
 public:
  explicit Generation(const GenerateOptions& options) {
    for (const std::string& text : options.stop) stop_.push_back(text.c_str());
    jielong_generation_init(&c_, sizeof c_);
    c_.max_tokens = options.max_tokens;
    c_.seed = options.seed;
    c_.temperature = options.temperature;
    c_.top_k = options.top_k;
    c_.top_p = options.top_p;
    c_.min_p = options.min_p;
    c_.typical_p = options.typical_p;
    c_.repeat_penalty = options.repeat_penalty;
    c_.frequency_penalty = options.frequency_penalty;
    c_.presence_penalty = options.presence_penalty;
    c_.stop = stop_.data();
    c_.stop_count = stop_.size();
    c_.ignore_end = options.ignore_end ? 1 : 0;
    c_.top_logprobs = options.top_logprobs;
  }
  const jielong_generation* get() const { return &c_; }

 private:
  jielong_generation c_{};
  std::vector<const char*> stop_;
};

}  // namespace detail

/// Called for each token; returning false stops the chain. May throw.
using OnToken = std::function<bool(const jielong_event& event)>;

struct Answer {
  std::string text;
  jielong_result result{};
};

/// A chain of tokens that the model continues.
class Chain {
 public:
  explicit Chain(const Model& model) : model_(model) {
    jielong_chain* chain = nullptr;
    detail::check(jielong_chain_open(model.get(), &chain));
    chain_.reset(chain);
  }

  /// Another chain with the same tokens, sharing what was computed for them.
  Chain fork() const {
    jielong_chain* chain = nullptr;
    detail::check(jielong_chain_fork(get(), &chain));
    return Chain(model_, chain);
  }

  void append(const std::vector<Token>& tokens) {
    detail::check(jielong_chain_append(get(), tokens.data(), tokens.size()));
  }
  /// Replaces the tokens; what was computed for a common beginning is kept.
  void assign(const std::vector<Token>& tokens) {
    detail::check(jielong_chain_assign(get(), tokens.data(), tokens.size()));
  }
  std::vector<Token> tokens() const {
    return detail::filled<std::vector<Token>>(
        64, 0, [&](Token* out, std::size_t capacity, std::size_t* count) {
          return jielong_chain_tokens(get(), out, capacity, count);
        });
  }

  /// The `top` most probable next tokens under the model's own distribution.
  std::vector<Candidate> next(std::size_t top) { return candidates(nullptr, top); }
  /// The same after the sampler chain of `options`.
  std::vector<Candidate> next(std::size_t top, const GenerateOptions& options) {
    const detail::Generation generation(options);
    return candidates(generation.get(), top);
  }

  /// Continues the chain and returns what was appended.
  Answer generate(const GenerateOptions& options = {}, const OnToken& on_token = {}) {
    struct Stream {
      const OnToken& on_token;
      std::string text;
      std::exception_ptr failure;
    } stream{on_token, {}, {}};
    // Exceptions must not pass through C: they wait in `stream`.
    const auto receive = [](const jielong_event* event, void* user) -> int {
      auto& to = *static_cast<Stream*>(user);
      try {
        to.text.append(event->text, event->text_length);
        return to.on_token && !to.on_token(*event) ? 1 : 0;
      } catch (...) {
        to.failure = std::current_exception();
        return 1;
      }
    };
    Answer answer;
    answer.result.struct_size = sizeof answer.result;
    const detail::Generation generation(options);
    const jielong_status status =
        jielong_chain_generate(get(), generation.get(), receive, &stream, &answer.result);
    if (stream.failure) std::rethrow_exception(stream.failure);
    detail::check(status);
    answer.text = std::move(stream.text);
    return answer;
  }

  /// Ends a generate() that runs in another thread, or the next one.
  void cancel() noexcept { jielong_chain_cancel(get()); }

  const Model& model() const { return model_; }
  jielong_chain* get() const { return chain_.get(); }

 private:
  struct Free {
    void operator()(jielong_chain* chain) const noexcept { jielong_chain_free(chain); }
  };

  Chain(Model model, jielong_chain* chain) : model_(std::move(model)), chain_(chain) {}

  std::vector<Candidate> candidates(const jielong_generation* generation, std::size_t top) {
    std::vector<Candidate> out(top);
    std::size_t count = 0;
    detail::check(jielong_chain_next(get(), generation, out.data(), out.size(), &count));
    if (count < top) out.resize(count);
    return out;
  }

  Model model_;
  std::unique_ptr<jielong_chain, Free> chain_;
};

/// A conversation. Each turn evaluates only what is new in it.
class Chat {
 public:
  /// @param system what the model is told about its part; may be empty
  explicit Chat(const Model& model, const std::string& system = {}) : chain_(model) {
    if (!system.empty()) messages_.push_back({"system", system});
  }

  /// Says `text` to the model and returns its answer.
  Answer say(const std::string& text, const GenerateOptions& options = {},
             const OnToken& on_token = {}) {
    messages_.push_back({"user", text});
    try {
      chain_.assign(
          chain_.model().tokenize(chain_.model().chat_prompt(messages_), JIELONG_PARSE_SPECIAL));
      Answer answer = chain_.generate(options, on_token);
      messages_.push_back({"assistant", answer.text});
      return answer;
    } catch (...) {
      messages_.pop_back();
      throw;
    }
  }

  const std::vector<Message>& messages() const { return messages_; }

 private:
  Chain chain_;
  std::vector<Message> messages_;
};

}  // namespace v0
}  // namespace jielong
