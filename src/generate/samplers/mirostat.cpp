#include <fmt/format.h>

#include <cmath>

#include "generate/samplers/samplers.h"

namespace jielong {
namespace {

/// Mirostat 2 (Basu et al. 2021): removes the tokens whose surprise in bits exceeds μ and
/// moves μ so that the surprise of what is chosen stays near τ.
class Mirostat final : public Sampler {
 public:
  Mirostat(double tau, double eta) : tau_(tau), eta_(eta), mu_(2 * tau) {}

  std::string_view name() const override { return jielong::name(SamplerKind::mirostat); }
  std::string describe() const override {
    return fmt::format("mirostat tau {:g}, mu {:.3f} bits", tau_, mu_);
  }
  void apply(Distribution& distribution, const SamplerContext&) override {
    const double threshold = distribution.log_sum_exp() - mu_ * std::log(2.0);
    distribution.keep_above(static_cast<float>(threshold), 1);
  }
  void accept(Token, double probability) override {
    if (probability <= 0) return;
    mu_ -= eta_ * (-std::log2(probability) - tau_);
  }
  std::unique_ptr<Sampler> clone() const override { return std::make_unique<Mirostat>(*this); }

 private:
  double tau_, eta_, mu_;
};

}  // namespace

std::unique_ptr<Sampler> make_mirostat(const SamplerSettings& settings) {
  return std::make_unique<Mirostat>(settings.mirostat_tau, settings.mirostat_eta);
}

}  // namespace jielong
