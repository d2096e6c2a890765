#include "tensor/sequence_attention.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "tensor/every_isa.h"
#include "tensor/finite_differences.h"
#include "tensor/ops/attend.h"
#include "tensor/reference/attention.h"
#include "tensor/tape.h"

namespace jielong {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

/// Memory of a matrix whose rows are further apart than they are wide.
struct Matrix {
  std::vector<float> memory;
  Tensor tensor;

  Matrix(std::int64_t rows, std::int64_t channels, float value, std::int64_t gap = 3)
      : memory(static_cast<std::size_t>(rows * (channels + gap)), value),
        tensor{memory.data(), rows, channels, channels + gap} {}
  Matrix(const Matrix&) = delete;
  Matrix& operator=(const Matrix&) = delete;

  void fill(const std::vector<float>& values) {
    for (std::int64_t i = 0; i < tensor.rows; ++i) {
      std::memcpy(tensor.row(i), values.data() + i * tensor.channels,
                  static_cast<std::size_t>(tensor.channels) * sizeof(float));
    }
  }
  std::vector<float> values() const {
    std::vector<float> all;
    for (std::int64_t i = 0; i < tensor.rows; ++i) {
      all.insert(all.end(), tensor.row(i), tensor.row(i) + tensor.channels);
    }
    return all;
  }
};

struct Case {
  KvLayout shape;
  AttentionParams params;
  std::vector<std::int64_t> borders;
  std::vector<float> q = {}, k = {}, v = {}, d_out = {};  // (rows, channels)

  std::int64_t rows() const { return borders.back(); }
  std::int64_t q_width() const { return params.heads * shape.key_dim; }
  std::int64_t k_width() const { return shape.kv_heads * shape.key_dim; }
  std::int64_t v_width() const { return shape.kv_heads * shape.value_dim; }
  std::int64_t out_width() const { return params.heads * shape.value_dim; }

  void randomize() {
    q = random_floats(static_cast<std::size_t>(rows() * q_width()), 1);
    k = random_floats(static_cast<std::size_t>(rows() * k_width()), 2);
    v = random_floats(static_cast<std::size_t>(rows() * v_width()), 3);
    d_out = random_floats(static_cast<std::size_t>(rows() * out_width()), 4);
  }

