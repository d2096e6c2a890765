// The kernels of tensor/vector.h. Included inside the namespace of an instruction set, after
// its floats.h, math.inl and rows.inl.

namespace {

void rms_norm(const float* x, const float* gain, float eps, float* y, std::int64_t n) {
  if (n <= 0) return;
  const float squares = total(x, n, 0, [](Floats s, Floats v) { return fma(v, v, s); });
  const Floats factor = splat(1 / __builtin_sqrtf(squares / static_cast<float>(n) + eps));
  if (gain == nullptr) {
    map(x, y, n, [&](Floats v) { return v * factor; });
  } else {
    map2(x, gain, y, n, [&](Floats v, Floats g) { return (v * factor) * g; });
  }
}

void layer_norm(const float* x, const float* gain, const float* bias, float eps, float* y,
                std::int64_t n) {
  if (n <= 0) return;
  const float count = static_cast<float>(n);
  const float mean = total(x, n, 0, [](Floats s, Floats v) { return s + v; }) / count;
  const Floats center = splat(mean);
  const float squares =
      total(x, n, mean, [&](Floats s, Floats v) { return fma(v - center, v - center, s); });
  const Floats factor = splat(1 / __builtin_sqrtf(squares / count + eps));
  map(x, y, n, [&](Floats v) { return (v - center) * factor; });
  if (gain != nullptr) map2(y, gain, y, n, [](Floats v, Floats g) { return v * g; });
  if (bias != nullptr) map2(y, bias, y, n, [](Floats v, Floats b) { return v + b; });
}

JIELONG_KERNEL Floats silu(Floats x) { return x * sigmoid(x); }
/// Hendrycks and Gimpel (2016): ½·x·(1 + tanh u) is x·sigmoid(2u), without the cancellation.
JIELONG_KERNEL Floats gelu_tanh(Floats x) {
  constexpr float kTwoRootTwoByPi = 1.5957691216057308f;
  const Floats cube = fma(x * x * x, splat(0.044715f), x);
  return x * sigmoid(cube * splat(kTwoRootTwoByPi));
}
JIELONG_KERNEL Floats gelu_erf(Floats x) {
  constexpr float kRootHalf = 0.7071067811865476f;
  return (x * splat(0.5f)) * one_plus_erf(x * splat(kRootHalf));
}
JIELONG_KERNEL Floats relu(Floats x) { return max(zero(), x); }

/// Calls use(f) with the activation as a function of sixteen lanes.
template <typename Use>
JIELONG_KERNEL void with_activation(Activation activation, const Use& use) {
  switch (activation) {
    case Activation::silu: use([](Floats x) { return silu(x); }); break;
    case Activation::gelu_tanh: use([](Floats x) { return gelu_tanh(x); }); break;
    case Activation::gelu_erf: use([](Floats x) { return gelu_erf(x); }); break;
    case Activation::relu: use([](Floats x) { return relu(x); }); break;
    case Activation::relu_squared: use([](Floats x) { return relu(x) * relu(x); }); break;
  }
}

void gated(Activation activation, const float* gate, const float* up, float* y, std::int64_t n) {
  with_activation(activation, [&](const auto& f) {
    map2(gate, up, y, n, [&](Floats g, Floats u) { return f(g) * u; });
  });
}

void activate(Activation activation, float* x, std::int64_t n) {
  with_activation(activation, [&](const auto& f) { map(x, x, n, f); });
}

void add_scaled(float a, const float* x, float* y, std::int64_t n) {
  const Floats factor = splat(a);
  map2(x, y, y, n, [&](Floats u, Floats v) { return fma(factor, u, v); });
}

void scale(float a, float* x, std::int64_t n) {
  const Floats factor = splat(a);
  map(x, x, n, [&](Floats v) { return v * factor; });
}

void soft_cap(float cap, float* x, std::int64_t n) {
  const Floats height = splat(cap), inverse = splat(1 / cap);
  map(x, x, n, [&](Floats v) { return height * tanh(v * inverse); });
}

void softmax(float* x, std::int64_t n) {
  if (n <= 0) return;
  const Floats top = splat(largest_of(x, n));
  map(x, x, n, [&](Floats v) { return exp(v - top); });
  const float mass = total(x, n, 0, [](Floats s, Floats v) { return s + v; });
  scale(1 / mass, x, n);
}

double log_sum_exp(const float* x, std::int64_t n) {
  const float top = largest_of(x, n);
  if (!(top - top == 0)) return static_cast<double>(top);  // ±∞: nothing to add up
  const Floats shift = splat(top);
  Doubles mass = no_doubles();
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) mass = mass + exp(load(x + i) - shift);
  if (i < n) {
    const Mask present = first(n - i);
    mass = mass + select(present, exp(load_first(x + i, n - i) - shift), zero());
  }
  return static_cast<double>(top) + __builtin_log(sum(mass));
}

