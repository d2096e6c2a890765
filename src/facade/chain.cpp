#include "generate/chain.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "facade/guard.h"
#include "facade/handles.h"
#include "generate/generator.h"
#include "generate/next_logits.h"
#include "jielong/jielong.h"

using namespace jielong;          // NOLINT(google-build-using-namespace): C functions follow
using namespace jielong::facade;  // NOLINT(google-build-using-namespace)

jielong_chain::~jielong_chain() {
  if (!cache.sequence) return;
  const std::lock_guard turn(engine->turn);
  engine->runner.close(*cache.sequence);
}

namespace {

jielong_generation defaults() {
  const GenerateOptions options;
  return {
      .struct_size = sizeof(jielong_generation),
      .max_tokens = options.max_tokens,
      .seed = options.seed,
      .temperature = options.sampling.temperature,
      .top_k = options.sampling.top_k,
      .top_p = options.sampling.top_p,
      .min_p = options.sampling.min_p,
      .typical_p = options.sampling.typical_p,
      .repeat_penalty = options.sampling.repeat_penalty,
      .frequency_penalty = options.sampling.frequency_penalty,
      .presence_penalty = options.sampling.presence_penalty,
      .stop = nullptr,
      .stop_count = 0,
      .ignore_end = 0,
      .top_logprobs = options.logprobs,
  };
}

GenerateOptions options_of(const jielong_generation* generation) {
  const jielong_generation from = read_struct(generation, defaults(), "generation");
  GenerateOptions options;
  options.max_tokens = from.max_tokens;
  options.seed = from.seed;
  options.sampling.temperature = from.temperature;
  options.sampling.top_k = from.top_k;
  options.sampling.top_p = from.top_p;
  options.sampling.min_p = from.min_p;
  options.sampling.typical_p = from.typical_p;
  options.sampling.repeat_penalty = from.repeat_penalty;
  options.sampling.frequency_penalty = from.frequency_penalty;
  options.sampling.presence_penalty = from.presence_penalty;
  options.ignore_end = from.ignore_end != 0;
  options.logprobs = from.top_logprobs;
  if (from.stop_count > 0) given(from.stop, "stop");
  for (std::size_t i = 0; i < from.stop_count; ++i) {
    options.stop.emplace_back(&given(from.stop[i], "stop"));
  }
  check(options.sampling);
  return options;
}

const Tokenizer* tokenizer_of(const Engine& engine) {
  return engine.model->has_tokenizer() ? &engine.model->tokenizer() : nullptr;
}

jielong_finish finish_of(FinishReason reason) {
  switch (reason) {
    case FinishReason::none: return JIELONG_FINISH_NONE;
    case FinishReason::end_token: return JIELONG_FINISH_END;
    case FinishReason::stop_string: return JIELONG_FINISH_STOP;
    case FinishReason::length: return JIELONG_FINISH_LENGTH;
    case FinishReason::context_full: return JIELONG_FINISH_CONTEXT;
    case FinishReason::cancelled: return JIELONG_FINISH_CANCELLED;
  }
  return JIELONG_FINISH_NONE;
}

/// Hands an event to the caller's function; true to go on.
bool report(const TokenEvent& event, jielong_on_token on_token, void* user) {
  const std::string text(event.text);  // zero-terminated
  std::vector<jielong_logprob> top;
  for (const TokenLogprob& entry : event.top_logprobs) top.push_back({entry.token, entry.logprob});
  const jielong_event c = {
      .struct_size = sizeof(jielong_event),
      .token = event.token,
      .text = text.c_str(),
      .text_length = text.size(),
      .logprob = event.logprob,
      .top = top.data(),
      .top_count = top.size(),
      .finish = finish_of(event.finish),
  };
  return on_token(&c, user) == 0;
}

/// Throws Error(bad_input) on tokens the model does not have.
std::span<const Token> checked_tokens(const jielong_chain& chain, const jielong_token* tokens,
                                      std::size_t count) {
  if (count > 0) given(tokens, "tokens");
  const std::span<const Token> span(tokens, count);
  const auto vocabulary = chain.engine->runner.vocabulary();
  for (const Token token : span) {
    if (token < 0 || token >= vocabulary) {
      throw bad_input("token " + std::to_string(token) + " is not in the vocabulary", "tokens",
                      "use tokens of 0 to " + std::to_string(vocabulary - 1));
    }
  }
  return span;
}

}  // namespace

