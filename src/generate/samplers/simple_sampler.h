#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "generate/sampler.h"
#include "generate/sampler_settings.h"

namespace jielong {

/// A sampler without memory, from a function of the distribution and the context.
template <typename Body>
class SimpleSampler final : public Sampler {
 public:
  SimpleSampler(std::string_view name, std::string description, Body body)
      : name_(name), description_(std::move(description)), body_(std::move(body)) {}

  std::string_view name() const override { return name_; }
  std::string describe() const override { return description_; }
  void apply(Distribution& distribution, const SamplerContext& context) override {
    body_(distribution, context);
  }
  std::unique_ptr<Sampler> clone() const override { return std::make_unique<SimpleSampler>(*this); }

 private:
  std::string_view name_;
  std::string description_;
  Body body_;
};

template <typename Body>
std::unique_ptr<Sampler> make_simple_sampler(SamplerKind kind, std::string description, Body body) {
  return std::make_unique<SimpleSampler<Body>>(name(kind), std::move(description), std::move(body));
}

}  // namespace jielong
