// The kernels of tensor/update.h. Included inside the namespace of an instruction set, after its
// floats.h, math.inl and rows.inl.

namespace {

void adamw(const AdamwStep& step, const float* gradient, float* values, float* first, float* second,
           std::int64_t n) {
  const Floats factor = splat(step.gradient_factor);
  const Floats beta1 = splat(step.beta1), rest1 = splat(1 - step.beta1);
  const Floats beta2 = splat(step.beta2), rest2 = splat(1 - step.beta2);
  const Floats keep = splat(1 - step.rate * step.decay), epsilon = splat(step.epsilon);
  const Floats rate = splat(step.rate / step.correction1);
  const Floats root = splat(1 / __builtin_sqrtf(step.correction2));
  each(n, [&](auto at) {
    const Floats g = at.get(gradient) * factor;
    const Floats m = fma(beta1, at.get(first), rest1 * g);
    const Floats v = fma(beta2, at.get(second), rest2 * (g * g));
    at.put(first, m);
    at.put(second, v);
    const Floats direction = m / fma(sqrt(v), root, epsilon);
    at.put(values, fnma(rate, direction, at.get(values) * keep));
  });
}

void lion(const LionStep& step, const float* gradient, float* values, float* mean, std::int64_t n) {
  const Floats factor = splat(step.gradient_factor);
  const Floats beta1 = splat(step.beta1), rest1 = splat(1 - step.beta1);
  const Floats beta2 = splat(step.beta2), rest2 = splat(1 - step.beta2);
  const Floats keep = splat(1 - step.rate * step.decay), rate = splat(step.rate);
  each(n, [&](auto at) {
    const Floats g = at.get(gradient) * factor, m = at.get(mean);
    const Floats blend = fma(beta1, m, rest1 * g);
    const Floats sign = select(less(zero(), abs(blend)), copy_sign(splat(1), blend), zero());
    at.put(mean, fma(beta2, m, rest2 * g));
    at.put(values, fnma(rate, sign, at.get(values) * keep));
  });
}

void sgd(const SgdStep& step, const float* gradient, float* values, float* velocity,
         std::int64_t n) {
  const Floats factor = splat(step.gradient_factor), momentum = splat(step.momentum);
  const Floats keep = splat(1 - step.rate * step.decay), rate = splat(step.rate);
  each(n, [&](auto at) {
    Floats direction = at.get(gradient) * factor;
    if (velocity != nullptr) {
      const Floats m = fma(momentum, at.get(velocity), direction);
      at.put(velocity, m);
      direction = step.nesterov ? fma(momentum, m, direction) : m;
    }
    at.put(values, fnma(rate, direction, at.get(values) * keep));
  });
}

void gather_momentum(float momentum, bool nesterov, float factor, const float* gradient,
                     float* velocity, float* direction, std::int64_t n) {
  const Floats keep = splat(momentum), scale = splat(factor);
  each(n, [&](auto at) {
    const Floats g = at.get(gradient) * scale;
    const Floats m = fma(keep, at.get(velocity), g);
    at.put(velocity, m);
    at.put(direction, nesterov ? fma(keep, m, g) : m);
  });
}

void blend(float a, const float* x, float* y, std::int64_t n) {
  const Floats share = splat(a);
  each(n, [&](auto at) {
    const Floats old = at.get(y);
    at.put(y, fma(share, at.get(x) - old, old));
  });
}

}  // namespace

extern const UpdateKernels update_kernels = {adamw, lion, sgd, gather_momentum, blend};