  /// By the definition, in f64.
  template <typename Number>
  std::vector<double> reference(const std::vector<Number>& q_of, const std::vector<Number>& k_of,
                                const std::vector<Number>& v_of) const {
    std::vector<double> out(static_cast<std::size_t>(rows() * out_width()));
    for (std::size_t s = 0; s + 1 < borders.size(); ++s) {
      const std::int64_t first = borders[s], length = borders[s + 1] - first;
      for (std::int64_t i = 0; i < length; ++i) {
        reference::attend(shape, params, q_of.data() + (first + i) * q_width(), i, length,
                          k_of.data() + first * k_width(), v_of.data() + first * v_width(),
                          out.data() + (first + i) * out_width());
      }
    }
    return out;
  }
};

struct Result {
  std::vector<float> out, dq, dk, dv;
  bool operator==(const Result&) const = default;
};

/// Forward and backward; gradients are added to `before`, or written when that is not a number.
Result run(const Case& c, int threads = 2, float before = kNaN) {
  ThreadPool pool(threads);
  Matrix q(c.rows(), c.q_width(), kNaN), k(c.rows(), c.k_width(), kNaN),
      v(c.rows(), c.v_width(), kNaN), d_out(c.rows(), c.out_width(), kNaN);
  q.fill(c.q), k.fill(c.k), v.fill(c.v), d_out.fill(c.d_out);
  Matrix out(c.rows(), c.out_width(), kNaN), log_sums(c.rows(), c.params.heads, kNaN, 0),
      means(c.rows(), c.params.heads, kNaN, 0);
  Matrix dq(c.rows(), c.q_width(), before), dk(c.rows(), c.k_width(), before),
      dv(c.rows(), c.v_width(), before);
  const SequenceAttention attention = {c.shape, c.params, c.borders, q.tensor, k.tensor, v.tensor};
  attend_sequences(pool, attention, out.tensor, log_sums.tensor);
  const bool add = !std::isnan(before);
  attend_sequences_backward(pool, attention, out.tensor, log_sums.tensor, d_out.tensor,
                            means.tensor, {dq.tensor, add}, {dk.tensor, add}, {dv.tensor, add});
  // Between the rows nothing was written.
  for (const Matrix* m : {&out, &dq, &dk, &dv}) {
    for (std::int64_t i = 0; i < m->tensor.rows; ++i) {
      const float gap = m->tensor.row(i)[m->tensor.channels];
      EXPECT_TRUE(std::isnan(gap) || gap == before);
    }
  }
  return {out.values(), dq.values(), dk.values(), dv.values()};
}

Case make(std::int64_t heads, KvLayout shape, std::vector<std::int64_t> borders, bool causal = true,
          std::int64_t window = 0, float soft_cap = 0) {
  Case c{shape,
         {.heads = heads,
          .scale = 1 / std::sqrt(static_cast<float>(shape.key_dim)),
          .soft_cap = soft_cap,
          .window = window,
          .causal = causal},
         std::move(borders)};
  c.randomize();
  return c;
}

/// Shapes that cross blocks, documents and lanes.
std::vector<Case> cases() {
  std::vector<Case> all;
  all.push_back(make(2, {1, 8, 8, KvType::f32}, {0, 5, 5, 6, 17}));
  all.push_back(make(4, {2, 20, 12, KvType::f32}, {0, 33, 70}));
  all.push_back(make(2, {2, 16, 16, KvType::f32}, {0, 70, 79}, false));
  all.push_back(make(2, {1, 16, 16, KvType::f32}, {0, 150}, true, 21));
  all.push_back(make(1, {1, 8, 24, KvType::f32}, {0, 140}, true, 100, 2.5f));
  all.push_back(make(3, {3, 64, 64, KvType::f32}, {0, 65}));
  return all;
}

TEST(SequenceAttention, FollowsTheDefinition) {
  with_every_float_isa([](Isa isa) {
    for (const Case& c : cases()) {
      const std::vector<double> expected = c.reference(c.q, c.k, c.v);
      const std::vector<float> out = run(c).out;
      for (std::size_t i = 0; i < out.size(); ++i) {
        ASSERT_NEAR(static_cast<double>(out[i]), expected[i], 3e-6) << name(isa) << " at " << i;
      }
    }
  });
}

TEST(SequenceAttention, GradientsAreSlopes) {
  for (const Case& c : cases()) {
    const std::vector<double> q = widened(c.q), k = widened(c.k), v = widened(c.v);
    const Result got = run(c);
    const auto loss = [&](const auto& q_of, const auto& k_of, const auto& v_of) {
      return weighted(c.d_out, c.reference(q_of, k_of, v_of));
    };
    // A prime step, so that all heads and channels get their turn.
    const std::size_t every = c.rows() < 20 ? 1 : c.q.size() > 10000 ? 397 : 97;
    expect_slopes(
        q, [&](const auto& at) { return loss(at, k, v); }, got.dq, 1e-5, every);
    expect_slopes(
        k, [&](const auto& at) { return loss(q, at, v); }, got.dk, 1e-5, every);
    expect_slopes(
        v, [&](const auto& at) { return loss(q, k, at); }, got.dv, 1e-5, every);
  }
}

TEST(SequenceAttention, InstructionSetsAgree) {
  for (const Case& c : cases()) {
    std::vector<Result> results;
    with_every_float_isa([&](Isa) { results.push_back(run(c)); });
    for (const Result& result : results) {
      for (const auto part : {&Result::out, &Result::dq, &Result::dk, &Result::dv}) {
        const std::vector<float>&a = result.*part, &b = results.front().*part;
        for (std::size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], 3e-5f) << i;
      }
    }
  }
}

TEST(SequenceAttention, TheSameBytesAtAnyThreadCount) {
  // Few heads, so that threads share a chain, and many, so that each takes whole ones.
  for (const Case& c : {make(2, {1, 16, 16, KvType::f32}, {0, 300}),
                        make(2, {1, 16, 16, KvType::f32}, {0, 290}, true, 90),
                        make(1, {1, 16, 16, KvType::f32}, {0, 200}, false),
                        make(8, {8, 16, 16, KvType::f32}, {0, 70, 200, 210})}) {
    const Result one = run(c, 1);
    for (const int threads : {2, 3}) EXPECT_TRUE(run(c, threads) == one) << threads;
  }
}

