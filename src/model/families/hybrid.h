#pragma once

#include <string>

#include "model/hyperparameters.h"

namespace jielong {

/// Our own family "jielong": a stack of sublayers spelt by a pattern, one letter each.
///
///     A  attention with rotary positions       F  gated feed-forward layer (SwiGLU)
///     M  Mamba                                 G  plain feed-forward layer with GELU
///     S  Mamba-2 (state space duality)         E  experts
///     D  gated DeltaNet
///
/// Hyperparameters::layers counts sublayers; the pattern is repeated until there are so many:
/// "AF" and 12 layers are a Transformer of six blocks, "M" and 12 a Mamba of twelve, "MFMFAF" a
/// hybrid. Every sublayer is a residual behind an RMS norm of its own. With
/// Hyperparameters::repeat_weights all repetitions share one set of parameters (ALBERT, Lan et al.
/// 2019): tensors exist for the first one only.
///
/// In GGUF: general.architecture "jielong"; "jielong.pattern", "jielong.repeat_weights"; sizes of
/// recurrent layers as in "ssm.*" under "jielong.mamba.*", "jielong.mamba2.*",
/// "jielong.delta_net.*"; all else as in llama. Tensors are named as in GGUF's other families,
/// "blk.<sublayer>.…".

/// Fills in sizes that are 0: of attention heads, of the feed-forward layers, and of the kinds of
/// recurrent layers that the pattern (or the family) has. Throws Error(bad_input) for a pattern
/// that cannot be built.
void complete_sizes(Hyperparameters& hyper);

}  // namespace jielong
