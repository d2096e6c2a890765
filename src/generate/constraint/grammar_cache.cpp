#include <fmt/format.h>

#include <algorithm>
#include <list>
#include <mutex>
#include <utility>

#include "base/error.h"
#include "generate/constraint/grammar.h"

namespace jielong {

struct GrammarCache::State {
  struct Entry {
    std::string kind, source;
    Grammar::Pointer grammar;
  };
  std::size_t most = 0;
  std::mutex mutex;
  std::list<Entry> entries;  // the one used last comes first
  std::size_t bytes = 0;
};

GrammarCache::GrammarCache(std::size_t entries) : state_(std::make_unique<State>()) {
  state_->most = std::max<std::size_t>(entries, 1);
}
GrammarCache::~GrammarCache() = default;

Grammar::Pointer GrammarCache::get(std::string_view kind, std::string_view source) {
  {
    const std::lock_guard lock(state_->mutex);
    const auto known = std::find_if(
        state_->entries.begin(), state_->entries.end(),
        [&](const State::Entry& entry) { return entry.kind == kind && entry.source == source; });
    if (known != state_->entries.end()) {
      state_->entries.splice(state_->entries.begin(), state_->entries, known);
      return known->grammar;
    }
  }
  // Compiled without the lock: a large grammar holds nobody up.
  Grammar::Pointer grammar;
  if (kind == "gbnf") {
    grammar = Grammar::from_gbnf(source);
  } else if (kind == "regex") {
    grammar = Grammar::from_regex(source);
  } else if (kind == "json-schema") {
    grammar = Grammar::from_json_schema(source);
  } else if (kind == "json") {
    grammar = Grammar::from_json();
  } else {
    throw bad_input(fmt::format("there are no grammars of the kind \"{}\"", kind), "grammar");
  }
  const std::lock_guard lock(state_->mutex);
  constexpr std::size_t kMostBytes = 64 << 20;
  state_->entries.push_front({std::string(kind), std::string(source), grammar});
  state_->bytes += source.size() + grammar->bytes();
  while (state_->entries.size() > 1 &&
         (state_->entries.size() > state_->most || state_->bytes > kMostBytes)) {
    const State::Entry& oldest = state_->entries.back();
    state_->bytes -= oldest.source.size() + oldest.grammar->bytes();
    state_->entries.pop_back();
  }
  return grammar;
}

}  // namespace jielong
