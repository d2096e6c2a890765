// The kernels of tensor/kernels/scan_kernels.h. Included inside the namespace of an
// instruction set, after its floats.h and math.inl. Lanes are channels, so nothing is summed
// across lanes on the way forward, and rows follow each other one by one, so a row's result
// does not depend on how many were computed with it.

namespace {

/// p[0 … n) += x.
JIELONG_KERNEL void add_first(float* p, Floats x, std::int64_t n) {
  store_first(p, load_first(p, n) + x, n);
}

JIELONG_KERNEL void copy_state(const float* from, float* to, std::int64_t states) {
  for (std::int64_t i = 0; i < states * kLanes; i += kLanes) store(to + i, load(from + i));
}

/// log(1 + exp(x)), about 2 ulp. log(1 + u) = 2·artanh(u / (2 + u)), whose series converges
/// fast for u ≤ 1.
JIELONG_KERNEL Floats softplus(Floats x) {
  const Floats u = exp_below_one(zero() - abs(x));
  const Floats s = u / (u + splat(2)), t = s * s;
  Floats p = splat(1.0f / 13);
  p = fma(p, t, splat(1.0f / 11));
  p = fma(p, t, splat(1.0f / 9));
  p = fma(p, t, splat(1.0f / 7));
  p = fma(p, t, splat(1.0f / 5));
  p = fma(p, t, splat(1.0f / 3));
  const Floats log = fma(p * t, s, s);
  return max(zero(), x) + (log + log);
}

JIELONG_KERNEL Floats silu_of(Floats x) { return x * sigmoid(x); }
JIELONG_KERNEL Floats silu_slope(Floats x) {
  const Floats s = sigmoid(x);
  return fma(x * s, splat(1) - s, s);
}

/// What a block's rows have in common, and one step of the recurrence
/// h = exp(Δ·A)·h + Δ·x·B, y = Σ C·h.
template <bool kShared>
struct Selective {
  const ScanBlock& block;
  Floats skip;

