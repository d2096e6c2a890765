// The kernels of tensor/vector_backward.h. Included inside the namespace of an instruction set,
// after its floats.h, math.inl and rows.inl.

namespace {

/// x in place of, or added to, what lies at p.
template <typename Lanes>
JIELONG_KERNEL void put(Lanes at, float* p, Floats x, bool add) {
  at.put(p, add ? at.get(p) + x : x);
}

/// gain · dy, where the gain may be absent.
template <typename Lanes>
JIELONG_KERNEL Floats gained(Lanes at, const float* gain, const float* dy) {
  return gain == nullptr ? at.get(dy) : at.get(gain) * at.get(dy);
}

// With x̂ the normalised row and g = gain · dy:
//   dx = factor · (g − mean(g) − x̂ · mean(g · x̂)),
// where root-mean-square norms, which take no mean away, have no second term.

RowNorm rms_norm_backward(const float* x, const float* gain, float eps, const float* dy, float* dx,
                          bool add, std::int64_t n) {
  if (n <= 0) return {0, 0};
  const float count = static_cast<float>(n);
  const float squares = reduce(n, [&](Floats s, auto at) {
    const Floats v = at.get(x);
    return fma(v, v, s);
  });
  const float products =
      reduce(n, [&](Floats s, auto at) { return fma(gained(at, gain, dy), at.get(x), s); });
  const float scale = 1 / __builtin_sqrtf(squares / count + eps);
  const Floats factor = splat(scale), pull = splat(scale * scale * products / count);
  each(n, [&](auto at) { put(at, dx, factor * fnma(at.get(x), pull, gained(at, gain, dy)), add); });
  return {0, scale};
}

RowNorm layer_norm_backward(const float* x, const float* gain, float eps, const float* dy,
                            float* dx, bool add, std::int64_t n) {
  if (n <= 0) return {0, 0};
  const float count = static_cast<float>(n);
  const float mean = reduce(n, [&](Floats s, auto at) { return s + at.get(x); }) / count;
  const Floats center = splat(mean);
  const float squares = reduce(n, [&](Floats s, auto at) {
    const Floats v = at.present(at.get(x) - center);
    return fma(v, v, s);
  });
  const float sums = reduce(n, [&](Floats s, auto at) { return s + gained(at, gain, dy); });
  const float products = reduce(
      n, [&](Floats s, auto at) { return fma(gained(at, gain, dy), at.get(x) - center, s); });
  const float scale = 1 / __builtin_sqrtf(squares / count + eps);
  const Floats factor = splat(scale), level = splat(sums / count),
               pull = splat(scale * scale * products / count);
  each(n, [&](auto at) {
    const Floats g = gained(at, gain, dy) - level;
    put(at, dx, factor * fnma(at.get(x) - center, pull, g), add);
  });
  return {mean, scale};
}

void norm_gain(const float* x, RowNorm norm, const float* dy, float* dgain, std::int64_t n) {
  const Floats center = splat(norm.mean), factor = splat(norm.factor);
  each(n, [&](auto at) {
    at.put(dgain, fma(at.get(dy), (at.get(x) - center) * factor, at.get(dgain)));
  });
}

/// An activation's value and derivative.
struct Slope {
  Floats value, slope;
};

JIELONG_KERNEL Slope silu_slope(Floats x) {
  const Floats s = sigmoid(x), y = x * s;
  return {y, fma(y, splat(1) - s, s)};
}
/// x·σ(w) with w = 2·√(2/π)·(x + 0.044715·x³), see gelu_tanh in vector.inl.
JIELONG_KERNEL Slope gelu_tanh_slope(Floats x) {
  constexpr float kTwoRootTwoByPi = 1.5957691216057308f;
  const Floats square = x * x;
  const Floats w = fma(square * x, splat(0.044715f), x) * splat(kTwoRootTwoByPi);
  const Floats dw = fma(square, splat(3 * 0.044715f * kTwoRootTwoByPi), splat(kTwoRootTwoByPi));
  const Floats s = sigmoid(w), y = x * s;
  return {y, fma(y * (splat(1) - s), dw, s)};
}
/// x·Φ(x), whose derivative is Φ(x) + x·φ(x).
JIELONG_KERNEL Slope gelu_erf_slope(Floats x) {
  constexpr float kRootHalf = 0.7071067811865476f, kDensity = 0.3989422804014327f;
  const Floats below = splat(0.5f) * one_plus_erf(x * splat(kRootHalf));
  const Floats density = splat(kDensity) * exp(splat(-0.5f) * x * x);
  return {x * below, fma(x, density, below)};
}
JIELONG_KERNEL Slope relu_slope(Floats x) {
  return {max(zero(), x), select(less(zero(), x), splat(1), zero())};
}
JIELONG_KERNEL Slope relu_squared_slope(Floats x) {
  const Floats y = max(zero(), x);
  return {y * y, y + y};
}

/// Calls use(f) with the activation as a function of sixteen lanes that gives a Slope.
template <typename Use>
JIELONG_KERNEL void with_slope(Activation activation, const Use& use) {
  switch (activation) {
    case Activation::silu: use([](Floats x) { return silu_slope(x); }); break;
    case Activation::gelu_tanh: use([](Floats x) { return gelu_tanh_slope(x); }); break;
    case Activation::gelu_erf: use([](Floats x) { return gelu_erf_slope(x); }); break;
    case Activation::relu: use([](Floats x) { return relu_slope(x); }); break;
    case Activation::relu_squared: use([](Floats x) { return relu_squared_slope(x); }); break;
  }
}

void activate_backward(Activation activation, const float* x, const float* dy, float* dx, bool add,
                       std::int64_t n) {
  with_slope(activation, [&](const auto& f) {
    each(n, [&](auto at) { put(at, dx, at.get(dy) * f(at.get(x)).slope, add); });
  });
}

void gated_backward(Activation activation, const float* gate, const float* up, const float* dy,
                    float* dgate, float* dup, bool add, std::int64_t n) {
  with_slope(activation, [&](const auto& f) {
    each(n, [&](auto at) {
      const Slope g = f(at.get(gate));
      const Floats d = at.get(dy), to_gate = d * at.get(up) * g.slope;
      put(at, dup, d * g.value, add);
      put(at, dgate, to_gate, add);
    });
  });
}

void soft_cap_backward(float cap, const float* y, const float* dy, float* dx, bool add,
                       std::int64_t n) {
  const Floats inverse = splat(1 / cap);
  each(n, [&](auto at) {
    const Floats t = at.get(y) * inverse;
    put(at, dx, at.get(dy) * fnma(t, t, splat(1)), add);
  });
}

float dot(const float* x, const float* y, std::int64_t n) {
  return reduce(n, [&](Floats s, auto at) { return fma(at.get(x), at.get(y), s); });
}

void softmax_backward(const float* y, const float* dy, float* dx, bool add, std::int64_t n) {
  const Floats mean = splat(dot(y, dy, n));
  each(n, [&](auto at) { put(at, dx, at.get(y) * (at.get(dy) - mean), add); });
}

double cross_entropy(float* logits, std::int64_t target, float scale, std::int64_t n) {
  const float top = largest_of(logits, n);
  const double wanted = static_cast<double>(logits[target]);
  const Floats shift = splat(top);
  Doubles masses = no_doubles();
  each(n, [&](auto at) {
    const Floats e = exp(at.get(logits) - shift);
    masses = masses + at.present(e);
    at.put(logits, e);
  });
  const double mass = sum(masses);
  const Floats share = splat(static_cast<float>(static_cast<double>(scale) / mass));
  each(n, [&](auto at) { at.put(logits, at.get(logits) * share); });
  logits[target] -= scale;
  return static_cast<double>(top) + __builtin_log(mass) - wanted;
}

void multiply_rows(const float* x, const float* z, float* y, bool add, std::int64_t n) {
  each(n, [&](auto at) { put(at, y, at.get(x) * at.get(z), add); });
}

double sum_of_squares(const float* x, std::int64_t n) {
  Doubles squares = no_doubles();
  each(n, [&](auto at) {
    const Floats v = at.get(x);
    squares = squares + v * v;
  });
  return sum(squares);
}

}  // namespace

extern const BackwardKernels backward_kernels = {
    rms_norm_backward, layer_norm_backward, norm_gain,     activate_backward, gated_backward,
    soft_cap_backward, softmax_backward,    cross_entropy, multiply_rows,     dot,
    sum_of_squares};
