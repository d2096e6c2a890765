// Elementary functions on sixteen lanes. Included inside the namespace of an instruction
// set, after its floats.h. Errors in units in the last place
// (ulp) are estimates; tests/tensor/vector_test.cpp holds the kernels built on these to bounds.

/// Below this exp is smaller than every normal number. Such results become 0: reaching for
/// subnormal numbers costs a hundred cycles a vector, and they add nothing to a sum.
constexpr float kExpUnderflow = -87.33654f;

/// exp(x) for x in [kExpUnderflow, 89]; unspecified for others. Cody and Waite
/// (1980): x = n·ln 2 + r, |r| ≤ ln 2 / 2, and a minimax polynomial for exp(r).
JIELONG_KERNEL Floats exp_bounded(Floats x) {
  // Adding 1.5 · 2²³ rounds to a whole number.
  const Floats shift = splat(0x1.8p23f);
  const Floats n = fma(x, splat(0x1.715476p0f), shift) - shift;
  Floats r = fnma(n, splat(0x1.62e400p-1f), x);  // upper bits of ln 2: n·this is exact
  r = fnma(n, splat(0x1.7f7d1cp-20f), r);
  Floats p = splat(1.38131424e-3f);
  p = fma(p, r, splat(8.36941972e-3f));
  p = fma(p, r, splat(4.16684560e-2f));
  p = fma(p, r, splat(1.66665152e-1f));
  p = fma(p, r, splat(4.99999940e-1f));
  return scale_exponent(fma(r * r, p, r) + splat(1), n);
}

/// exp(x), about 1 ulp; results below the smallest normal number become 0, results above the
/// largest become infinity.
JIELONG_KERNEL Floats exp(Floats x) {
  // Operands in the order that lets not-a-number through on every platform.
  const Floats y = exp_bounded(min(splat(89), max(splat(kExpUnderflow), x)));
  return select(less(x, splat(kExpUnderflow)), zero(), y);
}

/// exp(min(x, 0)), same accuracy, for differences from a maximum.
JIELONG_KERNEL Floats exp_below_one(Floats x) {
  const Floats y = exp_bounded(min(zero(), max(splat(kExpUnderflow), x)));
  return select(less(x, splat(kExpUnderflow)), zero(), y);
}

/// 1 / (1 + exp(−x)), about 2 ulp for x > −80; flat at 1.8e−35 below.
JIELONG_KERNEL Floats sigmoid(Floats x) {
  return reciprocal(splat(1) + exp(min(splat(80), zero() - x)));
}

/// tanh(x), about 2 ulp: an odd polynomial below 0.55, 1 − 2 / (exp(2x) + 1) above.
JIELONG_KERNEL Floats tanh(Floats x) {
  const Floats t = abs(x), s = x * x;
  Floats p = splat(-6.274229e-3f);
  p = fma(p, s, splat(2.1071672e-2f));
  p = fma(p, s, splat(-5.3852309e-2f));
  p = fma(p, s, splat(1.33325860e-1f));
  p = fma(p, s, splat(-3.33333164e-1f));
  const Floats near = fma(p * s, t, t);
  const Floats e = exp(min(splat(40), t + t));
  const Floats far = fnma(splat(2), reciprocal(e + splat(1)), splat(1));
  return copy_sign(select(less(t, splat(0.55f)), near, far), x);
}

/// 1 + erf(x), about 4 ulp for x > −6, about 2e−17 below; its own function because the sum would
/// cancel for negative x. A polynomial for erf near 0, else one for −log(1 − erf|x|).
JIELONG_KERNEL Floats one_plus_erf(Floats x) {
  const Floats s = x * x, t = min(splat(6), abs(x));
  Floats p = splat(-6.0903555e-4f);
  p = fma(p, s, splat(5.01196180e-3f));
  p = fma(p, s, splat(-2.67789084e-2f));
  p = fma(p, s, splat(1.12821408e-1f));
  p = fma(p, s, splat(-3.76125246e-1f));
  p = fma(p, s, splat(1.28379151e-1f));
  const Floats near = fma(p, x, x) + splat(1);
  Floats q = splat(8.66471552e-8f);
  q = fma(q, t, splat(-3.45156309e-6f));
  q = fma(q, t, splat(6.22796870e-5f));
  q = fma(q, t, splat(-6.77660981e-4f));
  q = fma(q, t, splat(5.00583602e-3f));
  q = fma(q, t, splat(-2.68934291e-2f));
  q = fma(q, t, splat(1.10646695e-1f));
  q = fma(q, t, splat(6.31419718e-1f));
  q = fma(q, t, splat(1.13038933f));
  q = fma(q, t, splat(-3.43818363e-4f));
  const Floats tail = exp(zero() - q);
  const Floats far = select(less(x, zero()), tail, splat(2) - tail);
  return select(less(t, splat(0.9f)), near, far);
}
