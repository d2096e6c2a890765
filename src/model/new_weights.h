#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "model/family.h"
#include "model/parameter_weights.h"

namespace jielong {

/// The parameters of a model that nobody has trained: whatever a family's layers ask for is made.
///
/// Matrices and embeddings are drawn from a normal distribution of `deviation`, those of a
/// sublayer's output (attn_output, ffn_down, ssm_out) with deviation / √(2 · layers), so that the
/// residual stream does not grow with depth (Radford et al., 2019); gains of norms are 1, other
/// vectors 0, unless the family initialises them itself. A tensor's values depend on the seed and
/// its name alone.
class NewWeights : public ParameterWeights {
 public:
  struct Options {
    std::uint64_t seed = 1;
    float deviation = 0.02f;
    /// Patterns of tensors that are made where layers find them optional, besides the family's:
    /// "output.weight", "blk.{}.attn_q_norm.weight".
    std::vector<std::string> optional_tensors;
  };

  NewWeights(std::shared_ptr<Theta> theta, const Family& family, const Hyperparameters& hyper,
             const Options& options, ThreadPool& pool)
      : ParameterWeights(std::move(theta), "new model"),
        family_(family),
        hyper_(hyper),
        options_(options),
        pool_(pool) {}

  bool has(const std::string& name) const override;
  std::int64_t rows_of(const std::string& name) const override;

 protected:
  const Parameter& find(const std::string& name, const std::vector<std::int64_t>& shape,
                        Use use) const override;

 private:
  void initialize(Parameter& parameter, Use use) const;
  void draw(Parameter& parameter, float deviation) const;

  const Family& family_;
  const Hyperparameters& hyper_;
  Options options_;
  ThreadPool& pool_;
};

}  // namespace jielong