  JIELONG_KERNEL_MEMBER explicit Selective(const ScanBlock& of) : block(of), skip(zero()) {
    if (of.skip != nullptr) skip = kShared ? splat(*of.skip) : load_first(of.skip, of.width);
  }
  JIELONG_KERNEL_MEMBER Floats x(std::int64_t row) const {
    return load_first(block.x + row * block.x_stride, block.width);
  }
  JIELONG_KERNEL_MEMBER Floats step(std::int64_t row) const {
    const float* p = block.step + row * block.step_stride;
    return kShared ? splat(*p) : load_first(p, block.width);
  }
  /// exp(Δ·A) for a head that shares it. A above zero, which training may propose, holds.
  JIELONG_KERNEL_MEMBER Floats shared_factor(Floats step) const {
    return kShared ? exp_below_one(step * splat(*block.decay)) : zero();
  }
  JIELONG_KERNEL_MEMBER Floats factor(Floats step, Floats shared, std::int64_t n) const {
    return kShared ? shared : exp_below_one(step * load(block.decay + n * kLanes));
  }
};

template <bool kShared>
JIELONG_KERNEL void selective_scan(const ScanBlock& block) {
  const Selective<kShared> scan(block);
  const std::int64_t states = block.states;
  for (std::int64_t row = 0; row < block.rows; ++row) {
    if (block.borders != nullptr && row % kScanChunk == 0) {
      copy_state(block.state, block.borders + row / kScanChunk * block.border_stride, states);
    }
    const float* b = block.b + row * block.b_stride;
    const float* c = block.c + row * block.c_stride;
    const Floats x = scan.x(row), step = scan.step(row), input = step * x;
    const Floats shared = scan.shared_factor(step);
    const auto advance = [&](std::int64_t n, Floats y) {
      float* place = block.state + n * kLanes;
      const Floats h = fma(scan.factor(step, shared, n), load(place), input * splat(b[n]));
      store(place, h);
      return fma(h, splat(c[n]), y);
    };
    Floats y0 = scan.skip * x, y1 = zero(), y2 = zero(), y3 = zero();
    std::int64_t n = 0;
    for (; n + 4 <= states; n += 4) {
      y0 = advance(n, y0);
      y1 = advance(n + 1, y1);
      y2 = advance(n + 2, y2);
      y3 = advance(n + 3, y3);
    }
    for (; n < states; ++n) y0 = advance(n, y0);
    store_first(block.y + row * block.y_stride, (y0 + y2) + (y1 + y3), block.width);
  }
}

template <bool kShared>
JIELONG_KERNEL void selective_scan_backward(const ScanGradient& task) {
  const ScanBlock& block = task.forward;
  const Selective<kShared> scan(block);
  const std::int64_t states = block.states, size = states * kLanes;
  // The states after each row once more, and the factors that led to them.
  const float* before = task.border;
  for (std::int64_t row = 0; row < block.rows; ++row) {
    const float* b = block.b + row * block.b_stride;
    const Floats step = scan.step(row), input = step * scan.x(row);
    const Floats shared = scan.shared_factor(step);
    float* after = task.after + row * size;
    float* factors = task.factors + row * size;
    if (kShared) store(factors, shared);
    for (std::int64_t n = 0; n < states; ++n) {
      const Floats a = scan.factor(step, shared, n);
      if (!kShared) store(factors + n * kLanes, a);
      store(after + n * kLanes, fma(a, load(before + n * kLanes), input * splat(b[n])));
    }
    before = after;
  }
  Floats d_skip = zero(), d_decay = zero();
  for (std::int64_t row = block.rows - 1; row >= 0; --row) {
    const float* b = block.b + row * block.b_stride;
    const float* c = block.c + row * block.c_stride;
    const float* after = task.after + row * size;
    const float* prior = row > 0 ? after - size : task.border;
    const float* factors = task.factors + row * size;
    const Floats x = scan.x(row), step = scan.step(row), input = step * x;
    const Floats d_y = load_first(task.d_y + row * task.d_y_stride, block.width);
    const Floats shared = kShared ? load(factors) : zero();
    Floats d_input = zero(), d_step = zero();
    for (std::int64_t n = 0; n < states; ++n) {
      const std::int64_t at = n * kLanes;
      float* d_b = task.d_b + row * size + at;
      float* d_c = task.d_c + row * size + at;
      store(d_c, fma(d_y, load(after + at), load(d_c)));
      const Floats d_h = fma(d_y, splat(c[n]), load(task.d_state + at));
      store(d_b, fma(d_h, input, load(d_b)));
      d_input = fma(d_h, splat(b[n]), d_input);
      const Floats d_prior = d_h * (kShared ? shared : load(factors + at));
      store(task.d_state + at, d_prior);
      const Floats d_power = d_prior * load(prior + at);  // dL/d(Δ·A)
      if (kShared) {
        d_step = d_step + d_power;
      } else {
        d_step = fma(d_power, load(block.decay + at), d_step);
        store(task.d_decay + at, fma(d_power, step, load(task.d_decay + at)));
      }
    }
    if (kShared) {
      d_decay = fma(d_step, step, d_decay);
      d_step = d_step * splat(*block.decay);
    }
    add_first(task.d_step + row * task.d_step_stride, fma(d_input, x, d_step),
              kShared ? kLanes : block.width);
    add_first(task.d_x + row * task.d_x_stride, fma(d_input, step, d_y * scan.skip), block.width);
    d_skip = fma(d_y, x, d_skip);
  }
  if (kShared) add_first(task.d_decay, d_decay, kLanes);
  add_first(task.d_skip, d_skip, kLanes);
}

void selective(const ScanBlock& block) { selective_scan<false>(block); }
void selective_backward(const ScanGradient& task) { selective_scan_backward<false>(task); }
void shared(const ScanBlock& block) { selective_scan<true>(block); }
void shared_backward(const ScanGradient& task) { selective_scan_backward<true>(task); }

/// One row of the gated delta rule up to what the state has wrong about v:
/// S = exp(Δ·A)·S, e = v − Sᵀk. `from` and `to` may be the same.
JIELONG_KERNEL Floats delta_error(const ScanBlock& block, std::int64_t row, Floats factor,
                                  const float* from, float* to) {
  const float* k = block.b + row * block.b_stride;
  Floats r0 = zero(), r1 = zero();
  std::int64_t n = 0;
  for (; n + 2 <= block.states; n += 2) {
    const Floats s0 = factor * load(from + n * kLanes);
    const Floats s1 = factor * load(from + (n + 1) * kLanes);
    store(to + n * kLanes, s0);
    store(to + (n + 1) * kLanes, s1);
    r0 = fma(s0, splat(k[n]), r0);
    r1 = fma(s1, splat(k[n + 1]), r1);
  }
  for (; n < block.states; ++n) {
    const Floats s = factor * load(from + n * kLanes);
    store(to + n * kLanes, s);
    r0 = fma(s, splat(k[n]), r0);
  }
  const Floats v = load_first(block.x + row * block.x_stride, block.width);
  return fnma(r0 + r1, splat(block.b_scale), v);
}

JIELONG_KERNEL Floats delta_factor(const ScanBlock& block, std::int64_t row) {
  return exp_below_one(splat(block.step[row * block.step_stride]) * splat(*block.decay));
}
JIELONG_KERNEL Floats delta_rate(const ScanBlock& block, std::int64_t row) {
  return splat(block.gate[row * block.gate_stride]) * splat(block.b_scale);
}

/// S += k·β·e, y = Sᵀq.
void delta(const ScanBlock& block) {
  const std::int64_t states = block.states;
  for (std::int64_t row = 0; row < block.rows; ++row) {
    if (block.borders != nullptr && row % kScanChunk == 0) {
      copy_state(block.state, block.borders + row / kScanChunk * block.border_stride, states);
    }
    const float* k = block.b + row * block.b_stride;
    const float* q = block.c + row * block.c_stride;
    const Floats error =
        delta_error(block, row, delta_factor(block, row), block.state, block.state);
    const Floats change = delta_rate(block, row) * error;
    const auto correct = [&](std::int64_t n, Floats y) {
      float* place = block.state + n * kLanes;
      const Floats s = fma(change, splat(k[n]), load(place));
      store(place, s);
      return fma(s, splat(q[n]), y);
    };
    Floats y0 = zero(), y1 = zero();
    std::int64_t n = 0;
    for (; n + 2 <= states; n += 2) {
      y0 = correct(n, y0);
      y1 = correct(n + 1, y1);
    }
    for (; n < states; ++n) y0 = correct(n, y0);
    store_first(block.y + row * block.y_stride, (y0 + y1) * splat(block.c_scale), block.width);
  }
}

void delta_backward(const ScanGradient& task) {
  const ScanBlock& block = task.forward;
  const std::int64_t states = block.states, size = states * kLanes;
  const Floats scale = splat(block.b_scale);
  // The states after each row once more; `factors` keeps (exp(Δ·A), e) of each row.
  const float* before = task.border;
  for (std::int64_t row = 0; row < block.rows; ++row) {
    const float* k = block.b + row * block.b_stride;
    float* after = task.after + row * size;
    const Floats factor = delta_factor(block, row);
    const Floats error = delta_error(block, row, factor, before, after);
    const Floats change = delta_rate(block, row) * error;
    for (std::int64_t n = 0; n < states; ++n) {
      float* place = after + n * kLanes;
      store(place, fma(change, splat(k[n]), load(place)));
    }
    store(task.factors + row * 2 * kLanes, factor);
    store(task.factors + row * 2 * kLanes + kLanes, error);
    before = after;
  }
  Floats d_decay = zero();
  for (std::int64_t row = block.rows - 1; row >= 0; --row) {
    const float* k = block.b + row * block.b_stride;
    const float* q = block.c + row * block.c_stride;
    const float* after = task.after + row * size;
    const float* prior = row > 0 ? after - size : task.border;
    const Floats factor = load(task.factors + row * 2 * kLanes);
    const Floats error = load(task.factors + row * 2 * kLanes + kLanes);
    const Floats rate = delta_rate(block, row), change = rate * error;
    const Floats d_y =
        load_first(task.d_y + row * task.d_y_stride, block.width) * splat(block.c_scale);
    Floats d_change = zero();
    for (std::int64_t n = 0; n < states; ++n) {
      const std::int64_t at = n * kLanes;
      float* d_q = task.d_c + row * size + at;
      float* d_k = task.d_b + row * size + at;
      store(d_q, fma(d_y, load(after + at), load(d_q)));
      const Floats d_s = fma(d_y, splat(q[n]), load(task.d_state + at));
      store(task.d_state + at, d_s);
      d_change = fma(d_s, splat(k[n]), d_change);
      store(d_k, fma(d_s, change, load(d_k)));
    }
    const Floats d_error = d_change * rate;
    const Floats d_recalled = zero() - d_error * scale;  // dL/d(Sᵀk), before the scale of k
    Floats d_power = zero();
    for (std::int64_t n = 0; n < states; ++n) {
      const std::int64_t at = n * kLanes;
      float* d_k = task.d_b + row * size + at;
      const Floats s = load(prior + at);
      store(d_k, fma(factor * s, d_recalled, load(d_k)));
      const Floats d_s = fma(splat(k[n]), d_recalled, load(task.d_state + at)) * factor;
      store(task.d_state + at, d_s);
      d_power = fma(d_s, s, d_power);
    }
    const Floats step = splat(block.step[row * block.step_stride]);
    d_decay = fma(d_power, step, d_decay);
    add_first(task.d_step + row * task.d_step_stride, d_power * splat(*block.decay), kLanes);
    add_first(task.d_gate + row * kLanes, d_change * (error * scale), kLanes);
    add_first(task.d_x + row * task.d_x_stride, d_error, block.width);
  }
  add_first(task.d_decay, d_decay, kLanes);
}

/// A block's taps and the inputs under them. The number of taps is a constant, so that all
/// of it stays in registers.
template <int kTaps>
struct Window {
  Floats weight[kTaps], input[kTaps], bias;