TEST(SequenceAttention, AddsToGradientsThatAreThere) {
  const Case c = make(4, {2, 20, 12, KvType::f32}, {0, 70, 80});
  const Result written = run(c), added = run(c, 2, 1);
  for (const auto part : {&Result::dq, &Result::dk, &Result::dv}) {
    for (std::size_t i = 0; i < (written.*part).size(); ++i) {
      ASSERT_NEAR((added.*part)[i], (written.*part)[i] + 1, 2e-6f);
    }
  }
}

TEST(SequenceAttention, EqualsAttentionOnPages) {
  const Case c = make(4, {2, 20, 12, KvType::f32}, {0, 150});
  ThreadPool pool(2);
  std::vector<std::vector<std::byte>> memory(3, std::vector<std::byte>(c.shape.page_bytes()));
  std::vector<std::byte*> pages;
  for (auto& page : memory) pages.push_back(page.data());
  for (std::int64_t i = 0; i < 150; ++i) {
    kv_store(c.shape, pages[static_cast<std::size_t>(i / KvLayout::kPositions)],
             i % KvLayout::kPositions, c.k.data() + i * c.k_width(), c.v.data() + i * c.v_width());
  }
  std::vector<float> out(static_cast<std::size_t>(150 * c.out_width()));
  const AttentionQueries queries = {0, 150, 0, 150, pages};
  attend(pool, c.shape, c.params, {&queries, 1}, c.q.data(), c.q_width(), out.data(),
         c.out_width());
  const Result whole = run(c);
  for (std::size_t i = 0; i < out.size(); ++i) ASSERT_NEAR(out[i], whole.out[i], 2e-6f);
}

TEST(SequenceAttention, StaysFiniteForExtremeScores) {
  Case c = make(2, {1, 16, 16, KvType::f32}, {0, 80});
  for (const float reach : {1e-30f, 1e3f}) {
    c.q = random_floats(c.q.size(), 1, reach);
    c.k = random_floats(c.k.size(), 2, reach);
    const Result result = run(c);
    for (const auto part : {&Result::out, &Result::dq, &Result::dk, &Result::dv}) {
      for (const float value : result.*part) ASSERT_TRUE(std::isfinite(value)) << reach;
    }
  }
}

TEST(SequenceAttention, EqualsPyTorch) {
  const std::string bytes = read_file(JIELONG_TEST_DATA "/tensor/goldens/gradients/attention.bin");
  std::size_t at = 0;
  const auto take = [&](std::int64_t count) {
    std::vector<float> values(static_cast<std::size_t>(count));
    EXPECT_LE(at + values.size() * sizeof(float), bytes.size());
    std::memcpy(values.data(), bytes.data() + at, values.size() * sizeof(float));
    at += values.size() * sizeof(float);
    return values;
  };
  const auto whole = [](float x) { return static_cast<std::int64_t>(x); };
  for (std::int64_t left = whole(take(1)[0]); left > 0; --left) {
    const std::vector<float> header = take(10);
    const std::vector<float> borders = take(whole(header[9]));
    Case c{{whole(header[1]), whole(header[2]), whole(header[3]), KvType::f32},
           {.heads = whole(header[0]),
            .scale = header[7],
            .soft_cap = header[6],
            .window = whole(header[5]),
            .causal = header[4] != 0},
           {borders.begin(), borders.end()}};
    ASSERT_EQ(c.rows(), whole(header[8]));
    c.q = take(c.rows() * c.q_width());
    c.k = take(c.rows() * c.k_width());
    c.v = take(c.rows() * c.v_width());
    c.d_out = take(c.rows() * c.out_width());
    const Result got = run(c);
    for (const auto part : {&Result::out, &Result::dq, &Result::dk, &Result::dv}) {
      const std::vector<float> expected = take(static_cast<std::int64_t>((got.*part).size()));
      for (std::size_t i = 0; i < expected.size(); ++i) {
        ASSERT_NEAR((got.*part)[i], expected[i], 5e-6f) << "cases left " << left;
      }
    }
  }
  EXPECT_EQ(at, bytes.size());
}

