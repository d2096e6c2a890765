// A constraint that sleeps until a trigger text has appeared.

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "base/error.h"
#include "generate/constraint/grammar.h"

namespace jielong {
namespace {

/// Finds the first of several texts in a stream of bytes, wherever they are cut. A state is how
/// much of which text has been read (Aho and Corasick 1975, with the failure links followed
/// when they are needed: the texts are short).
class TriggerFinder {
 public:
  explicit TriggerFinder(std::vector<std::string> texts) : texts_(std::move(texts)) {}

  /// The longest end of what was read that begins a text.
  using State = std::string;

  /// Reads up to the end of a text; returns how many bytes that took, if one was found.
  std::optional<std::size_t> read(State& state, std::string_view bytes) const {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      state += bytes[i];
      while (!state.empty() && !begins_text(state)) state.erase(0, 1);
      for (const std::string& text : texts_) {
        if (state.ends_with(text)) return i + 1;
      }
    }
    return std::nullopt;
  }

  /// Whether a text can end inside `bytes`: a quick look before read().
  bool may_complete(const State& state, std::string_view bytes) const {
    return std::any_of(texts_.begin(), texts_.end(), [&](const std::string& text) {
      if (bytes.find(text) != bytes.npos) return true;
      for (std::size_t read = 1; read < text.size() && read <= state.size(); ++read) {
        if (state.ends_with(std::string_view(text).substr(0, read)) &&
            bytes.starts_with(std::string_view(text).substr(read))) {
          return true;
        }
      }
      return false;
    });
  }

 private:
  bool begins_text(std::string_view state) const {
    return std::any_of(texts_.begin(), texts_.end(),
                       [&](const std::string& text) { return text.starts_with(state); });
  }

  std::vector<std::string> texts_;
};

/// What all chains of one trigger share.
struct TriggerParts {
  TriggerParts(std::vector<std::string> triggers, MakeConstraint inner_,
               std::shared_ptr<const TokenTrie> trie_)
      : finder(std::move(triggers)),
        inner(std::move(inner_)),
        trie(std::move(trie_)),
        name(inner()->name()) {}

  TriggerFinder finder;
  MakeConstraint inner;
  std::shared_ptr<const TokenTrie> trie;
  std::string name;
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<const std::vector<std::uint64_t>>> masks;  // by state

  /// Everything, but for tokens that go on behind a trigger as `inner` does not allow.
  std::shared_ptr<const std::vector<std::uint64_t>> mask(const TriggerFinder::State& state) {
    const std::lock_guard lock(mutex);
    auto& known = masks[state];
    if (known) return known;
    auto mask = std::make_shared<std::vector<std::uint64_t>>(trie->mask_words(), ~std::uint64_t{0});
    const Token size = trie->vocabulary();
    if (size % 64 != 0) mask->back() = (std::uint64_t{1} << (size % 64)) - 1;
    std::unique_ptr<Constraint> start;
    for (Token token = 0; token < size; ++token) {
      const std::string_view bytes = trie->bytes(token);
      if (!finder.may_complete(state, bytes)) continue;
      TriggerFinder::State next = state;
      const auto used = finder.read(next, bytes);
      if (!used || *used == bytes.size()) continue;
      if (!start) start = inner();
      if (trie->is_text(token) && start->clone()->accept_text(bytes.substr(*used))) continue;
      const auto index = static_cast<std::size_t>(token);
      (*mask)[index / 64] &= ~(std::uint64_t{1} << (index % 64));
    }
    return known = std::move(mask);
  }
};

class TriggeredConstraint final : public Constraint {
 public:
  explicit TriggeredConstraint(std::shared_ptr<TriggerParts> parts) : parts_(std::move(parts)) {}
  TriggeredConstraint(const TriggeredConstraint& other)
      : parts_(other.parts_),
        read_(other.read_),
        inner_(other.inner_ ? other.inner_->clone() : nullptr) {}
  TriggeredConstraint& operator=(const TriggeredConstraint&) = delete;

  std::string_view name() const override { return parts_->name; }

  std::span<const std::uint64_t> allowed() override {
    if (inner_) return inner_->allowed();
    mask_ = parts_->mask(read_);
    return *mask_;
  }

  void accept(Token token) override {
    if (inner_) {
      inner_->accept(token);
      return;
    }
    if (parts_->trie->is_end(token)) return;
    if (accept_text(parts_->trie->bytes(token))) return;
    throw bad_input("the text behind a trigger does not fit the " + std::string(name()),
                    "constraint");
  }

  bool accept_text(std::string_view bytes) override {
    if (inner_) return inner_->accept_text(bytes);
    TriggerFinder::State read = read_;
    const auto used = parts_->finder.read(read, bytes);
    if (used) {
      std::unique_ptr<Constraint> inner = parts_->inner();
      if (!inner->accept_text(bytes.substr(*used))) return false;
      inner_ = std::move(inner);
    }
    read_ = std::move(read);
    return true;
  }

  bool may_end() override { return !inner_ || inner_->may_end(); }
  bool must_end() override { return inner_ && inner_->must_end(); }

  std::unique_ptr<Constraint> clone() const override {
    return std::make_unique<TriggeredConstraint>(*this);
  }

 private:
  std::shared_ptr<TriggerParts> parts_;
  TriggerFinder::State read_;
  std::unique_ptr<Constraint> inner_;  // from the trigger on
  std::shared_ptr<const std::vector<std::uint64_t>> mask_;
};

}  // namespace

MakeConstraint after_trigger(std::vector<std::string> triggers, MakeConstraint inner,
                             std::shared_ptr<const TokenTrie> trie) {
  constexpr std::size_t kMost = 64, kLongest = 256;
  for (const std::string& trigger : triggers) {
    if (trigger.empty()) throw bad_input("a trigger is empty", "constraint");
    if (trigger.size() > kLongest) {
      throw Error(ErrorKind::limit, "a trigger has more than 256 bytes", "constraint");
    }
  }
  if (triggers.empty()) throw bad_input("there is no trigger", "constraint");
  if (triggers.size() > kMost) {
    throw Error(ErrorKind::limit, "there are more than 64 triggers", "constraint");
  }
  auto parts =
      std::make_shared<TriggerParts>(std::move(triggers), std::move(inner), std::move(trie));
  return [parts = std::move(parts)] { return std::make_unique<TriggeredConstraint>(parts); };
}

MakeConstraint after_trigger(std::vector<std::string> triggers, MakeConstraint inner,
                             const Tokenizer& tokenizer) {
  return after_trigger(std::move(triggers), std::move(inner), TokenTrie::of(tokenizer));
}

}  // namespace jielong
