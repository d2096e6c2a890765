#include "evaluate/state_similarity.h"

#include <charconv>
#include <cmath>
#include <string_view>

#include "base/error.h"
#include "model/model.h"

namespace jielong {
namespace {

/// Vectors of one text by layer: what the residual stream holds on average.
using States = std::vector<std::vector<float>>;

/// The mean of the given rows.
std::vector<float> mean_of(const Tensor& value, const std::vector<std::int64_t>& rows) {
  std::vector<float> mean(static_cast<std::size_t>(value.channels));
  for (const std::int64_t row : rows) {
    for (std::size_t i = 0; i < mean.size(); ++i) mean[i] += value.row(row)[i];
  }
  for (float& x : mean) x /= static_cast<float>(rows.size());
  return mean;
}

/// n of "residual.n.out", which is the stream behind a sublayer; −1 for other names.
std::int64_t sublayer_of(std::string_view name) {
  constexpr std::string_view kBegin = "residual.", kEnd = ".out";
  if (!name.starts_with(kBegin) || !name.ends_with(kEnd)) return -1;
  name = name.substr(kBegin.size(), name.size() - kBegin.size() - kEnd.size());
  std::int64_t number = -1;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  return error == std::errc() && end == name.data() + name.size() ? number : -1;
}

class StateReader {
 public:
  explicit StateReader(ModelRunner& runner) : runner_(runner) {
    const Stack& stack = runner.model().stack();
    sublayers_ = static_cast<std::int64_t>(stack.residuals.size());
    per_layer_ = std::max<std::int64_t>(1, sublayers_ / std::max<std::int64_t>(1, stack.depth));
    runner.set_tap([this](std::string_view name, Tensor value) { see(name, value); });
  }
  StateReader(const StateReader&) = delete;
  StateReader& operator=(const StateReader&) = delete;
  ~StateReader() { runner_.set_tap({}); }

  States read(const std::string& text) {
    states_.clear();
    const Tokenizer& tokenizer = runner_.model().tokenizer();
    const std::vector<Token> tokens = tokenizer.encode(text);
    // BOS stands before every text and is the same for all: often it outweighs them.
    rows_.clear();
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      if (!tokenizer.vocabulary().is_special(tokens[i])) {
        rows_.push_back(static_cast<std::int64_t>(i));
      }
    }
    if (rows_.empty()) throw bad_input("a text has no tokens", "state similarity");
    runner_.hidden_states(tokens);
    return std::move(states_);
  }

 private:
  void see(std::string_view name, const Tensor& value) {
    if (states_.empty()) {
      if (name == embedding_name()) states_.push_back(mean_of(value, rows_));
      return;
    }
    const std::int64_t sublayer = sublayer_of(name);
    if (sublayer < 0) return;
    const bool ends_layer = (sublayer + 1) % per_layer_ == 0 || sublayer + 1 == sublayers_;
    if (ends_layer) states_.push_back(mean_of(value, rows_));
  }
  std::string embedding_name() const { return runner_.model().stack().tokens.name + ".out"; }

  ModelRunner& runner_;
  std::int64_t sublayers_ = 0, per_layer_ = 1;
  std::vector<std::int64_t> rows_;  ///< of tokens that are text
  States states_;
};

double length(const std::vector<float>& x) {
  double sum = 0;
  for (const float value : x) sum += static_cast<double>(value) * value;
  return std::sqrt(sum);
}

/// 0 when one of them is zero.
double cosine(const std::vector<float>& a, const std::vector<float>& b) {
  double dot = 0;
  for (std::size_t i = 0; i < a.size(); ++i) dot += static_cast<double>(a[i]) * b[i];
  const double lengths = length(a) * length(b);
  return lengths > 0 ? dot / lengths : 0;
}

}  // namespace

StateSimilarity compare_states(std::span<const std::vector<float>> first,
                               std::span<const std::vector<float>> second) {
  const std::size_t n = first.size();
  if (n < 2 || second.size() != n) {
    throw bad_input("comparing states needs at least two pairs", "state similarity");
  }
  std::vector<double> cosines(n * n);  // (first, second)
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) cosines[i * n + j] = cosine(first[i], second[j]);
  }
  StateSimilarity result;
  for (std::size_t i = 0; i < n; ++i) {
    const double own = cosines[i * n + i];
    result.same += own / static_cast<double>(n);
    bool nearest_second = true, nearest_first = true;
    for (std::size_t j = 0; j < n; ++j) {
      if (j == i) continue;
      result.other += cosines[i * n + j] / static_cast<double>(n * (n - 1));
      nearest_second = nearest_second && own > cosines[i * n + j];
      nearest_first = nearest_first && own > cosines[j * n + i];
    }
    result.retrieval.add(nearest_second);
    result.retrieval.add(nearest_first);
  }
  return result;
}

std::vector<StateSimilarity> measure_state_similarity(ModelRunner& runner,
                                                      std::span<const TextPair> pairs,
                                                      const std::atomic<bool>* cancel) {
  std::vector<States> first, second;  // by layer, then by pair
  const auto keep = [](States states, std::vector<States>& kept) {
    kept.resize(states.size());
    for (std::size_t i = 0; i < states.size(); ++i) kept[i].push_back(std::move(states[i]));
  };
  StateReader reader(runner);
  for (const auto& [one, other] : pairs) {
    if (cancel != nullptr && cancel->load(std::memory_order_relaxed)) {
      throw Error(ErrorKind::cancelled, "the measurement was stopped");
    }
    keep(reader.read(one), first);
    keep(reader.read(other), second);
  }
  std::vector<StateSimilarity> layers;
  for (std::size_t i = 0; i < first.size(); ++i) {
    layers.push_back(compare_states(first[i], second[i]));
    layers.back().layer = static_cast<std::int64_t>(i);
  }
  return layers;
}

}  // namespace jielong
