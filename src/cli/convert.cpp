#include "model/convert.h"

#include <fmt/format.h>

#include <charconv>
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
#include "model/split_name.h"

namespace jielong::cli {
namespace {

struct ConvertFlags {
  std::string input, output, type, split_size;
  bool requantize = false;
  bool pure = false;
  bool force = false;
  bool types = false;
  std::int64_t split_tensors = 0;
  std::int64_t threads = 0;
};

/// "2G", "500M" or a number of bytes; decimal, as sizes of files are given.
std::uint64_t read_size(const std::string& text) {
  std::uint64_t number = 0, unit = 1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view rest(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (rest == "K" || rest == "k") unit = 1'000;
  if (rest == "M" || rest == "m") unit = 1'000'000;
  if (rest == "G" || rest == "g") unit = 1'000'000'000;
  if (error != std::errc() || (unit == 1 && !rest.empty()) || number == 0 ||
      __builtin_mul_overflow(number, unit, &number)) {
    throw bad_input(fmt::format("\"{}\" is no size", text), "--split-size",
                    "give it as in 2G or 500M");
  }
  return number;
}

/// Whether a split model of that name is there, of however many parts.
bool is_split_there(const std::filesystem::path& output) {
  const std::string beginning = first_part_beginning(output.stem().string());
  const auto folder = output.has_parent_path() ? output.parent_path() : std::filesystem::path(".");
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    if (entry.path().filename().string().starts_with(beginning)) return true;
  }
  return false;
}

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
  if (flags.split_tensors < 0) throw bad_input("must not be negative", "--split-tensors");
  const std::uint64_t split_bytes = flags.split_size.empty() ? 0 : read_size(flags.split_size);
  const bool split = split_bytes > 0 || flags.split_tensors > 0;
  std::error_code ignored;
  if (!flags.force &&
      (std::filesystem::exists(flags.output, ignored) || (split && is_split_there(flags.output)))) {
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
    options.split_bytes = split_bytes;
    options.split_tensors = static_cast<std::size_t>(flags.split_tensors);
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
  OrderedJson files = OrderedJson::array();
  for (const auto& file : report.files) files.push_back(file.string());
  if (console.json) {
    console.print_json({{"output", flags.output},
                        {"files", files},
                        {"tensors", report.tensors},
                        {"bytes_in", report.bytes_in},
                        {"bytes_out", report.bytes_out},
                        {"types", std::move(counts)},
                        {"notes", report.notes}});
    return;
  }
  for (const std::string& note : report.notes) console.note("note: " + note);
  // A split GGUF model goes by the name of its first file, a folder by its own.
  const std::string output = std::filesystem::is_directory(flags.output, ignored)
                                 ? flags.output
                                 : report.files.front().string();
  if (console.quiet) {
    console.print(output + "\n");
    return;
  }
  const std::string parts =
      report.files.size() > 1 ? fmt::format(" in {} files", report.files.size()) : "";
  console.print(fmt::format("{}: {} tensors{} ({}), {} from {}\n", output, report.tensors, parts,
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
  command.value("--split-size", flags->split_size, "SIZE",
                "Several files of at most this size, as 2G or 500M");
  command.value("--split-tensors", flags->split_tensors,
                "Several files of at most so many tensors");
  command.flag("--types", flags->types, "List the types");
  command.value("-t,--threads", flags->threads, "Threads; 0: one for each core");
  command.example("jielong convert ./SmolLM2-135M smollm2.gguf --type q4_k_m",
                  "from a Hugging Face folder, quantized");
  command.example("jielong convert model.gguf ./folder", "back to safetensors");
  command.example("jielong convert model.gguf parts/model.gguf --split-size 2G",
                  "as model-00001-of-0000N.gguf");
  command.action([flags, &console] { run_convert(*flags, console); });
}

}  // namespace jielong::cli