  JIELONG_KERNEL_MEMBER explicit Window(const ConvBlock& block) {
    for (int k = 0; k < kTaps; ++k) {
      float tap[kLanes] = {};
      for (std::int64_t i = 0; i < block.width; ++i) tap[i] = block.weight[i * kTaps + k];
      weight[k] = load(tap);
      input[k] = zero();
    }
    bias = block.bias != nullptr ? load_first(block.bias, block.width) : zero();
    if (block.state == nullptr) return;
    for (int k = 1; k < kTaps; ++k) {
      input[k] = load_first(block.state + (k - 1) * block.state_stride, block.width);
    }
  }
  /// Takes the next input in and returns the weighted sum.
  JIELONG_KERNEL_MEMBER Floats next(Floats x) {
    for (int k = 0; k + 1 < kTaps; ++k) input[k] = input[k + 1];
    input[kTaps - 1] = x;
    Floats sum = bias;
    for (int k = 0; k < kTaps; ++k) sum = fma(weight[k], input[k], sum);
    return sum;
  }
};

template <int kTaps>
void convolve(const ConvBlock& block) {
  Window<kTaps> window(block);
  for (std::int64_t row = 0; row < block.rows; ++row) {
    const Floats sum = window.next(load_first(block.x + row * block.x_stride, block.width));
    store_first(block.y + row * block.y_stride, block.activate ? silu_of(sum) : sum, block.width);
  }
  if (block.state == nullptr) return;
  for (int k = 1; k < kTaps; ++k) {
    store_first(block.state + (k - 1) * block.state_stride, window.input[k], block.width);
  }
}

template <int kTaps>
void convolve_backward(const ConvGradient& task) {
  const ConvBlock& block = task.forward;
  Window<kTaps> window(block);
  Floats d_weight[kTaps], d_bias = zero();
  for (int k = 0; k < kTaps; ++k) d_weight[k] = zero();
  for (std::int64_t row = 0; row < block.rows; ++row) {
    const Floats sum = window.next(load_first(block.x + row * block.x_stride, block.width));
    Floats d_sum = load_first(task.d_y + row * task.d_y_stride, block.width);
    if (block.activate) d_sum = d_sum * silu_slope(sum);
    d_bias = d_bias + d_sum;
    for (int k = 0; k < kTaps; ++k) {
      d_weight[k] = fma(d_sum, window.input[k], d_weight[k]);
      const std::int64_t from = row - (kTaps - 1) + k;
      if (from < 0 || task.d_x == nullptr) continue;
      add_first(task.d_x + from * task.d_x_stride, d_sum * window.weight[k], block.width);
    }
  }
  for (int k = 0; k < kTaps; ++k) add_first(task.d_weight + k * kLanes, d_weight[k], kLanes);
  add_first(task.d_bias, d_bias, kLanes);
}

/// conv.h admits 2 to 4 taps.
void conv(const ConvBlock& block) {
  switch (block.taps) {
    case 2: return convolve<2>(block);
    case 3: return convolve<3>(block);
    default: return convolve<4>(block);
  }
}
void conv_backward(const ConvGradient& task) {
  switch (task.forward.taps) {
    case 2: return convolve_backward<2>(task);
    case 3: return convolve_backward<3>(task);
    default: return convolve_backward<4>(task);
  }
}

/// Calls use(f, f′), each a function of sixteen lanes.
template <typename Use>
JIELONG_KERNEL void with_squash(Squash function, const Use& use) {
  switch (function) {
    case Squash::softplus:
      use([](Floats x) { return softplus(x); }, [](Floats x) { return sigmoid(x); });
      break;
    case Squash::sigmoid:
      use([](Floats x) { return sigmoid(x); },
          [](Floats x) {
            const Floats s = sigmoid(x);
            return s * (splat(1) - s);
          });
      break;
    case Squash::silu:
      use([](Floats x) { return silu_of(x); }, [](Floats x) { return silu_slope(x); });
      break;
  }
}

/// Calls body(offset, lanes) for every sixteen of n.
template <typename Body>
JIELONG_KERNEL void for_lanes(std::int64_t n, const Body& body) {
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) body(i, static_cast<std::int64_t>(kLanes));
  if (i < n) body(i, n - i);
}

