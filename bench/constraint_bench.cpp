// What a constraint costs a token: microseconds of processor time to compute the mask and to move
// on, over answers as models give them, with the vocabularies of the models named on the command
// line (GGUF files), and with the last one's made as large as 262,144 tokens.
//
//     build/bench_constraint models/SmolLM2-135M-Instruct.Q4_1.gguf

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <string>
#include <vector>

#include "base/random.h"
#include "generate/constraint/grammar.h"
#include "model/model.h"
#include "token/tokenizer.h"

namespace jielong {
namespace {

/// Processor time of this thread, which other programs do not lengthen.
double now() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

constexpr const char* kPerson = R"({
  "type": "object",
  "properties": {
    "name": {"type": "string", "maxLength": 60},
    "age": {"type": "integer", "minimum": 0, "maximum": 130},
    "email": {"type": "string", "format": "email"},
    "address": {"type": "object", "properties": {
      "street": {"type": "string"}, "city": {"type": "string"},
      "zip": {"type": "string", "pattern": "^[0-9]{5}$"}}, "required": ["street", "city"]},
    "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 8},
    "status": {"enum": ["active", "retired", "unknown"]}
  },
  "required": ["name", "age", "address", "status"]
})";
constexpr const char* kPersonAnswer =
    R"({"name": "Marie Skłodowska Curie", "age": 66, "email": "marie.curie@sorbonne.fr", )"
    R"("address": {"street": "36 Quai de Béthune", "city": "Paris", "zip": "75004"}, )"
    R"("tags": ["physics", "chemistry", "Nobel Prize 1903", "Nobel Prize 1911"], )"
    R"("status": "unknown"})";

constexpr const char* kTree = R"({
  "$defs": {"node": {"type": "object", "properties": {
      "label": {"type": "string"}, "value": {"type": "number"},
      "children": {"type": "array", "items": {"$ref": "#/$defs/node"}}},
    "required": ["label", "children"], "additionalProperties": false}},
  "$ref": "#/$defs/node"
})";
constexpr const char* kTreeAnswer =
    R"({"label": "animals", "value": 1.5, "children": [{"label": "mammals", "children": )"
    R"([{"label": "the domestic cat", "value": 0.25, "children": []}, {"label": "whales", )"
    R"("children": []}]}, {"label": "birds", "children": [{"label": "sparrow", "children": []}]}]})";

constexpr const char* kJsonAnswer = R"({
  "summary": "The article explains how glaciers form, move and shape the valleys below them.",
  "key_points": [
    "Snow is pressed into ice over many years.",
    "Glaciers flow downhill under their own weight, \"like a very slow river\".",
    "Moraines show how far the ice once reached: up to 12.5 km."
  ],
  "confidence": 0.87,
  "sources": [{"title": "Ice and Time", "year": 1998, "checked": true}, null]
})";

constexpr const char* kArithmetic =
    "root ::= line+\nline ::= expr \" = \" num \"\\n\"\nexpr ::= term ([-+*/] term)*\n"
    "term ::= num | ident | \"(\" expr \")\"\nident ::= [a-z] [a-z0-9_]*\nnum ::= [0-9]+\n";
constexpr const char* kArithmeticAnswer =
    "(12+x1)*3 = 45\ntotal_sum/(a-b) = 7\n((1+2)*(3+4)) = 21\n";

struct Case {
  const char* name;
  const char* kind;
  const char* source;
  const char* answer;
};
constexpr Case kCases[] = {
    {"JSON Schema, person", "json-schema", kPerson, kPersonAnswer},
    {"JSON Schema, recursive", "json-schema", kTree, kTreeAnswer},
    {"any JSON object", "json", "", kJsonAnswer},
    {"GBNF, arithmetic", "gbnf", kArithmetic, kArithmeticAnswer},
    {"regex, log lines", "regex",
     "([0-9]{4}-[0-9]{2}-[0-9]{2} (INFO|WARN|ERROR) [^\\n]{1,200}\\n)+",
     "2024-05-01 INFO the server has started on port 8080\n2024-05-01 WARN disk nearly full\n"}};

double at(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
}

void measure(const Case& entry, const std::vector<std::vector<Token>>& answers,
             const std::shared_ptr<const TokenTrie>& trie) {
  const double start = now();
  GrammarCache cache;
  const Grammar::Pointer grammar = cache.get(entry.kind, entry.source);
  const double compiled = now();
  const MakeConstraint make = constrain(grammar, trie);
  double first = 0;
  std::vector<double> cold, warm;
  for (std::size_t run = 0; run < answers.size(); ++run) {
    const auto constraint = make();
    for (std::size_t i = 0; i < answers[run].size(); ++i) {
      const double begin = now();
      constraint->allowed();
      constraint->accept(answers[run][i]);
      const double took = now() - begin;
      if (run == 0 && i == 0) first = took;
      (run == 0 ? cold : warm).push_back(took);
    }
  }
  fmt::print("| {} | {} | {:.0f} | {:.0f} | {:.1f} | {:.0f} | {:.0f} | {:.1f} | {:.1f} |\n",
             entry.name, trie->vocabulary(), compiled - start, first, at(cold, 0.5), at(cold, 0.95),
             at(cold, 1.0), at(warm, 0.5), at(warm, 0.95));
}

/// A vocabulary of `size` tokens whose additional ones are two of the old ones joined.
std::shared_ptr<const TokenTrie> enlarged(const TokenTrie& small, std::size_t size) {
  Rng rng(1);
  std::vector<std::string> pieces;
  for (Token token = 0; token < small.vocabulary(); ++token) {
    pieces.emplace_back(small.is_text(token) ? small.bytes(token) : std::string_view());
  }
  const std::size_t old = pieces.size();
  while (pieces.size() < size) pieces.push_back(pieces[rng() % old] + pieces[rng() % old]);
  return TokenTrie::of_pieces(pieces, {small.end_tokens().begin(), small.end_tokens().end()});
}

}  // namespace
}  // namespace jielong

int main(int count, char** arguments) {
  using namespace jielong;
  if (count < 2) {
    fmt::print("usage: bench_constraint MODEL.gguf...\n");
    return 2;
  }
  fmt::print(
      "Microseconds of processor time: to compile, for the first token, and for each token of the "
      "first answer\n(masks not yet known) and of later ones: median, 95 %, worst.\n\n"
      "| grammar | vocabulary | compile | first | median | P95 | worst | again median | P95 |\n"
      "|---|--:|--:|--:|--:|--:|--:|--:|--:|\n");
  for (int i = 1; i < count; ++i) {
    const auto model = Model::load(arguments[i]);
    const Tokenizer& tokenizer = model->tokenizer();
    const double start = now();
    const auto trie = TokenTrie::of(tokenizer);
    const double built = now() - start;
    std::vector<std::shared_ptr<const TokenTrie>> tries = {trie};
    if (i + 1 == count) tries.push_back(enlarged(*trie, 262'144));
    for (const auto& vocabulary : tries) {
      for (const Case& entry : kCases) {
        EncodeOptions plain;
        plain.add_special = false;
        const std::vector<Token> answer = tokenizer.encode(entry.answer, plain);
        measure(entry, {answer, answer, answer}, vocabulary);
      }
    }
    fmt::print("\ntrie of {}: {:.1f} ms, {} nodes\n", arguments[i], built / 1e3, trie->size());
  }
  return 0;
}
