#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cli/engine.h"
#include "cli/generation_flags.h"
#include "generate/chat.h"

namespace jielong::cli {

/// Everything `jielong run` takes.
struct RunFlags {
  EngineFlags engine;
  GenerationFlags generation;
  std::vector<std::string> words;
  std::string prompt_file, system, chat_template, draft;
  bool raw = false;
  bool lookup = false;
  bool timings = false;
  std::int64_t answers = 1;
  std::int64_t beams = 0;
  double length_penalty = 1;
  std::int64_t draft_max = 8;
  double draft_min_p = 0.3;
  bool draft_greedy = false;
};

/// A model with a conversation on it, and what it takes to answer.
struct Talk {
  Console& console;
  RunFlags& flags;
  Engine engine;
  Engine draft;  ///< without a model unless --draft
  std::unique_ptr<ChatSession> chat;
  bool raw = false;  ///< text is continued as it is, without a chat template
  std::uint64_t fallback_seed = 0;
  std::uint64_t retries = 0;  ///< added to the seed: another answer to the same question

  const Tokenizer& tokenizer() const { return engine.model->tokenizer(); }
  GenerateOptions options() const;
  /// Answers `text` and shows the answer. Throws Error; the conversation is then as before.
  GenerateResult answer(const std::string& text);
  /// Answers the last message again, by another throw of the dice.
  GenerateResult answer_again();

 private:
  GenerateResult generate_and_show(const std::string& raw_text);
};

/// Loads models and template as the flags say.
Talk start_talk(RunFlags& flags, Console& console);

/// The conversation in the terminal, until /exit or Ctrl-D.
void run_repl(Talk& talk);

}  // namespace jielong::cli
