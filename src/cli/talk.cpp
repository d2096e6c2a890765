#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "cli/answer.h"
#include "cli/interrupt.h"
#include "cli/run_flags.h"
#include "generate/beam_search.h"
#include "model/chat_template.h"
#include "model/model_chat.h"

namespace jielong::cli {
namespace {

/// --template: the name of a well-known format or a file with a Jinja template.
ChatTemplate template_named(const std::string& name) {
  for (const std::string_view known : fallback_chat_template_names()) {
    if (name == known) return ChatTemplate(fallback_chat_template(known));
  }
  std::error_code ignored;
  if (std::filesystem::is_regular_file(name, ignored)) {
    return ChatTemplate(read_file(name, 1 << 20));
  }
  std::string names;
  for (const std::string_view known : fallback_chat_template_names()) {
    names += std::string(names.empty() ? "" : ", ") + std::string(known);
  }
  throw bad_input("no chat template \"" + name + "\"", "--template",
                  "name a file, or one of " + names);
}

bool same_vocabulary(const Tokenizer& a, const Tokenizer& b) {
  const Token size = a.vocabulary().size();
  if (b.vocabulary().size() != size) return false;
  for (Token token = 0; token < size; ++token) {
    if (a.vocabulary().piece(token) != b.vocabulary().piece(token)) return false;
  }
  return true;
}

GenerateResult search_beams(const Talk& talk, std::span<const Token> prompt) {
  const RunFlags& flags = talk.flags;
  const Vocabulary& vocabulary = talk.tokenizer().vocabulary();
  BeamOptions options;
  options.beams = flags.beams;
  options.results = flags.answers;
  options.length_penalty = flags.length_penalty;
  const std::int64_t room =
      talk.engine.runner->context_length() - static_cast<std::int64_t>(prompt.size()) + 1;
  options.max_tokens =
      flags.generation.max_tokens < 0 ? room : std::min(room, flags.generation.max_tokens);
  options.constraint = flags.generation.form.constraint(talk.tokenizer());
  options.end_tokens.assign(vocabulary.end_tokens().begin(), vocabulary.end_tokens().end());
  GenerateResult result;
  for (BeamResult& beam : beam_search(*talk.engine.runner, prompt, options, &interrupted)) {
    ChainResult chain;
    const bool ended = vocabulary.is_end(beam.tokens.back());
    chain.finish = ended ? FinishReason::end_token : FinishReason::length;
    Detokenizer text(talk.tokenizer(), !flags.generation.show_special, true);
    for (const Token token : beam.tokens) chain.text += text.push(token);
    chain.text += text.finish();
    result.stats.generated_tokens += static_cast<std::int64_t>(beam.tokens.size());
    chain.tokens = std::move(beam.tokens);
    result.chains.push_back(std::move(chain));
  }
  result.stats.prompt_tokens = static_cast<std::int64_t>(prompt.size());
  return result;
}

/// Why an answer ended that neither the model nor the user has ended.
std::string reason_to_stop(const Talk& talk, const GenerateResult& result) {
  for (const ChainResult& chain : result.chains) {
    if (chain.finish == FinishReason::context_full) {
      return fmt::format(
          "the context of {} tokens is full: -c makes it longer, --context-shift forgets the older "
          "half and goes on",
          talk.engine.runner->context_length());
    }
    constexpr std::int64_t kLimit = GenerationFlags::kDefaultMaxTokens;
    if (chain.finish == FinishReason::length && talk.flags.generation.max_tokens == kLimit &&
        static_cast<std::int64_t>(chain.tokens.size()) >= kLimit) {
      return fmt::format("stopped after {} tokens: -n sets another limit, -n -1 none", kLimit);
    }
  }
  return {};
}

}  // namespace

Talk start_talk(RunFlags& flags, Console& console) {
  if (flags.answers < 1 || flags.answers > 256) {
    throw bad_input("must lie between 1 and 256", "--answers");
  }
  if (flags.beams < 0 || flags.beams > 256)
    throw bad_input("must lie between 0 and 256", "--beams");
  if (flags.beams > 0 && flags.answers > flags.beams) {
    throw bad_input("cannot be more than --beams", "--answers");
  }
  auto model = load_model(flags.engine, console);
  if (!model->generates()) {
    throw Error(ErrorKind::unsupported, "this model makes vectors and continues no chains",
                flags.engine.model, "use jielong embed " + flags.engine.model);
  }
  const std::int64_t chains = std::max<std::int64_t>(flags.answers, 2 * flags.beams);
  Talk talk{console, flags, start_engine(std::move(model), flags.engine, chains), {}, {}};
  talk.fallback_seed = random_seed();

  const bool has_template = talk.engine.model->chat_template().has_value();
  std::optional<ChatTemplate> chat_template;
  if (!flags.chat_template.empty()) {
    chat_template = template_named(flags.chat_template);
  } else {
    chat_template = chat_template_of(*talk.engine.model);
    const bool plain = !has_template && chat_template->source() == fallback_chat_template("plain");
    talk.raw = flags.raw || plain;
    if (plain && !flags.raw) {
      console.note("note: this model has no chat template, so your text is continued as it is");
    }
  }
  talk.chat = std::make_unique<ChatSession>(*talk.engine.runner, *talk.engine.model,
                                            std::move(*chat_template));
  talk.chat->set_system(flags.system);

  if (!flags.draft.empty()) {
    EngineFlags draft_flags = flags.engine;
    draft_flags.model = flags.draft;
    auto draft = load_model(draft_flags, console);
    if (!same_vocabulary(talk.tokenizer(), draft->tokenizer())) {
      throw bad_input("its tokens are not those of " + flags.engine.model, flags.draft,
                      "use a smaller model of the same family as draft");
    }
    talk.draft = start_engine(std::move(draft), draft_flags, chains, talk.engine.pool);
  }
  return talk;
}

GenerateOptions Talk::options() const {
  GenerateOptions options = flags.generation.options(tokenizer(), fallback_seed);
  options.seed += retries;
  options.max_draft = flags.draft_max;
  if (draft.model) {
    options.drafter = [this, seed = options.seed] {
      return make_model_drafter(
          *draft.runner, engine.runner->vocabulary(),
          {.greedy = flags.draft_greedy, .min_probability = flags.draft_min_p, .seed = seed});
    };
  } else if (flags.lookup) {
    options.drafter = [] { return make_lookup_drafter(); };
  }
  return options;
}

GenerateResult Talk::generate_and_show(const std::string& raw_text) {
  const GenerateOptions generate_options = options();
  AnswerView view(console, tokenizer(), flags.answers, raw ? raw_text : std::string());
  if (raw && !console.json && !console.quiet && generate_options.trace_top == 0 &&
      flags.answers == 1) {
    console.print(console.paint(Style::dim, raw_text));
  }
  GenerateResult result;
  if (flags.beams > 0) {
    const auto prompt = raw ? tokenizer().encode(raw_text) : chat->prompt_tokens();
    result = search_beams(*this, prompt);
    if (!console.json) console.print(result.chains.front().text);
    if (!raw) chat->messages().push_back({"assistant", result.chains.front().text});
  } else if (raw) {
    result = chat->complete(tokenizer().encode(raw_text), generate_options, flags.answers,
                            view.on_token(), &interrupted);
  } else {
    result = chat->answer(generate_options, flags.answers, view.on_token(), &interrupted);
  }
  view.finish(result);
  if (console.json) {
    OrderedJson json{{"model", flags.engine.model}, {"seed", generate_options.seed}};
    json.update(result_to_json(result, tokenizer(), view.dice()));
    console.print_json(json);
  }
  const std::string reason = reason_to_stop(*this, result);
  if (!reason.empty()) console.note(console.paint_error(Style::dim, "note: " + reason));
  if (flags.timings) console.note(console.paint_error(Style::dim, describe(result.stats)));
  return result;
}

GenerateResult Talk::answer(const std::string& text) {
  if (raw) return generate_and_show(text);
  chat->messages().push_back({"user", text});
  try {
    return generate_and_show({});
  } catch (...) {
    chat->messages().pop_back();
    throw;
  }
}

GenerateResult Talk::answer_again() {
  auto& messages = chat->messages();
  if (messages.empty() || messages.back().role != "assistant") {
    throw bad_input("there is no answer to try again", "/regen");
  }
  const ChatMessage old = messages.back();
  messages.pop_back();
  ++retries;
  try {
    return generate_and_show({});
  } catch (...) {
    messages.push_back(old);
    throw;
  }
}

}  // namespace jielong::cli
