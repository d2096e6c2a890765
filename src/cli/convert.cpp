#include "model/convert.h"

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/engine.h"
#include "cli/interrupt.h"
#include "cli/progress_bar.h"
#include "cli/text_width.h"
#include "model/convert/recipe.h"

namespace jielong::cli {
namespace {

struct ConvertFlags {
  std::string input, output, type;
  bool requantize = false;
  bool pure = false;
  bool force = false;
  bool types = false;
  std::int64_t threads = 0;
};

void list_types(Console& console) {
  OrderedJson json = OrderedJson::array();
  for (const Recipe& recipe : recipes()) {
    if (console.json) {
      json.push_back(recipe.name);
    } else {
      console.print(std::string(recipe.name) + "\n");
    }
  }
  if (console.json) console.print_json(json);
}

void run_convert(const ConvertFlags& flags, Console& console) {
  if (flags.types) return list_types(console);
  if (flags.input.empty() || flags.output.empty()) {
    throw bad_input("an input and an output are needed", "convert",
                    "as in jielong convert model-folder model.gguf --type q4_k_m");
  }
  std::error_code ignored;
  if (!flags.force && std::filesystem::exists(flags.output, ignored)) {
    throw bad_input("is there already", flags.output, "choose another name or add --force");
  }
  if (flags.threads < 0 || flags.threads > 1024) {
    throw bad_input("must lie between 0 and 1024", "--threads");
  }
  watch_interrupts();
  ConvertReport report;
  {
    ProgressBar bar(console, "convert");
    ConvertOptions options;
    options.input = find_model(flags.input);
    options.output = flags.output;
    options.type = flags.type;
    options.allow_requantize = flags.requantize;
    options.pure = flags.pure;
    options.threads = static_cast<int>(flags.threads);
    options.progress = [&](const ConvertProgress& progress) {
      if (interrupted.load()) throw Error(ErrorKind::cancelled, "stopped");
      bar.show(progress.bytes_done, progress.bytes_total, true);
    };
    report = convert(options);
  }
  std::string types;
  OrderedJson counts = OrderedJson::object();
  for (const auto& [dtype, count] : report.types) {
    counts[std::string(info(dtype).name)] = count;
    types += fmt::format("{}{} {}", types.empty() ? "" : ", ", count, info(dtype).name);
  }
  if (console.json) {
    console.print_json({{"output", flags.output},
                        {"tensors", report.tensors},
                        {"bytes_in", report.bytes_in},
                        {"bytes_out", report.bytes_out},
                        {"types", std::move(counts)},
                        {"notes", report.notes}});
    return;
  }
  for (const std::string& note : report.notes) console.note("note: " + note);
  if (console.quiet) {
    console.print(flags.output + "\n");
    return;
  }
  console.print(fmt::format("{}: {} tensors ({}), {} from {}\n", flags.output, report.tensors,
                            types, human_bytes(static_cast<double>(report.bytes_out)),
                            human_bytes(static_cast<double>(report.bytes_in))));
}

}  // namespace

void add_convert(Command& command, Console& console) {
  auto flags = std::make_shared<ConvertFlags>();
  command.argument("input", flags->input, "A GGUF file, a model folder or a model's name");
  command.argument("output", flags->output, "NAME.gguf, or a folder for safetensors");
  command.value("--type", flags->type, "TYPE", "Of the tensors, as q4_k_m; none: as they are");
  command.flag("--pure", flags->pure, "One type for every tensor, without the mix");
  command.flag("--allow-requantize", flags->requantize,
               "Quantize what is quantized already, at a loss");
  command.flag("--force", flags->force, "Replace an output that is there");
  command.flag("--types", flags->types, "List the types");
  command.value("-t,--threads", flags->threads, "Threads; 0: one for each core");
  command.example("jielong convert ./SmolLM2-135M smollm2.gguf --type q4_k_m",
                  "from a Hugging Face folder, quantized");
  command.example("jielong convert model.gguf ./folder", "back to safetensors");
  command.action([flags, &console] { run_convert(*flags, console); });
}

}  // namespace jielong::cli