void squash(Squash function, const float* x, float* y, std::int64_t n) {
  with_squash(function, [&](const auto& f, const auto&) {
    for_lanes(
        n, [&](std::int64_t i, std::int64_t m) { store_first(y + i, f(load_first(x + i, m)), m); });
  });
}

void squash_backward(Squash function, const float* x, const float* d_y, float* d_x,
                     std::int64_t n) {
  with_squash(function, [&](const auto&, const auto& slope) {
    for_lanes(n, [&](std::int64_t i, std::int64_t m) {
      add_first(d_x + i, load_first(d_y + i, m) * slope(load_first(x + i, m)), m);
    });
  });
}

void gate(Squash function, const float* open, const float* x, float* y, std::int64_t n) {
  with_squash(function, [&](const auto& f, const auto&) {
    for_lanes(n, [&](std::int64_t i, std::int64_t m) {
      store_first(y + i, f(load_first(open + i, m)) * load_first(x + i, m), m);
    });
  });
}

void gate_backward(Squash function, const float* open, const float* x, const float* d_y,
                   float* d_open, float* d_x, std::int64_t n) {
  with_squash(function, [&](const auto& f, const auto& slope) {
    for_lanes(n, [&](std::int64_t i, std::int64_t m) {
      const Floats g = load_first(open + i, m), d = load_first(d_y + i, m);
      add_first(d_open + i, d * load_first(x + i, m) * slope(g), m);
      add_first(d_x + i, d * f(g), m);
    });
  });
}

void sum_lanes(const float* x, float* sums, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) sums[i] = sum(load(x + i * kLanes));
}

}  // namespace

extern const ScanKernels scan_kernels = {selective, selective_backward, shared, shared_backward,
                                         delta,     delta_backward,     conv,   conv_backward,
                                         squash,    squash_backward,    gate,   gate_backward,
                                         sum_lanes};
