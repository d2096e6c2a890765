#include <fmt/format.h>

#include <utility>

#include "base/error.h"
#include "base/quote.h"
#include "generate/constraint/grammar.h"
#include "generate/constraint/grammar_parts.h"

namespace jielong {
namespace {

class GrammarConstraint final : public Constraint {
 public:
  GrammarConstraint(std::shared_ptr<const Grammar> grammar, std::shared_ptr<SharedAutomaton> shared)
      : grammar_(std::move(grammar)),
        shared_(std::move(shared)),
        automaton_(shared_->current()),
        state_(automaton_->start()) {}

  std::string_view name() const override { return grammar_->name(); }

  std::span<const std::uint64_t> allowed() override {
    if (!mask_) mask_ = automaton_->mask(state_);
    return *mask_;
  }

  void accept(Token token) override {
    const TokenTrie& trie = shared_->trie();
    if (trie.is_end(token) && automaton_->may_end(state_)) return;
    if (trie.is_text(token) && accept_text(trie.bytes(token))) return;
    throw bad_input(fmt::format("token {} ({}) does not fit the {}", token,
                                in_quotes(trie.bytes(token)), name()),
                    "constraint");
  }

  bool accept_text(std::string_view bytes) override {
    const TokenAutomaton::State next = automaton_->walk(state_, bytes);
    if (next == Automaton::kDead) return false;
    if (next != state_) mask_.reset();
    state_ = next;
    if (automaton_->bytes() > SharedAutomaton::kOutgrown) move_on();
    return true;
  }

  bool may_end() override { return automaton_->may_end(state_); }
  bool must_end() override { return automaton_->must_end(state_); }

  std::unique_ptr<Constraint> clone() const override {
    return std::make_unique<GrammarConstraint>(*this);
  }

 private:
  void move_on() {
    auto next = shared_->successor(*automaton_);
    if (next == automaton_) return;
    state_ = automaton_->copy_to(*next, state_);
    automaton_ = std::move(next);
    mask_.reset();
  }

  std::shared_ptr<const Grammar> grammar_;
  std::shared_ptr<SharedAutomaton> shared_;
  std::shared_ptr<TokenAutomaton> automaton_;
  TokenAutomaton::State state_;
  std::shared_ptr<const TokenMask> mask_;  // of state_, once it was asked for
};

}  // namespace

MakeConstraint constrain(std::shared_ptr<const Grammar> grammar,
                         std::shared_ptr<const TokenTrie> trie) {
  auto shared = grammar->parts().automaton(std::move(trie));
  return [grammar = std::move(grammar), shared = std::move(shared)] {
    return std::make_unique<GrammarConstraint>(grammar, shared);
  };
}

MakeConstraint continuing(MakeConstraint inner, std::string text) {
  const auto start = [inner = std::move(inner), text = std::move(text)] {
    std::unique_ptr<Constraint> constraint = inner();
    if (!constraint->accept_text(text)) {
      throw bad_input(
          fmt::format("{} does not begin a text of the {}", in_quotes(text), constraint->name()),
          "constraint");
    }
    return constraint;
  };
  start();
  return start;
}

}  // namespace jielong
