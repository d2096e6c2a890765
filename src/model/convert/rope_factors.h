#pragma once

#include <string>
#include <vector>

#include "model/hyperparameters.h"
#include "model/tensor_file.h"

namespace jielong {

/// GGUF keeps the divisors of the rotary frequencies, one for each pair of channels, as
/// tensors; config.json keeps the numbers or lists that they come from.
struct RopeTensor {
  std::string name;
  std::vector<float> divisors;
};

/// The tensors that stand for the model's rope scaling; none for kinds that GGUF's metadata
/// can state.
std::vector<RopeTensor> rope_tensors(const Hyperparameters& hyper);

/// Puts the divisors of a GGUF file back into `hyper.rope_scaling`: LongRoPE's lists as they
/// are, other divisors as the parameters of Llama 3 that give them, or, where none do, as
/// LongRoPE with the same list for short and for long contexts. Throws Error(bad_input) for
/// divisors that are none, Error(unsupported) beside another kind of scaling.
void restore_rope_scaling(const TensorFile& file, Hyperparameters& hyper);

}  // namespace jielong
