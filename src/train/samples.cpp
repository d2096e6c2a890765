#include "train/samples.h"

#include <algorithm>

#include "base/error.h"
#include "generate/generator.h"
#include "model/model_runner.h"

namespace jielong {
namespace {

std::vector<Token> prompt_tokens(const Tokenizer& tokenizer, const std::string& prompt) {
  // BOS as in training, but no EOS behind what is to be continued.
  std::vector<Token> tokens = tokenizer.encode(prompt, {.add_special = false});
  const auto bos = tokenizer.vocabulary().role(TokenRole::bos);
  if (bos && (tokenizer.adds_bos() || tokens.empty())) tokens.insert(tokens.begin(), *bos);
  const auto eos = tokenizer.vocabulary().role(TokenRole::eos);
  if (tokens.empty() && eos) tokens.push_back(*eos);
  if (tokens.empty()) {
    throw bad_input("has no tokens, and the tokenizer none that begins a text", "sample's prompt",
                    "give prompts some text");
  }
  return tokens;
}

}  // namespace

std::vector<TrainingSample> continue_prompts(const std::shared_ptr<const Model>& model,
                                             ThreadPool& pool, const SampleSettings& settings) {
  const Tokenizer& tokenizer = model->tokenizer();
  GenerateOptions options;
  options.sampling.temperature = settings.temperature;
  options.seed = settings.seed;
  options.max_tokens = settings.tokens;
  RunnerOptions limits;
  limits.max_chains = std::max<std::int64_t>(1, static_cast<std::int64_t>(settings.prompts.size()));
  ModelRunner runner(model, pool, limits);
  Generator generator(runner, &tokenizer);
  for (const std::string& prompt : settings.prompts) {
    generator.add(prompt_tokens(tokenizer, prompt), options);
  }
  generator.run();
  std::vector<TrainingSample> samples;
  for (std::size_t i = 0; i < settings.prompts.size(); ++i) {
    samples.push_back({0, settings.prompts[i], generator.result(i).text});
  }
  return samples;
}

std::vector<std::int32_t> token_bytes(const Tokenizer& tokenizer) {
  const Vocabulary& vocabulary = tokenizer.vocabulary();
  std::vector<std::int32_t> bytes(static_cast<std::size_t>(vocabulary.size()));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto token = static_cast<Token>(i);
    if (!vocabulary.is_special(token)) {
      bytes[i] = static_cast<std::int32_t>(tokenizer.bytes(token).size());
    }
  }
  return bytes;
}

}  // namespace jielong
