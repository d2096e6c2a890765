#pragma once

#include "base/random.h"
#include "model/families/parts.h"
#include "model/layers/delta_net.h"
#include "model/layers/mamba.h"
#include "model/layers/mamba2.h"

namespace jielong::parts {

/// Recurrent layers from GGUF's "ssm_*" tensors, registered with the stack.

/// ssm_in (x, z), ssm_conv1d, ssm_x (Δ, B, C), ssm_dt, ssm_a, ssm_d, ssm_out, and ssm_dt_norm,
/// ssm_b_norm, ssm_c_norm where the file has them.
std::shared_ptr<Mamba> mamba(const Hyperparameters& hyper, const WeightSource& source,
                             std::int64_t layer, Stack& stack);
/// ssm_in (z, x, B, C, Δ), ssm_conv1d (x, B, C), ssm_dt.bias, ssm_a, ssm_d, ssm_out, and ssm_norm
/// where the file has it.
std::shared_ptr<Mamba2> mamba2(const Hyperparameters& hyper, const WeightSource& source,
                               std::int64_t layer, Stack& stack);
/// attn_qkv, attn_gate, ssm_beta, ssm_alpha (or both interleaved in ssm_ba), ssm_conv1d (q, k, v),
/// ssm_dt.bias, ssm_a, ssm_norm, ssm_out; or q, k, v, z interleaved in ssm_in.
std::shared_ptr<DeltaNet> delta_net(const Hyperparameters& hyper, const WeightSource& source,
                                    std::int64_t layer, Stack& stack);

/// First values for a new model's recurrent layers, as the authors of Mamba chose them: A from −1
/// to −states (−1 to −16 for heads), D 1, taps uniform in ±1/√taps, a bias of Δ whose softplus lies
/// between 0.001 and 0.1 on a logarithmic scale.
bool initialize_recurrent(Parameter& parameter, const Hyperparameters& hyper, Rng& rng);

/// Optional tensors of these layers that new models have.
inline constexpr std::string_view kRecurrentOptional[] = {
    "blk.{}.ssm_dt.bias", "blk.{}.ssm_conv1d.bias", "blk.{}.ssm_norm.weight"};

}  // namespace jielong::parts
