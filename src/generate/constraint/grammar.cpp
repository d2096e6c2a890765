#include "generate/constraint/grammar.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "generate/constraint/gbnf.h"
#include "generate/constraint/grammar_parts.h"
#include "generate/constraint/json_schema.h"
#include "generate/constraint/json_writer.h"
#include "generate/constraint/regex_parser.h"

namespace jielong {
namespace {

Grammar::Pointer make(std::string name, ExprPool pool, ExprId root) {
  return std::make_shared<const Grammar>(
      std::make_unique<const Grammar::Parts>(std::move(name), std::move(pool), root));
}

/// The first name that says more than "text".
std::string common_name(const std::vector<Grammar::Pointer>& parts) {
  for (const Grammar::Pointer& part : parts) {
    if (part->name() != "text") return std::string(part->name());
  }
  return "text";
}

std::vector<ExprId> append_all(ExprPool& pool, const std::vector<Grammar::Pointer>& parts) {
  std::vector<ExprId> roots;
  for (const Grammar::Pointer& part : parts) {
    roots.push_back(pool.append(part->parts().pool, part->parts().root));
  }
  return roots;
}

}  // namespace

Grammar::Parts::Parts(std::string name_, ExprPool pool_, ExprId root_)
    : name(std::move(name_)),
      pool(std::move(pool_)),
      root(root_),
      network(std::make_shared<const GrammarNetwork>(pool, root)) {}

std::shared_ptr<SharedAutomaton> Grammar::Parts::automaton(
    std::shared_ptr<const TokenTrie> trie) const {
  const std::lock_guard lock(mutex_);
  std::erase_if(automata_, [](const Entry& entry) { return entry.automaton.expired(); });
  for (const Entry& entry : automata_) {
    auto known = entry.trie == trie.get() ? entry.automaton.lock() : nullptr;
    if (known) return known;
  }
  const TokenTrie* const key = trie.get();
  auto made = std::make_shared<SharedAutomaton>(network, std::move(trie));
  automata_.push_back({key, made});
  return made;
}

Grammar::Grammar(std::unique_ptr<const Parts> parts) : parts_(std::move(parts)) {}
Grammar::~Grammar() = default;

Grammar::Pointer Grammar::from_gbnf(std::string_view text, const GrammarLimits& limits) {
  ExprPool pool(limits);
  const ExprId root = parse_gbnf(pool, text);
  return make("grammar", std::move(pool), root);
}

Grammar::Pointer Grammar::from_regex(std::string_view pattern, const GrammarLimits& limits) {
  ExprPool pool(limits);
  const ExprId root = parse_regex(pool, pattern, RegexMatch::whole,
                                  [&](const CharSet& set) { return pool.chars(set); });
  return make("regex", std::move(pool), root);
}

Grammar::Pointer Grammar::from_json_schema(std::string_view schema, JsonSpacing spacing,
                                           const GrammarLimits& limits) {
  ExprPool pool(limits);
  const ExprId root = compile_json_schema(pool, schema, spacing);
  return make("json-schema", std::move(pool), root);
}

Grammar::Pointer Grammar::from_json(JsonSpacing spacing, bool any_value) {
  ExprPool pool{GrammarLimits{}};
  JsonWriter writer(pool, spacing);
  const ExprId root = any_value ? writer.any_value() : writer.any_object();
  return make("json", std::move(pool), root);
}

Grammar::Pointer Grammar::literal(std::string_view text) {
  ExprPool pool{GrammarLimits{}};
  const ExprId root = pool.literal(text);
  return make("text", std::move(pool), root);
}

Grammar::Pointer Grammar::sequence(const std::vector<Pointer>& parts) {
  ExprPool pool{GrammarLimits{}};
  const ExprId root = pool.sequence(append_all(pool, parts));
  return make(common_name(parts), std::move(pool), root);
}

Grammar::Pointer Grammar::alternatives(const std::vector<Pointer>& choices) {
  ExprPool pool{GrammarLimits{}};
  const ExprId root = pool.choice(append_all(pool, choices));
  return make(common_name(choices), std::move(pool), root);
}

Grammar::Pointer Grammar::repeat(const Pointer& part, std::int64_t least, std::int64_t most) {
  if (least < 0) throw bad_input("a part cannot be repeated a negative number of times", "grammar");
  ExprPool pool{GrammarLimits{}};
  const ExprId root = pool.repeat(
      pool.append(part->parts().pool, part->parts().root), static_cast<std::size_t>(least),
      most < 0 ? std::size_t{Expr::kUnbounded} : static_cast<std::size_t>(most));
  return make(std::string(part->name()), std::move(pool), root);
}

std::string_view Grammar::name() const { return parts_->name; }

std::size_t Grammar::bytes() const { return parts_->pool.bytes() + parts_->network->bytes(); }

bool Grammar::matches(std::string_view text) const {
  Automaton automaton(parts_->network);
  const Automaton::State state = automaton.walk(automaton.start(), text);
  return state != Automaton::kDead && automaton.may_end(state);
}

}  // namespace jielong
