#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/engine.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/progress_bar.h"
#include "evaluate/perplexity.h"

namespace jielong::cli {
namespace {

struct PerplexityFlags {
  EngineFlags engine;
  std::string file;
  PerplexityOptions options;
};

void perplexity(const PerplexityFlags& flags, Console& console) {
  if (flags.options.window < 0 || flags.options.stride < 0 || flags.options.max_windows < 0) {
    throw bad_input("window, stride and chunks must not be negative", "perplexity");
  }
  const std::string text = read_input({}, flags.file);
  const Engine engine = start_engine(flags.engine, console);
  const Tokenizer& tokenizer = engine.model->tokenizer();
  watch_interrupts();
  PerplexityResult result;
  {
    ProgressBar progress(console, "perplexity");
    const OnWindow on_window = [&](const PerplexityResult& so_far, std::int64_t windows) {
      progress.set_title(fmt::format("perplexity {:.4f}", so_far.perplexity));
      progress.show(static_cast<std::uint64_t>(so_far.windows),
                    static_cast<std::uint64_t>(windows));
    };
    result = measure_perplexity(*engine.runner, tokenizer, tokenizer.encode(text), flags.options,
                                on_window, &interrupted);
  }
  if (console.json) {
    console.print_json({{"model", flags.engine.model},
                        {"perplexity", result.perplexity},
                        {"error", result.error},
                        {"nats_per_token", result.nats_per_token},
                        {"bits_per_byte", result.bits_per_byte},
                        {"scored_tokens", result.scored_tokens},
                        {"windows", result.windows},
                        {"seconds", result.seconds}});
  } else if (console.quiet) {
    console.print(fmt::format("{:.4f}\n", result.perplexity));
  } else {
    console.print(
        fmt::format("perplexity {:.4f} ± {:.4f}, {:.4f} bits per byte ({} tokens scored in {} "
                    "windows, {:.1f} s)\n",
                    result.perplexity, result.error, result.bits_per_byte, result.scored_tokens,
                    result.windows, result.seconds));
  }
}

}  // namespace

void add_perplexity(Command& command, Console& console) {
  auto flags = std::make_shared<PerplexityFlags>();
  flags->engine.model = "smollm2";
  command.argument("model,-m,--model", flags->engine.model, "Which model");
  command.value("-f,--file", flags->file, "FILE", "The text; none: standard input");
  command.value("-w,--window", flags->options.window,
                "Tokens in a window, whose second half is scored; 0: 512");
  command.value("--stride", flags->options.stride,
                "How far each window begins behind the last; 0: a window");
  command.value("--chunks", flags->options.max_windows, "Windows measured at most; 0: all");
  flags->engine.declare(command);
  command.example("jielong perplexity smollm2 -f book.txt", "as llama-perplexity measures it");
  command.example("jielong perplexity smollm2 -f book.txt --window 1024 --stride 256",
                  "overlapping windows, more context for each token");
  command.action([flags, &console] { perplexity(*flags, console); });
}

}  // namespace jielong::cli
