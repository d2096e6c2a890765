#pragma once

#include <functional>

#include "model/layers/layer.h"

namespace jielong {

/// Activation checkpointing (Chen et al., 2016): runs `block`, a function from stream to stream,
/// without a tape, so that of all it computes only its input x and its result stay; the backward
/// step runs it again, with a tape of its own. Gradients are the same bytes as without. A pass that
/// does not record just runs the block.
Tensor checkpoint(ModelPass& pass, const Tensor& x,
                  std::function<Tensor(ModelPass&, const Tensor&)> block);

}  // namespace jielong
