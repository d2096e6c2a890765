#include "generate/embedding.h"

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "base/error.h"
#include "token/tokenizer.h"

namespace jielong {
namespace {

using Pooling = Hyperparameters::Pooling;

std::vector<float> pool(const Tensor& states, Pooling pooling) {
  const auto channels = static_cast<std::size_t>(states.channels);
  if (pooling == Pooling::first) return {states.row(0), states.row(0) + channels};
  if (pooling == Pooling::last) {
    const float* last = states.row(states.rows - 1);
    return {last, last + channels};
  }
  std::vector<double> sum(channels, 0.0);
  for (std::int64_t row = 0; row < states.rows; ++row) {
    for (std::size_t i = 0; i < channels; ++i) sum[i] += states.row(row)[i];
  }
  std::vector<float> mean(channels);
  for (std::size_t i = 0; i < channels; ++i) {
    mean[i] = static_cast<float>(sum[i] / static_cast<double>(states.rows));
  }
  return mean;
}

void normalize(std::vector<float>& vector) {
  double squares = 0;
  for (const float x : vector) squares += static_cast<double>(x) * x;
  if (squares == 0) return;
  const double scale = 1 / std::sqrt(squares);
  for (float& x : vector) x = static_cast<float>(x * scale);
}

}  // namespace

std::vector<float> embed(ModelRunner& runner, std::string_view text, const EmbedOptions& options) {
  return embed(runner, runner.model().tokenizer().encode(text), options);
}

std::vector<float> embed(ModelRunner& runner, std::span<const Token> tokens,
                         const EmbedOptions& options) {
  if (tokens.empty()) {
    throw bad_input("the text has no tokens", "text", "give a text that is not empty");
  }
  Pooling pooling = options.pooling.value_or(runner.model().hyper().pooling);
  if (pooling == Pooling::none) pooling = Pooling::mean;
  std::vector<float> vector = pool(runner.hidden_states(tokens), pooling);
  if (options.normalize) normalize(vector);
  return vector;
}

}  // namespace jielong