extern "C" {

jielong_status jielong_chain_open(jielong_model* model, jielong_chain** chain) {
  return guard([&] {
    given(chain, "chain") = nullptr;
    auto engine = given(model, "model").engine;
    if (!engine->model->generates()) {
      throw Error(ErrorKind::unsupported, "is an encoder and continues no chains",
                  engine->model->path().string(), "use jielong_embed, or another model");
    }
    *chain = new jielong_chain(std::move(engine));
    return JIELONG_OK;
  });
}

void jielong_chain_free(jielong_chain* chain) { delete chain; }

jielong_status jielong_chain_fork(const jielong_chain* chain, jielong_chain** fork) {
  return guard([&] {
    given(fork, "fork") = nullptr;
    auto copy = std::make_unique<jielong_chain>(given(chain, "chain").engine);
    copy->tokens = chain->tokens;
    if (chain->cache.sequence) {
      copy->cache.tokens = chain->cache.tokens;
      const std::lock_guard turn(copy->engine->turn);
      copy->cache.sequence =
          copy->engine->runner.fork(*chain->cache.sequence, std::ssize(chain->cache.tokens));
    }
    *fork = copy.release();
    return JIELONG_OK;
  });
}

jielong_status jielong_chain_append(jielong_chain* chain, const jielong_token* tokens,
                                    size_t count) {
  return guard([&] {
    const auto more = checked_tokens(given(chain, "chain"), tokens, count);
    chain->tokens.insert(chain->tokens.end(), more.begin(), more.end());
    return JIELONG_OK;
  });
}

jielong_status jielong_chain_assign(jielong_chain* chain, const jielong_token* tokens,
                                    size_t count) {
  return guard([&] {
    const auto all = checked_tokens(given(chain, "chain"), tokens, count);
    chain->tokens.assign(all.begin(), all.end());
    return JIELONG_OK;
  });
}

jielong_status jielong_chain_tokens(const jielong_chain* chain, jielong_token* out, size_t capacity,
                                    size_t* count) {
  return guard([&] { return copy_out(given(chain, "chain").tokens, out, capacity, count); });
}

void jielong_generation_init(jielong_generation* generation, size_t size) {
  init_struct(generation, size, defaults());
}

jielong_status jielong_chain_next(jielong_chain* chain, const jielong_generation* generation,
                                  jielong_candidate* out, size_t capacity, size_t* count) {
  return guard([&] {
    Engine& engine = *given(chain, "chain").engine;
    if (capacity > 0) given(out, "out");
    std::optional<SamplerChain> samplers;
    if (generation != nullptr) samplers.emplace(options_of(generation).sampling, Rng());
    const std::lock_guard turn(engine.turn);
    const std::span<const float> logits = next_logits(engine.runner, chain->tokens, chain->cache);
    Distribution distribution;
    if (samplers) {
      samplers->start(chain->tokens);
      distribution = samplers->shape(logits);
    } else {
      distribution.assign(logits);
    }
    given(count, "count") = static_cast<std::size_t>(distribution.survivors());
    for (const TokenProbability& entry : distribution.top(static_cast<std::int64_t>(capacity))) {
      *out++ = {entry.token, entry.probability};
    }
    return JIELONG_OK;
  });
}

jielong_status jielong_chain_generate(jielong_chain* chain, const jielong_generation* generation,
                                      jielong_on_token on_token, void* user,
                                      jielong_result* result) {
  return guard([&] {
    Engine& engine = *given(chain, "chain").engine;
    const GenerateOptions options = options_of(generation);
    if (result != nullptr) write_struct(result, jielong_result{}, "result");
    OnToken receive;
    if (on_token != nullptr) {
      receive = [&](const TokenEvent& event) { return report(event, on_token, user); };
    }
    const std::lock_guard turn(engine.turn);
    Generator generator(engine.runner, tokenizer_of(engine));
    const auto before = std::ssize(chain->tokens);
    generator.add(chain->tokens, options, 1, std::exchange(chain->cache, {}));
    generator.run(receive, &chain->cancel);
    chain->cancel = false;
    const ChainResult answer = generator.result(0);
    chain->cache = generator.release(0);
    chain->tokens.insert(chain->tokens.end(), answer.tokens.begin(), answer.tokens.end());
    if (result != nullptr) {
      const GenerateStats stats = generator.stats();
      write_struct(result,
                   jielong_result{
                       .struct_size = 0,
                       .finish = finish_of(answer.finish),
                       .prompt_tokens = before,
                       .reused_tokens = stats.reused_tokens,
                       .generated_tokens = std::ssize(answer.tokens),
                       .first_token_seconds = stats.first_token_seconds,
                       .prefill_seconds = stats.prefill_seconds,
                       .decode_seconds = stats.decode_seconds,
                   },
                   "result");
    }
    return JIELONG_OK;
  });
}

void jielong_chain_cancel(jielong_chain* chain) {
  if (chain != nullptr) chain->cancel = true;
}

}  // extern "C"
