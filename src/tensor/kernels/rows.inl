// What kernels on rows of channels are made of. Included inside the namespace of an instruction
// set, after its floats.h and math.inl. Rows are summed in 64 fixed lanes and one fixed tree; lanes
// beyond a row's end count as zero, so whole and partial vectors give the same bits.

namespace {

/// y[i] = function(x[i]).
template <typename Function>
JIELONG_KERNEL void map(const float* x, float* y, std::int64_t n, const Function& function) {
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(y + i, function(load(x + i)));
  if (i < n) store_first(y + i, function(load_first(x + i, n - i)), n - i);
}

/// z[i] = function(x[i], y[i]).
template <typename Function>
JIELONG_KERNEL void map2(const float* x, const float* y, float* z, std::int64_t n,
                         const Function& function) {
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(z + i, function(load(x + i), load(y + i)));
  if (i < n) {
    store_first(z + i, function(load_first(x + i, n - i), load_first(y + i, n - i)), n - i);
  }
}

/// Σ term(x[i]); term sees lanes beyond the end as given by `absent`.
template <typename Term>
JIELONG_KERNEL float total(const float* x, std::int64_t n, float absent, const Term& term) {
  Floats a = zero(), b = zero(), c = zero(), d = zero();
  std::int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    a = term(a, load(x + i));
    b = term(b, load(x + i + kLanes));
    c = term(c, load(x + i + 2 * kLanes));
    d = term(d, load(x + i + 3 * kLanes));
  }
  for (; i + kLanes <= n; i += kLanes) a = term(a, load(x + i));
  if (i < n) {
    a = term(a, select(first(n - i), load_first(x + i, n - i), splat(absent)));
  }
  return sum((a + c) + (b + d));
}

/// The largest of n ≥ 0 values; −∞ for none. Skips what is not a number.
JIELONG_KERNEL float largest_of(const float* x, std::int64_t n) {
  const Floats low = splat(-__builtin_inff());
  Floats a = low, b = low;
  std::int64_t i = 0;
  for (; i + 2 * kLanes <= n; i += 2 * kLanes) {
    a = max(load(x + i), a);
    b = max(load(x + i + kLanes), b);
  }
  for (; i + kLanes <= n; i += kLanes) a = max(load(x + i), a);
  if (i < n) a = max(select(first(n - i), load_first(x + i, n - i), low), a);
  return largest(max(a, b));
}

/// Sixteen lanes of a row from `i` on, or the `count` last ones: lanes beyond read as 0 and are not
/// written.
struct WholeLanes {
  std::int64_t i;
  JIELONG_KERNEL_MEMBER Floats get(const float* p) const { return load(p + i); }
  JIELONG_KERNEL_MEMBER void put(float* p, Floats x) const { store(p + i, x); }
  JIELONG_KERNEL_MEMBER Floats present(Floats x) const { return x; }
};
struct LastLanes {
  std::int64_t i, count;
  JIELONG_KERNEL_MEMBER Floats get(const float* p) const { return load_first(p + i, count); }
  JIELONG_KERNEL_MEMBER void put(float* p, Floats x) const { store_first(p + i, x, count); }
  /// x, and 0 in the lanes beyond.
  JIELONG_KERNEL_MEMBER Floats present(Floats x) const { return select(first(count), x, zero()); }
};

/// Calls body(lanes) for all lanes of a row of n, for kernels that read and write several rows.
template <typename Body>
JIELONG_KERNEL void each(std::int64_t n, const Body& body) {
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) body(WholeLanes{i});
  if (i < n) body(LastLanes{i, n - i});
}

/// Σ over a row of n: term(s, lanes) is s plus what those lanes add, 0 for lanes beyond the end.
template <typename Term>
JIELONG_KERNEL float reduce(std::int64_t n, const Term& term) {
  Floats a = zero(), b = zero(), c = zero(), d = zero();
  std::int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    a = term(a, WholeLanes{i});
    b = term(b, WholeLanes{i + kLanes});
    c = term(c, WholeLanes{i + 2 * kLanes});
    d = term(d, WholeLanes{i + 3 * kLanes});
  }
  for (; i + kLanes <= n; i += kLanes) a = term(a, WholeLanes{i});
  if (i < n) a = term(a, LastLanes{i, n - i});
  return sum((a + c) + (b + d));
}

}  // namespace
