#include <fmt/format.h>

#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/engine.h"
#include "cli/input.h"
#include "cli/text_width.h"
#include "generate/embedding.h"

namespace jielong::cli {
namespace {

struct EmbedFlags {
  EngineFlags engine;
  std::vector<std::string> texts;
  std::string file;
  std::string pooling = "model";
  bool no_normalize = false;
  bool lines = false;
  bool similarity = false;
};

std::optional<Hyperparameters::Pooling> pooling_of(const std::string& name) {
  if (name == "mean") return Hyperparameters::Pooling::mean;
  if (name == "cls") return Hyperparameters::Pooling::first;
  if (name == "last") return Hyperparameters::Pooling::last;
  return std::nullopt;
}

std::vector<std::string> split_lines(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    if (end > begin) lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

double cosine(const std::vector<float>& a, const std::vector<float>& b) {
  double dot = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    dot += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    aa += static_cast<double>(a[i]) * static_cast<double>(a[i]);
    bb += static_cast<double>(b[i]) * static_cast<double>(b[i]);
  }
  return dot / std::max(std::sqrt(aa * bb), 1e-30);
}

void print_similarity(Console& console, const std::vector<std::string>& texts,
                      const std::vector<std::vector<float>>& vectors) {
  if (console.json) {
    OrderedJson rows = OrderedJson::array();
    for (const auto& a : vectors) {
      OrderedJson row = OrderedJson::array();
      for (const auto& b : vectors) row.push_back(cosine(a, b));
      rows.push_back(std::move(row));
    }
    console.print_json({{"texts", texts}, {"similarity", std::move(rows)}});
    return;
  }
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    std::string row = pad(visible(texts[i]), 32);
    for (const auto& other : vectors) row += fmt::format(" {:6.3f}", cosine(vectors[i], other));
    console.print(row + "\n");
  }
}

void run_embed(const EmbedFlags& flags, Console& console) {
  std::vector<std::string> texts = flags.texts;
  if (texts.empty()) {
    const std::string input = read_input({}, flags.file);
    texts = flags.lines ? split_lines(input) : std::vector<std::string>{input};
  }
  const Engine engine = start_engine(flags.engine, console);
  const EmbedOptions options{pooling_of(flags.pooling), !flags.no_normalize};
  std::vector<std::vector<float>> vectors;
  vectors.reserve(texts.size());
  for (const std::string& text : texts) vectors.push_back(embed(*engine.runner, text, options));
  if (flags.similarity) {
    print_similarity(console, texts, vectors);
  } else if (console.json) {
    OrderedJson list = OrderedJson::array();
    for (std::size_t i = 0; i < texts.size(); ++i) {
      list.push_back({{"index", i}, {"text", texts[i]}, {"embedding", vectors[i]}});
    }
    console.print_json({{"model", flags.engine.model},
                        {"dimensions", vectors.empty() ? 0 : vectors.front().size()},
                        {"embeddings", std::move(list)}});
  } else {
    for (const auto& vector : vectors) {
      std::string row;
      for (const float x : vector) row += fmt::format("{}{:.6f}", row.empty() ? "" : " ", x);
      console.print(row + "\n");
    }
  }
}

}  // namespace

void add_embed(Command& command, Console& console) {
  auto flags = std::make_shared<EmbedFlags>();
  command.argument("model,-m,--model", flags->engine.model, "Which model", true);
  command.arguments("text", flags->texts, "Texts, each one vector; none: standard input");
  command.value("-f,--file", flags->file, "FILE", "Read the text from a file");
  command.flag("--lines", flags->lines, "Every line of the input is a text");
  command.choice("--pooling", flags->pooling, {"model", "mean", "cls", "last"},
                 "How the tokens' vectors become one");
  command.flag("--no-normalize", flags->no_normalize, "Keep the length instead of making it 1");
  command.flag("--similarity", flags->similarity, "Print how alike the texts are (cosine)");
  flags->engine.declare(command);
  command.example("jielong embed minilm \"a cat\" \"a kitten\" \"a tax form\" --similarity",
                  "compare texts");
  command.example("jielong embed minilm --lines -f notes.txt --json", "one vector a line");
  command.action([flags, &console] { run_embed(*flags, console); });
}

}  // namespace jielong::cli
