#pragma once

#include "cli/command.h"
#include "cli/console.h"

namespace jielong::cli {

// Each command declares its flags and its action on `command`, in a file of its own. The
// console outlives the parsing.

void add_run(Command& command, Console& console);
void add_serve(Command& command, Console& console);
void add_pull(Command& command, Console& console);
void add_list(Command& command, Console& console);
void add_show(Command& command, Console& console);
void add_rm(Command& command, Console& console);
void add_convert(Command& command, Console& console);
void add_tokenize(Command& command, Console& console);
void add_tokenizer(Command& command, Console& console);
void add_train(Command& command, Console& console);
void add_runs(Command& command, Console& console);
void add_experiment(Command& command, Console& console);
void add_perplexity(Command& command, Console& console);
void add_bench(Command& command, Console& console);
void add_embed(Command& command, Console& console);
void add_doctor(Command& command, Console& console);

}  // namespace jielong::cli
