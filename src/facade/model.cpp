#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "base/utf8.h"
#include "facade/guard.h"
#include "facade/handles.h"
#include "generate/embedding.h"
#include "jielong/jielong.h"
#include "model/model.h"
#include "model/model_chat.h"
#include "model/store/store.h"
#include "tensor/isa.h"
#include "token/tokenizer.h"

namespace jielong::facade {
namespace {

constexpr jielong_model_options kDefaults = {
    .struct_size = sizeof(jielong_model_options),
    .threads = 0,
    .max_chains = 8,
    .context_length = 0,
    .kv_type = JIELONG_KV_F16,
};

KvType kv_type(std::int32_t type) {
  switch (type) {
    case JIELONG_KV_F16: return KvType::f16;
    case JIELONG_KV_F32: return KvType::f32;
    case JIELONG_KV_Q8_0: return KvType::q8_0;
    default: throw bad_input("is no jielong_kv_type", "kv_type", "use one of JIELONG_KV_…");
  }
}

std::string_view text_of(const char* text, std::size_t length) {
  if (length > 0) given(text, "text");
  return {text, length};
}

EmbedOptions embed_options(jielong_pooling pooling, int normalize) {
  EmbedOptions options;
  options.normalize = normalize != 0;
  switch (pooling) {
    case JIELONG_POOL_MODEL: break;
    case JIELONG_POOL_MEAN: options.pooling = Hyperparameters::Pooling::mean; break;
    case JIELONG_POOL_FIRST: options.pooling = Hyperparameters::Pooling::first; break;
    case JIELONG_POOL_LAST: options.pooling = Hyperparameters::Pooling::last; break;
    default: throw bad_input("is no jielong_pooling", "pooling", "use one of JIELONG_POOL_…");
  }
  return options;
}

std::shared_ptr<const Model> prepared(std::shared_ptr<Model> model, ThreadPool& pool) {
  model->prepare(pool);
  return model;
}

}  // namespace

Engine::Engine(std::shared_ptr<Model> loaded, int threads, const RunnerOptions& options)
    : pool(threads), model(prepared(std::move(loaded), pool)), runner(model, pool, options) {}

}  // namespace jielong::facade

using namespace jielong;          // NOLINT(google-build-using-namespace): C functions follow
using namespace jielong::facade;  // NOLINT(google-build-using-namespace)

extern "C" {

const char* jielong_version(void) { return JIELONG_VERSION; }

const char* jielong_isa(void) {
  // The names are string literals.
  return name(active_isa()).data();
}

void jielong_model_options_init(jielong_model_options* options, size_t size) {
  init_struct(options, size, kDefaults);
}

jielong_status jielong_model_load(const char* name, const jielong_model_options* given_options,
                                  jielong_model** model) {
  return guard([&] {
    given(model, "model") = nullptr;
    const jielong_model_options options = read_struct(given_options, kDefaults, "options");
    const int cores = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
    const RunnerOptions runner{.context_length = options.context_length,
                               .kv_type = kv_type(options.kv_type),
                               .max_chains = options.max_chains};
    auto loaded = Model::load(ModelStore().resolve(&given(name, "name")).path,
                              LoadOptions{.context_length = options.context_length});
    *model = new jielong_model{std::make_shared<Engine>(
        std::move(loaded), options.threads == 0 ? cores : options.threads, runner)};
    return JIELONG_OK;
  });
}

void jielong_model_free(jielong_model* model) { delete model; }

jielong_status jielong_model_get_info(const jielong_model* model, jielong_model_info* info) {
  return guard([&] {
    const Model& of = *given(model, "model").engine->model;
    write_struct(info,
                 jielong_model_info{
                     .struct_size = 0,
                     .architecture = of.hyper().family.c_str(),
                     .name = of.hyper().name.c_str(),
                     .parameters = of.parameter_count(),
                     .file_bytes = of.file_bytes(),
                     .vocabulary = of.hyper().vocabulary,
                     .context_length = model->engine->runner.context_length(),
                     .width = of.hyper().channels,
                     .layers = of.hyper().layers,
                     .generates = of.generates() ? 1 : 0,
                 },
                 "info");
    return JIELONG_OK;
  });
}

jielong_status jielong_tokenize(const jielong_model* model, const char* text, size_t length,
                                int flags, jielong_token* out, size_t capacity, size_t* count) {
  return guard([&] {
    const EncodeOptions options{.add_special = (flags & JIELONG_ADD_SPECIAL) != 0,
                                .parse_special = (flags & JIELONG_PARSE_SPECIAL) != 0};
    const auto tokens =
        given(model, "model").engine->model->tokenizer().encode(text_of(text, length), options);
    return copy_out(tokens, out, capacity, count);
  });
}

jielong_status jielong_detokenize(const jielong_model* model, const jielong_token* tokens,
                                  size_t token_count, int flags, char* out, size_t capacity,
                                  size_t* count) {
  return guard([&] {
    if (token_count > 0) given(tokens, "tokens");
    const DecodeOptions options{.skip_special = (flags & JIELONG_SHOW_SPECIAL) == 0};
    const std::string text = given(model, "model")
                                 .engine->model->tokenizer()
                                 .decode(std::span(tokens, token_count), options);
    return copy_out(text, out, capacity, count);
  });
}

int jielong_is_end(const jielong_model* model, jielong_token token) {
  if (model == nullptr || !model->engine->model->has_tokenizer()) return 0;
  return model->engine->model->tokenizer().vocabulary().is_end(token) ? 1 : 0;
}

jielong_status jielong_chat_prompt(const jielong_model* model, const jielong_message* messages,
                                   size_t message_count, char* out, size_t capacity,
                                   size_t* count) {
  return guard([&] {
    const Model& of = *given(model, "model").engine->model;
    if (message_count > 0) given(messages, "messages");
    OrderedJson list = OrderedJson::array();
    for (const jielong_message& message : std::span(messages, message_count)) {
      // Text that is not UTF-8 could not be shown in an error message.
      list.push_back({{"role", sanitize_utf8(&given(message.role, "role"))},
                      {"content", sanitize_utf8(&given(message.content, "content"))}});
    }
    return copy_out(chat_template_of(of).render(list, chat_options_of(of)), out, capacity, count);
  });
}

jielong_status jielong_embed(jielong_model* model, const char* text, size_t length,
                             jielong_pooling pooling, int normalize, float* out, size_t capacity,
                             size_t* count) {
  return guard([&] {
    Engine& engine = *given(model, "model").engine;
    const std::lock_guard turn(engine.turn);
    return copy_out(embed(engine.runner, text_of(text, length), embed_options(pooling, normalize)),
                    out, capacity, count);
  });
}

}  // extern "C"
