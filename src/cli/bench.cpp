#include <fmt/format.h>

#include <charconv>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/machine.h"
#include "cli/commands.h"
#include "cli/engine.h"
#include "cli/interrupt.h"
#include "cli/progress_bar.h"
#include "cli/text_width.h"
#include "evaluate/speed.h"
#include "tensor/isa.h"

namespace jielong::cli {
namespace {

struct BenchFlags {
  EngineFlags engine;
  std::string prompt = "512", generate = "128", depth = "0", threads = "0";
  std::int64_t repetitions = 5;
  bool no_bandwidth = false;
};

/// "1,2,4" as numbers.
std::vector<std::int64_t> parse_list(const std::string& flag, const std::string& text) {
  std::vector<std::int64_t> numbers;
  const char* at = text.data();
  const char* end = at + text.size();
  while (at < end) {
    std::int64_t number = 0;
    const auto [next, error] = std::from_chars(at, end, number);
    if (error != std::errc() || number < 0 || number > (1 << 24) || (next != end && *next != ',')) {
      throw bad_input("\"" + text + "\" is no list of numbers", flag, "write it as in 128,512");
    }
    numbers.push_back(number);
    at = next == end ? end : next + 1;
  }
  return numbers;
}

struct Row {
  std::string name;
  std::int64_t threads;
  SpeedResult result;
  double bytes_per_second;  // of weights, when decoding
  double bandwidth;         // measured read bandwidth, 0: not measured
};

std::string test_name(const SpeedTest& test) {
  std::string name =
      test.prompt > 0 ? fmt::format("pp{}", test.prompt) : fmt::format("tg{}", test.generate);
  if (test.depth > 0) name += fmt::format(" @ d{}", test.depth);
  return name;
}

void print_rows(Console& console, const std::vector<Row>& rows) {
  if (console.quiet) {
    for (const Row& row : rows) {
      console.print(
          fmt::format("{}\t{}\t{:.2f}\n", row.name, row.threads, row.result.tokens_per_second()));
    }
    return;
  }
  console.print(
      console.paint(Style::bold, fmt::format("{:<14} {:>7} {:>20} {:>10} {:>12}\n", "test",
                                             "threads", "tokens/s", "GB/s", "of bandwidth")));
  for (const Row& row : rows) {
    const std::string speed =
        fmt::format("{:.1f} +- {:.1f}", row.result.tokens_per_second(), row.result.deviation());
    std::string rate, share;
    if (row.bytes_per_second > 0) {
      rate = fmt::format("{:.1f}", row.bytes_per_second / 1e9);
      if (row.bandwidth > 0) {
        share = fmt::format("{:.0f}%", 100 * row.bytes_per_second / row.bandwidth);
      }
    }
    console.print(fmt::format("{:<14} {:>7} {:>20} {:>10} {:>12}\n", row.name, row.threads, speed,
                              rate, share));
  }
}

OrderedJson rows_to_json(const std::vector<Row>& rows) {
  OrderedJson list = OrderedJson::array();
  for (const Row& row : rows) {
    OrderedJson json{{"test", row.name},
                     {"threads", row.threads},
                     {"prompt", row.result.test.prompt},
                     {"generate", row.result.test.generate},
                     {"depth", row.result.test.depth},
                     {"tokens_per_second", row.result.tokens_per_second()},
                     {"deviation", row.result.deviation()},
                     {"seconds", row.result.seconds}};
    if (row.bytes_per_second > 0) {
      json["weight_bytes_per_second"] = row.bytes_per_second;
      if (row.bandwidth > 0) json["share_of_bandwidth"] = row.bytes_per_second / row.bandwidth;
    }
    list.push_back(std::move(json));
  }
  return list;
}

void bench(const BenchFlags& flags, Console& console) {
  std::vector<SpeedTest> tests;
  for (const std::int64_t depth : parse_list("--depth", flags.depth)) {
    for (const std::int64_t count : parse_list("--prompt", flags.prompt)) {
      if (count > 0) tests.push_back({depth, count, 0});
    }
    for (const std::int64_t count : parse_list("--generate", flags.generate)) {
      if (count > 0) tests.push_back({depth, 0, count});
    }
  }
  if (tests.empty()) throw bad_input("there is nothing to measure", "bench");
  if (flags.repetitions < 1 || flags.repetitions > 1000) {
    throw bad_input("must lie between 1 and 1000", "--repetitions");
  }
  std::int64_t longest = 0;
  for (const SpeedTest& test : tests) {
    longest = std::max(longest, test.depth + test.prompt + test.generate);
  }
  EngineFlags engine_flags = flags.engine;
  if (engine_flags.context == 0) engine_flags.context = longest;
  watch_interrupts();

  std::vector<Row> rows;
  OrderedJson about;
  for (const std::int64_t threads : parse_list("--threads", flags.threads)) {
    engine_flags.threads = threads;
    const Engine engine = start_engine(engine_flags, console);
    const auto bytes = static_cast<double>(engine.model->file_bytes());
    const double bandwidth = flags.no_bandwidth ? 0 : measure_read_bandwidth(*engine.pool);
    about = {{"model", flags.engine.model},
             {"parameters", engine.model->parameter_count()},
             {"file_bytes", engine.model->file_bytes()},
             {"isa", name(active_isa())},
             {"processor", inspect_machine().processor}};
    if (rows.empty() && !console.json && !console.quiet) {
      console.print(console.paint(
          Style::dim, fmt::format("{}, {:.0f}M parameters, {}; {} kernels\n", flags.engine.model,
                                  static_cast<double>(engine.model->parameter_count()) / 1e6,
                                  human_bytes(bytes), name(active_isa()))));
    }
    ProgressBar progress(console, "");
    for (const SpeedTest& test : tests) {
      progress.set_title(fmt::format("{} on {} threads", test_name(test), engine.pool->size()));
      progress.show(rows.size(), 0);
      SpeedResult result = measure_speed(*engine.runner, test, flags.repetitions, &interrupted);
      const double rate = test.generate > 0 ? result.tokens_per_second() * bytes : 0;
      rows.push_back({test_name(test), engine.pool->size(), std::move(result), rate, bandwidth});
    }
  }
  if (console.json) {
    about["tests"] = rows_to_json(rows);
    console.print_json(about);
    return;
  }
  print_rows(console, rows);
  if (!flags.no_bandwidth && !console.quiet) {
    console.print(console.paint(Style::dim,
                                fmt::format("measured read bandwidth: {:.1f} GB/s; GB/s above are "
                                            "the file's bytes times tokens/s\n",
                                            rows.back().bandwidth / 1e9)));
  }
}

}  // namespace

void add_bench(Command& command, Console& console) {
  auto flags = std::make_shared<BenchFlags>();
  flags->engine.model = "smollm2";
  command.argument("model,-m,--model", flags->engine.model, "Which model");
  command.value("-p,--prompt", flags->prompt, "LIST", "Prompt lengths to evaluate (512)");
  command.value("-n,--generate", flags->generate, "LIST", "Counts of tokens to generate (128)");
  command.value("-d,--depth", flags->depth, "LIST", "Tokens in the chain before (0)");
  command.value("-t,--threads", flags->threads, "LIST", "Thread counts; 0: one for each core");
  command.value("-r,--repetitions", flags->repetitions, "Repetitions, of which the median counts");
  command.flag("--no-bandwidth", flags->no_bandwidth, "Do not measure the memory's bandwidth");
  command.value("-c,--context", flags->engine.context, "Context length; 0: as the tests need");
  command.choice("--kv-type", flags->engine.kv_type, {"f32", "f16", "q8_0"},
                 "How keys and values are kept");
  command.flag("--offline", flags->engine.offline, "Never fetch a model that is not there");
  command.example("jielong bench smollm2", "pp512 and tg128, as llama-bench calls them");
  command.example("jielong bench smollm2 -p 0 -n 64 -d 0,2048 -t 1,2", "decoding at two depths");
  command.action([flags, &console] { bench(*flags, console); });
}

}  // namespace jielong::cli