TEST(SequenceAttention, RefusesWhatDoesNotFit) {
  EXPECT_THROW(run(make(3, {2, 8, 8, KvType::f32}, {0, 4})), Error);
  Case c = make(2, {1, 8, 8, KvType::f32}, {0, 4});
  ThreadPool pool(1);
  Matrix q(4, 16, 0), k(4, 8, 0), v(4, 8, 0), out(4, 16, 0), narrow(4, 7, 0), few(3, 8, 0);
  const auto attempt = [&](const Tensor& keys, std::vector<std::int64_t> borders) {
    attend_sequences(pool, {c.shape, c.params, borders, q.tensor, keys, v.tensor}, out.tensor, {});
  };
  EXPECT_NO_THROW(attempt(k.tensor, {0, 2, 4}));
  EXPECT_THROW(attempt(narrow.tensor, {0, 4}), Error);
  EXPECT_THROW(attempt(few.tensor, {0, 4}), Error);
  const std::vector<std::vector<std::int64_t>> wrong = {{}, {0, 3}, {1, 4}, {0, 3, 2, 4}, {0, 5}};
  for (const std::vector<std::int64_t>& borders : wrong) {
    EXPECT_THROW(attempt(k.tensor, borders), Error);
  }
}

TEST(Attend, RecordsItsGradients) {
  const Case c = make(4, {2, 20, 12, KvType::f32}, {0, 70, 80});
  const Result expected = run(c);
  ThreadPool pool(2);
  Workspace workspace(pool);
  Parameters parameters;
  Tape tape(parameters);
  Pass pass(workspace, nullptr, &tape);
  const auto tensor = [&](const std::vector<float>& values, std::int64_t channels) {
    const Tensor t = pass.empty(c.rows(), channels);
    std::memcpy(t.data, values.data(), values.size() * sizeof(float));
    return t;
  };
  const auto values = [](const Tensor& t) {
    return std::vector<float>(t.data, t.data + t.rows * t.channels);
  };
  const Tensor q = tensor(c.q, c.q_width()), k = tensor(c.k, c.k_width()),
               v = tensor(c.v, c.v_width());
  const Tensor out = attend(pass, c.shape, c.params, c.borders, q, k, v);
  EXPECT_EQ(values(out), expected.out);
  std::memcpy(tape.sum(out).tensor.data, c.d_out.data(), c.d_out.size() * sizeof(float));
  tape.backward();
  EXPECT_EQ(values(tape.gradient(q)), expected.dq);
  EXPECT_EQ(values(tape.gradient(k)), expected.dk);
  EXPECT_EQ(values(tape.gradient(v)), expected.dv);
}

TEST(Attend, MemoryGrowsWithLengthNotWithItsSquare) {
  ThreadPool pool(2);
  constexpr std::int64_t kRows = 4096, kHeads = 2, kDim = 16;
  Workspace workspace(pool);
  Parameters parameters;
  Tape tape(parameters);
  Pass pass(workspace, nullptr, &tape);
  const KvLayout shape{1, kDim, kDim, KvType::f32};
  const Tensor q = pass.empty(kRows, kHeads * kDim), k = pass.empty(kRows, kDim),
               v = pass.empty(kRows, kDim);
  for (const Tensor& t : {q, k, v}) std::fill_n(t.data, t.rows * t.channels, 0.1f);
  const Tensor out = attend(pass, shape, {.heads = kHeads, .scale = 0.25f}, {0, kRows}, q, k, v);
  std::fill_n(tape.sum(out).tensor.data, kRows * kHeads * kDim, 1.0f);
  tape.backward();
  EXPECT_NEAR(out.row(kRows - 1)[0], 0.1f, 1e-5f);
  // Queries, keys, values, outputs, and two numbers a row and head: a square would be 64 MiB.
  EXPECT_LT(workspace.arena().reserved_bytes() + tape.peak_bytes(), std::size_t{8} << 20);
}

}  // namespace
}  // namespace jielong
