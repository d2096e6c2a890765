#include "generate/constraint_cache.h"

#include <fmt/format.h>

#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "generate/answer_constraint.h"

namespace jielong {
namespace {

/// What is kept for one model.
class ModelConstraints {
 public:
  MakeConstraint get(const std::string& key, const Tokenizer& tokenizer, const ChatRequest& request,
                     const ChatPrompt& prompt) {
    const std::lock_guard lock(mutex_);
    for (auto entry = latest_.begin(); entry != latest_.end(); ++entry) {
      if (entry->first != key) continue;
      latest_.splice(latest_.begin(), latest_, entry);
      return latest_.front().second;
    }
    MakeConstraint made = answer_constraint(request, prompt, [&] {
      if (!trie_) trie_ = TokenTrie::of(tokenizer);
      return trie_;
    });
    latest_.emplace_front(key, made);
    if (latest_.size() > kMost) latest_.pop_back();
    return made;
  }

 private:
  static constexpr std::size_t kMost = 64;

  std::mutex mutex_;
  std::shared_ptr<const TokenTrie> trie_;
  std::list<std::pair<std::string, MakeConstraint>> latest_;  ///< by key, latest first
};

ModelConstraints& constraints_of(LoadedModel& model) {
  const auto kept = model.keep([] { return std::make_shared<ModelConstraints>(); });
  return *static_cast<ModelConstraints*>(kept.get());
}

/// Everything that a constraint depends on besides the model.
std::string key_of(const ChatRequest& request, const ChatPrompt& prompt) {
  std::string key = fmt::format(
      "{} {} {} {} {} {} {} {}", static_cast<int>(request.shape.kind), request.shape.source.size(),
      static_cast<int>(request.tool_choice), request.tool_name.size(), request.parallel_tool_calls,
      prompt.format.starts_thinking, prompt.mark.size(), request.tools.size());
  for (const std::string* part : {&request.shape.source, &request.tool_name, &request.tools}) {
    key += '\n';
    key += *part;
  }
  return key;
}

}  // namespace

MakeConstraint constraint_of(LoadedModel& model, const ChatRequest& request,
                             const ChatPrompt& prompt) {
  const bool calls = prompt.calls || request.must_call();
  if (!calls && request.shape.kind == AnswerShape::Kind::free) return {};
  MakeConstraint make = constraints_of(model).get(key_of(request, prompt),
                                                  model.model().tokenizer(), request, prompt);
  return make && !prompt.begun.empty() ? continuing(std::move(make), prompt.begun) : make;
}

}  // namespace jielong
