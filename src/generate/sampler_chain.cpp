#include "generate/sampler_chain.h"

#include <utility>

namespace jielong {
namespace {

void record(const Distribution& distribution, std::string name, std::string description,
            std::int64_t top, DiceTrace& trace) {
  trace.steps.push_back(
      {std::move(name), std::move(description), distribution.survivors(), distribution.top(top)});
}

}  // namespace

Rng chain_rng(std::uint64_t seed, std::uint64_t index) {
  // An odd multiple apart in splitmix64's space: no two indices share a stream's start.
  return Rng(seed + index * 0xd1342543de82ef95ULL);
}

SamplerChain::SamplerChain(const SamplerSettings& settings, Rng rng, PieceOf piece_of)
    : samplers_(make_samplers(settings, piece_of)), rng_(rng) {}

SamplerChain::SamplerChain(const SamplerChain& other)
    : history_(other.history_), prompt_length_(other.prompt_length_), rng_(other.rng_) {
  samplers_.reserve(other.samplers_.size());
  for (const auto& sampler : other.samplers_) samplers_.push_back(sampler->clone());
}

SamplerChain& SamplerChain::operator=(const SamplerChain& other) {
  return *this = SamplerChain(other);
}

void SamplerChain::start(std::span<const Token> prompt) {
  history_.assign(prompt.begin(), prompt.end());
  prompt_length_ = prompt.size();
}

Distribution& SamplerChain::shape(std::span<const float> logits, std::int64_t trace_top,
                                  DiceTrace* trace, const AllowedTokens* allowed) {
  distribution_.assign(logits);
  const bool traced = trace != nullptr && trace_top > 0;
  if (traced) {
    trace->steps.clear();
    record(distribution_, "model", "model", trace_top, *trace);
  }
  if (allowed != nullptr) {
    distribution_.keep_allowed(allowed->mask);
    if (traced) {
      const std::string name(allowed->name);
      record(distribution_, name, "allowed by " + name, trace_top, *trace);
    }
  }
  const SamplerContext context{history_, prompt_length_, &rng_};
  for (const auto& sampler : samplers_) {
    sampler->apply(distribution_, context);
    if (traced) {
      record(distribution_, std::string(sampler->name()), sampler->describe(), trace_top, *trace);
    }
  }
  return distribution_;
}

TokenProbability SamplerChain::roll() {
  // A foregone conclusion needs no dice.
  if (!distribution_.dense() && distribution_.survivors() == 1) return distribution_.draw(0);
  return distribution_.draw(rng_.uniform());
}

void SamplerChain::accept(const TokenProbability& chosen) {
  history_.push_back(chosen.token);
  for (const auto& sampler : samplers_) sampler->accept(chosen.token, chosen.probability);
}

TokenProbability SamplerChain::sample(std::span<const float> logits, std::int64_t trace_top,
                                      DiceTrace* trace) {
  shape(logits, trace_top, trace);
  const TokenProbability chosen = roll();
  if (trace != nullptr) trace->chosen = chosen;
  accept(chosen);
  return chosen;
}

}  // namespace jielong
