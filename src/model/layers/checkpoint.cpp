#include "model/layers/checkpoint.h"

#include <algorithm>
#include <utility>

#include "tensor/ops/add.h"
#include "tensor/tape.h"

namespace jielong {
namespace {

using Block = std::function<Tensor(ModelPass&, const Tensor&)>;

void copy(const Tensor& from, const Tensor& to) {
  for (std::int64_t i = 0; i < from.rows; ++i) std::copy_n(from.row(i), from.channels, to.row(i));
}

void run_again(ModelPass& outer, const Tensor& x, const Tensor& y, const Block& block) {
  Pass& pass = outer.pass;
  const Tensor dy = pass.tape()->gradient(y);
  if (!dy) return;
  const ArenaScope scope(pass.arena());
  const auto tape = pass.tape()->nested();
  Pass again(pass.workspace(), nullptr, tape.get(), pass.precision());
  ModelPass inner(again, outer);
  add_gradient(again, dy, block(inner, x));
  tape->backward();
  // What no step of the block made came from outside: x, and whatever else it read.
  tape->for_leaves([&](const float* value, const Tensor& gradient) {
    add_gradient(pass, gradient,
                 {const_cast<float*>(value), gradient.rows, gradient.channels, gradient.stride});
  });
}

}  // namespace

Tensor checkpoint(ModelPass& pass, const Tensor& x, Block block) {
  Tape* tape = pass.pass.tape();
  if (tape == nullptr) return block(pass, x);
  const Tensor y = pass.pass.empty(x.rows, x.channels);
  copy(x, y);
  {
    const ArenaScope scope(pass.pass.arena());
    Pass quiet(pass.pass.workspace(), nullptr, nullptr, pass.pass.precision());
    ModelPass inner(quiet, pass);
    const Tensor result = block(inner, y);
    if (result.data != y.data) copy(result, y);
    pass.balance_loss += inner.balance_loss;
  }
  tape->record([&pass, x, y, block = std::move(block)] { run_again(pass, x, y, block); });
  return y;
}

}  // namespace jielong