void rotate(RopePairs layout, const float* cosine, const float* sine, std::int64_t pairs,
            float* head) {
  const auto turn = [](Floats c, Floats s, Floats& x, Floats& y) {
    const Floats turned = fnma(y, s, x * c);
    y = fma(y, c, x * s);
    x = turned;
  };
  Floats x, y;
  std::int64_t i = 0;
  if (layout == RopePairs::halves) {
    float* other = head + pairs;
    for (; i + kLanes <= pairs; i += kLanes) {
      x = load(head + i), y = load(other + i);
      turn(load(cosine + i), load(sine + i), x, y);
      store(head + i, x), store(other + i, y);
    }
    const std::int64_t rest = pairs - i;
    if (rest <= 0) return;
    x = load_first(head + i, rest), y = load_first(other + i, rest);
    turn(load_first(cosine + i, rest), load_first(sine + i, rest), x, y);
    store_first(head + i, x, rest), store_first(other + i, y, rest);
    return;
  }
  for (; i + kLanes <= pairs; i += kLanes) {
    load_pairs(head + 2 * i, x, y);
    turn(load(cosine + i), load(sine + i), x, y);
    store_pairs(head + 2 * i, x, y);
  }
  const std::int64_t rest = pairs - i;
  if (rest <= 0) return;
  float both[2 * kLanes] = {};
  for (std::int64_t j = 0; j < 2 * rest; ++j) both[j] = head[2 * i + j];
  load_pairs(both, x, y);
  turn(load_first(cosine + i, rest), load_first(sine + i, rest), x, y);
  store_pairs(both, x, y);
  for (std::int64_t j = 0; j < 2 * rest; ++j) head[2 * i + j] = both[j];
}

std::int64_t argmax(const float* x, std::int64_t n) {
  // Whole blocks are compared by their largest value; only a block that beats all before
  // it can hold the answer, and only the last of those is searched.
  constexpr std::int64_t kBlock = 1024;
  float best = -__builtin_inff();
  std::int64_t block = 0;
  for (std::int64_t i = 0; i < n; i += kBlock) {
    const float top = largest_of(x + i, n - i < kBlock ? n - i : kBlock);
    if (top > best) best = top, block = i;
  }
  for (std::int64_t i = block; i < n; ++i) {
    if (x[i] == best) return i;
  }
  return 0;
}

/// y[i] = x[i] in another format; `read` and `write` move 16 values.
template <typename From, typename To, typename Move>
JIELONG_KERNEL void convert(const From* x, To* y, std::int64_t n, const Move& move) {
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) move(x + i, y + i);
  if (i >= n) return;
  From from[kLanes] = {};
  To to[kLanes];
  for (std::int64_t j = 0; j < n - i; ++j) from[j] = x[i + j];
  move(from, to);
  for (std::int64_t j = 0; j < n - i; ++j) y[i + j] = to[j];
}

void f16_to_f32(const std::uint16_t* x, float* y, std::int64_t n) {
  convert(x, y, n, [](const std::uint16_t* from, float* to) { store(to, load_f16(from)); });
}
void f32_to_f16(const float* x, std::uint16_t* y, std::int64_t n) {
  convert(x, y, n, [](const float* from, std::uint16_t* to) { store_f16(to, load(from)); });
}
void bf16_to_f32(const std::uint16_t* x, float* y, std::int64_t n) {
  convert(x, y, n, [](const std::uint16_t* from, float* to) { store(to, load_bf16(from)); });
}
void f32_to_bf16(const float* x, std::uint16_t* y, std::int64_t n) {
  convert(x, y, n, [](const float* from, std::uint16_t* to) { store_bf16(to, load(from)); });
}

}  // namespace

extern const VectorKernels vector_kernels = {
    rms_norm,    layer_norm, gated,  activate,   add_scaled, scale,       soft_cap,   softmax,
    log_sum_exp, rotate,     argmax, f16_to_f32, f32_to_f16, bf16_to_f32, f32_to_bf16};
