#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/progress_bar.h"
#include "cli/quantities.h"
#include "cli/text_width.h"
#include "model/chat_template.h"
#include "token/tokenizer_json.h"
#include "train/data/learn_tokenizer.h"

namespace jielong::cli {
namespace {

struct TrainFlags {
  std::vector<std::string> files;
  std::string output, kind = "bpe", pattern = "gpt2", cut = "file", separator, max_bytes;
  std::string bos = "<|endoftext|>", eos = "<|endoftext|>", pad, mask, separator_token, classify;
  std::vector<std::string> special;
  std::string text_field = "text";
  std::int64_t vocabulary = 32000, min_frequency = 2, limit_alphabet = 0, threads = 0;
  double coverage = 0.9995;
  bool chat = false, no_add_bos = false, add_eos = false, force = false;
};

constexpr const char* kTurnBegin = "<|im_start|>";
constexpr const char* kTurnEnd = "<|im_end|>";

TokenizerTraining settings_of(const TrainFlags& flags) {
  const auto check = [](std::int64_t value, std::int64_t least, const char* flag) {
    if (value < least) throw bad_input(fmt::format("must be at least {}", least), flag);
  };
  check(flags.vocabulary, 1, "--vocabulary");
  check(flags.min_frequency, 0, "--min-frequency");
  check(flags.limit_alphabet, 0, "--limit-alphabet");
  TokenizerTraining settings;
  settings.kind =
      flags.kind == "bpe" ? TokenizerTraining::Kind::bpe : TokenizerTraining::Kind::unigram;
  settings.vocabulary = static_cast<std::size_t>(flags.vocabulary);
  settings.pattern = flags.pattern;
  settings.min_frequency = static_cast<std::uint64_t>(flags.min_frequency);
  if (flags.limit_alphabet > 0) {
    settings.limit_alphabet = static_cast<std::size_t>(flags.limit_alphabet);
    settings.all_bytes = false;
  }
  settings.coverage = flags.coverage;
  settings.special = flags.special;
  settings.roles.clear();
  const auto role = [&](const char* name, const std::string& token) {
    if (!token.empty()) settings.roles.emplace_back(name, token);
  };
  role("bos_token", flags.bos);
  role("eos_token", flags.chat ? kTurnEnd : flags.eos);
  role("pad_token", flags.pad);
  role("cls_token", flags.classify);
  role("sep_token", flags.separator_token);
  role("mask_token", flags.mask);
  if (flags.chat) {
    settings.special.insert(settings.special.begin(), {kTurnBegin, kTurnEnd});
    settings.chat_template = std::string(fallback_chat_template("chatml"));
  }
  settings.add_bos = !flags.no_add_bos && !(flags.bos.empty() && flags.classify.empty());
  settings.add_eos = flags.add_eos || !flags.separator_token.empty();
  return settings;
}

void train(const TrainFlags& flags, Console& console) {
  if (flags.output.empty()) {
    throw bad_input("is missing", "--output", "name a folder for the tokenizer: -o tokenizer");
  }
  const std::filesystem::path folder = flags.output;
  const std::filesystem::path file = folder / "tokenizer.json";
  std::error_code error;
  if (!flags.force && std::filesystem::exists(file, error)) {
    throw bad_input("is there already", file.string(), "choose another folder or add --force");
  }
  const TokenizerTraining settings = settings_of(flags);
  const std::uint64_t max_bytes =
      flags.max_bytes.empty() ? 0 : parse_bytes(flags.max_bytes, "--max-bytes");
  DataSource source;
  source.paths = flags.files;
  source.cut = text_cut(flags.cut, "--cut");
  source.separator = flags.separator;
  source.fields.text = flags.text_field;
  if (flags.threads < 0 || flags.threads > 1024) {
    throw bad_input("must lie between 0 and 1024", "--threads");
  }
  const int cores = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  ThreadPool pool(flags.threads > 0 ? static_cast<int>(flags.threads) : cores);

  watch_interrupts();
  LearnTokenizerReport report;
  {
    ProgressBar bar(console, "reading");
    report = learn_tokenizer({source}, settings, max_bytes, pool,
                             [&](std::string_view stage, std::uint64_t done, std::uint64_t total) {
                               if (interrupted.load()) throw Error(ErrorKind::cancelled, "stopped");
                               bar.set_title(std::string(stage));
                               bar.show(done, total, stage == "reading");
                             });
  }
  const TrainedTokenizer& trained = report.trained;
  // What cannot be read back must not be written.
  tokenizer_from_json(trained.tokenizer_json, file.string(), trained.config_json);
  std::filesystem::create_directories(folder, error);
  write_file(file, trained.tokenizer_json);
  write_file(folder / "tokenizer_config.json", trained.config_json);

  const auto wanted = static_cast<std::size_t>(flags.vocabulary);
  if (trained.tokens < wanted) {
    console.note(fmt::format("note: the text gave {} tokens, fewer than the {} asked for",
                             trained.tokens, wanted));
  }
  if (console.json) {
    OrderedJson json = {{"output", folder.string()},  {"kind", flags.kind},
                        {"tokens", trained.tokens},   {"documents", report.documents},
                        {"text_bytes", report.bytes}, {"words", trained.words}};
    if (trained.loss) json["nats_per_character"] = *trained.loss;
    console.print_json(json);
  } else if (console.quiet) {
    console.print(folder.string() + "\n");
  } else {
    console.print(
        fmt::format("{}: {} tokens from {} of text in {} documents ({} different words)\n",
                    file.string(), trained.tokens, human_bytes(static_cast<double>(report.bytes)),
                    report.documents, trained.words));
  }
}

void add_training(Command command, Console& console) {
  auto flags = std::make_shared<TrainFlags>();
  command.arguments("files", flags->files,
                    "Text, JSON lines or Parquet: files, folders or patterns in quotes", true);
  command.value("-o,--output", flags->output, "FOLDER",
                "Where tokenizer.json and tokenizer_config.json go");
  command.choice("--kind", flags->kind, {"bpe", "unigram"}, "Byte-level BPE, or Unigram");
  command.value("-n,--vocabulary", flags->vocabulary, "Tokens in all");
  command.value("--pattern", flags->pattern, "NAME",
                "BPE: how words are cut: gpt2, llama3, qwen2, gpt4o, tekken or a pattern");
  command.value("--min-frequency", flags->min_frequency, "BPE: of pairs that become a token");
  command.value("--limit-alphabet", flags->limit_alphabet,
                "BPE: only so many bytes get a token; 0: all");
  command.value("--coverage", flags->coverage,
                "Unigram: share of the text whose characters get a piece; the rest are bytes");
  command.group("Special tokens");
  command.value("--bos", flags->bos, "TOKEN", "Before every text; \"\" for none");
  command.value("--eos", flags->eos, "TOKEN", "Ends a text; \"\" for none");
  command.value("--pad", flags->pad, "TOKEN", "Fills up");
  command.value("--mask", flags->mask, "TOKEN", "Hides what is to be guessed, as [MASK]");
  command.value("--cls", flags->classify, "TOKEN", "Before a text instead of BOS, as [CLS]");
  command.value("--sep", flags->separator_token, "TOKEN", "Behind a text, as [SEP]");
  command.values("--special", flags->special, "TOKEN", "One more; may be given several times");
  command.flag("--chat", flags->chat, "With <|im_start|>, <|im_end|> and the ChatML template");
  command.flag("--no-add-bos", flags->no_add_bos, "Do not put BOS before texts");
  command.flag("--add-eos", flags->add_eos, "Put EOS behind texts");
  command.group("Reading");
  command.choice("--cut", flags->cut, {"file", "paragraphs", "lines"},
                 "What the documents of a text file are");
  command.value("--separator", flags->separator, "LINE", "A line that ends a document");
  command.value("--text-field", flags->text_field, "NAME", "Of JSON lines and Parquet");
  command.value("--max-bytes", flags->max_bytes, "SIZE", "Read no more text than that, as 500M");
  command.group("");
  command.flag("--force", flags->force, "Replace a tokenizer that is there");
  command.value("-t,--threads", flags->threads, "Threads; 0: one for each core");
  command.example("jielong tokenizer train stories/ -o tokenizer -n 8192", "byte-level BPE");
  command.example("jielong tokenizer train \"data/*.jsonl\" -o tokenizer --chat --pattern llama3",
                  "for a model that is to chat");
  command.example("jielong tokenizer train text.txt -o tokenizer --kind unigram -n 16000",
                  "Unigram");
  command.example(
      "jielong tokenizer train text.txt -o tokenizer --cls [CLS] --sep [SEP] --mask [MASK]",
      "for an encoder");
  command.action([flags, &console] { train(*flags, console); });
}

}  // namespace

void add_tokenizer(Command& command, Console& console) {
  add_training(command.subcommand("train", "Learn a tokenizer from text"), console);
  command.example("jielong tokenizer train --help", "all settings");
}

}  // namespace jielong::cli
