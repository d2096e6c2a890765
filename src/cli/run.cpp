#include <fmt/format.h>

#include <memory>
#include <string>

#include "base/error.h"
#include "base/utf8.h"
#include "cli/commands.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/run_flags.h"

namespace jielong::cli {
namespace {

constexpr const char* kQuestion = "What is the capital of France? Answer in one sentence.";

/// The prompt from the words, the file or standard input; empty for a conversation.
std::string given_prompt(const RunFlags& flags, const Console& console) {
  std::string prompt;
  if (!flags.words.empty()) prompt = read_input(flags.words, {});
  if (!flags.prompt_file.empty()) {
    prompt += (prompt.empty() ? "" : "\n\n") + read_input({}, flags.prompt_file);
  }
  if (prompt.empty() && !console.in_is_terminal()) prompt = read_standard_input();
  return prompt;
}

void run(RunFlags& flags, Console& console) {
  std::string prompt = given_prompt(flags, console);
  const bool converses = prompt.empty() && console.in_is_terminal() && console.out_is_terminal();
  if (prompt.empty() && !converses) {
    // Nobody to talk with and nothing asked: show that it works.
    prompt = kQuestion;
    console.note("You: " + prompt);
    flags.generation.sampling.temperature = 0;
  }
  if (!is_valid_utf8(prompt)) throw bad_input("is not UTF-8 text", "prompt");
  watch_interrupts();
  Talk talk = start_talk(flags, console);
  if (converses && !console.json) {
    run_repl(talk);
    return;
  }
  talk.answer(prompt);
  if (interrupted.load()) throw Error(ErrorKind::cancelled, "stopped");
}

}  // namespace

void add_run(Command& command, Console& console) {
  auto flags = std::make_shared<RunFlags>();
  flags->engine.model = "smollm2";
  command.argument("model,-m,--model", flags->engine.model,
                   "A name from `jielong list`, a .gguf file, a model folder, hf:user/repo");
  command.arguments("prompt", flags->words, "What to answer; none: a conversation");
  command.group("Prompt");
  command.value("-f,--file", flags->prompt_file, "FILE",
                "Add the text of a file; -: standard input");
  command.value("--system", flags->system, "TEXT", "What the model is told before the chat");
  command.value("--template", flags->chat_template, "NAME|FILE",
                "Another chat template: a known format or a Jinja file");
  command.flag("--raw", flags->raw, "Continue the text as it is, without a chat template");
  flags->generation.declare(command);
  command.group("Search and speed");
  command.value("--answers", flags->answers, "Answers to one prompt, side by side");
  command.value("--beams", flags->beams, "Beam search this wide instead of dice; 0: off");
  command.value("--length-penalty", flags->length_penalty, "Beam search: above 0 favours length");
  command.flag("--lookup", flags->lookup, "Draft tokens by looking them up in the prompt");
  command.value("--draft", flags->draft, "MODEL", "Draft tokens with a smaller model");
  command.value("--draft-max", flags->draft_max, "Tokens drafted at once");
  command.value("--draft-min-p", flags->draft_min_p, "Draft only while this sure");
  command.flag("--draft-greedy", flags->draft_greedy,
               "Draft the most probable tokens: keeps the bytes of a seed");
  command.flag("--timings", flags->timings, "Tell speed and counts after an answer");
  flags->engine.declare(command);
  command.example("jielong run", "chat with the default model");
  command.example("jielong run smollm2 --temp 0 \"What is the capital of France?\"",
                  "one answer, always the same");
  command.example("jielong run gemma3 --raw --show-dice -n 1 台灣大",
                  "draw what may follow, before and after each sampler");
  command.example("jielong run --regex \"(yes|no), because [a-z ,]{10,80}\\.\" \"Is water wet?\"",
                  "an answer that must have this form");
  command.example("cat letter.txt | jielong run smollm2 \"Summarize:\" -f -",
                  "a prompt with a file");
  command.action([flags, &console] { run(*flags, console); });
}

}  // namespace jielong::cli
