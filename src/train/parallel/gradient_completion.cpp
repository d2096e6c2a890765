#include "train/parallel/gradient_completion.h"

#include <string>
#include <utility>

namespace jielong {

GradientCompletion::GradientCompletion(Parameters& parameters, Tape& tape,
                                       std::function<void(Parameter&)> complete)
    : parameters_(parameters), tape_(tape), complete_(std::move(complete)), stretches_(1) {
  tap_ = [this](std::string_view name, const Tensor&) { see(name); };
}

void GradientCompletion::see(std::string_view name) {
  constexpr std::string_view kInput = ".in", kOutput = ".out", kResidual = "residual.";
  if (!forward_) return;
  if (name.starts_with(kResidual) && name.ends_with(kOutput)) {
    tape_.record([this, mark = stretches_.size()] { pass_mark(mark); });
    stretches_.emplace_back();
  } else if (name.ends_with(kInput)) {
    name.remove_suffix(kInput.size());
    Parameter* parameter = parameters_.find(std::string(name));
    // Embeddings are looked up without a word before they show up again as a tied head.
    if (parameter == nullptr || parameter->role != Parameter::Role::matrix) return;
    if (seen_.insert(parameter).second) stretches_.back().push_back(parameter);
  }
}

void GradientCompletion::pass_mark(std::size_t mark) {
  forward_ = false;
  while (stretches_.size() > mark) {
    for (Parameter* parameter : stretches_.back()) complete_(*parameter);
    stretches_.pop_back();
  }
}

}  // namespace jielong
