// The recurrences of linear-time mixers: values and gradients against naive twins in f64, the same
// bytes however a sequence is split, and what PyTorch says (goldens/make_scans.py).

#include "tensor/ops/scan.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "tensor/every_isa.h"
#include "tensor/ops/conv.h"
#include "tensor/ops/scale_channels.h"
#include "tensor/ops/squash.h"
#include "tensor/recorded_op.h"
#include "tensor/reference/scan.h"

namespace jielong {
namespace {

using Kind = LinearScan::Kind;

/// A scan of two sequences side by side, of more rows than one chunk, with numbers that nothing
/// divides.
struct Problem {
  Kind kind;
  std::int64_t heads, head_channels, states, groups;
  std::vector<std::int64_t> lengths{kScanChunk + 5, 3};

  std::int64_t rows() const {
    std::int64_t sum = 0;
    for (const std::int64_t length : lengths) sum += length;
    return sum;
  }
  bool selective() const { return kind == Kind::selective; }
  std::int64_t channels() const { return heads * head_channels; }
  std::int64_t steps() const { return selective() ? channels() : heads; }
  std::int64_t decays() const { return selective() ? channels() * states : heads; }
};

const Problem kProblems[] = {
    {Kind::selective, 1, 70, 5, 1}, {Kind::shared, 4, 18, 6, 2}, {Kind::delta, 4, 18, 5, 2}};

/// The numbers of a problem, all in one list of named parts.
struct Numbers {
  std::vector<float> x, step, b, c, gate, decay, skip;

  explicit Numbers(const Problem& p) {
    const auto some = [](std::int64_t count, std::uint64_t seed, float reach) {
      return random_floats(static_cast<std::size_t>(count), seed, reach);
    };
    x = some(p.rows() * p.channels(), 1, 1);
    step = some(p.rows() * p.steps(), 2, 0.4f);
    b = some(p.rows() * p.groups * p.states, 3, 0.8f);
    c = some(p.rows() * p.groups * p.states, 4, 1);
    gate = some(p.rows() * p.heads, 5, 0.4f);
    decay = some(p.decays(), 6, 1);
    for (float& value : step) value += 0.5f;
    for (float& value : gate) value += 0.5f;
    for (float& value : decay) value -= 1.1f;
    if (p.kind == Kind::delta) {
      gate.resize(static_cast<std::size_t>(p.rows() * p.heads));
    } else {
      gate.clear();
      skip = some(p.steps(), 7, 1);
    }
  }
};

LinearScan scan_of(const Problem& p, WeightVector decay, WeightVector skip) {
  LinearScan scan;
  scan.kind = p.kind;
  scan.heads = p.heads;
  scan.head_channels = p.head_channels;
  scan.states = p.states;
  scan.groups = p.groups;
  if (p.kind == Kind::delta) scan.b_scale = 0.9f, scan.c_scale = 0.7f;
  scan.decay = std::move(decay);
  scan.skip = std::move(skip);
  return scan;
}

/// The twin's output for all sequences, one after the other. `change` may replace one of the
/// inputs.
using Wide = std::vector<double>;
struct WideNumbers {
  Wide x, step, b, c, gate, decay, skip;
  explicit WideNumbers(const Numbers& n)
      : x(widened(n.x)),
        step(widened(n.step)),
        b(widened(n.b)),
        c(widened(n.c)),
        gate(widened(n.gate)),
        decay(widened(n.decay)),
        skip(widened(n.skip)) {}
};

Wide twin(const Problem& p, const WideNumbers& n) {
  Wide y;
  std::int64_t first = 0;
  for (const std::int64_t length : p.lengths) {
    const auto rows = [&](const Wide& all, std::int64_t width) {
      if (all.empty()) return Wide();
      const auto begin = all.begin() + first * width;
      return Wide(begin, begin + length * width);
    };
    reference::Scan<double> s;
    s.rows = length;
    s.heads = p.selective() ? 1 : p.heads;
    s.head_channels = p.head_channels;
    s.states = p.states;
    s.groups = p.groups;
    s.each_channel = p.selective();
    s.x = rows(n.x, p.channels());
    s.step = rows(n.step, p.steps());
    s.b = rows(n.b, p.groups * p.states);
    s.c = rows(n.c, p.groups * p.states);
    s.gate = rows(n.gate, p.heads);
    s.decay = n.decay;
    s.skip = n.skip;
    if (p.kind == Kind::delta) {
      s.b_scale = static_cast<double>(0.9f);
      s.c_scale = static_cast<double>(0.7f);
    }
    const Wide part =
        p.kind == Kind::delta ? reference::delta_rule(s) : reference::selective_scan(s);
    y.insert(y.end(), part.begin(), part.end());
    first += length;
  }
  return y;
}

std::vector<StateRows> sequences_of(const Problem& p) {
  std::vector<StateRows> result;
  std::int64_t first = 0;
  for (const std::int64_t length : p.lengths) {
    result.push_back({first, length, nullptr});
    first += length;
  }
  return result;
}

class Scans : public testing::TestWithParam<Problem> {};

TEST_P(Scans, ValuesAndGradientsEqualTheTwins) {
  const Problem& p = GetParam();
  const Numbers n(p);
  const WideNumbers wide(n);
  const auto slopes = random_floats(n.x.size(), 9, 1);
  with_every_float_isa([&](Isa isa) {
    SCOPED_TRACE(std::string(name(isa)));
    Recording r;
    const LinearScan scan = scan_of(p, r.vector("decay", n.decay),
                                    n.skip.empty() ? WeightVector{} : r.vector("skip", n.skip));
    ScanInputs in;
    in.x = r.value(p.rows(), p.channels(), n.x);
    in.step = r.value(p.rows(), p.steps(), n.step);
    in.b = r.value(p.rows(), p.groups * p.states, n.b);
    in.c = r.value(p.rows(), p.groups * p.states, n.c);
    if (!n.gate.empty()) in.gate = r.value(p.rows(), p.heads, n.gate);
    const Tensor y = linear_scan(r.pass, scan, {}, sequences_of(p), in, 0);
    expect_values(all(y), twin(p, wide));
    r.backward(y, slopes);
    const auto check = [&](Wide WideNumbers::*part, std::span<const float> gradient,
                           std::size_t every) {
      expect_slopes(
          wide.*part,
          [&](const Wide& changed) {
            WideNumbers other = wide;
            other.*part = changed;
            return weighted(slopes, twin(p, other));
          },
          gradient, 2e-5, every);
    };
    // Every few elements: a difference costs two whole scans.
    check(&WideNumbers::x, r.gradient(in.x), 97);
    check(&WideNumbers::step, r.gradient(in.step), p.selective() ? 101 : 7);
    check(&WideNumbers::b, r.gradient(in.b), 7);
    check(&WideNumbers::c, r.gradient(in.c), 7);
    if (in.gate) check(&WideNumbers::gate, r.gradient(in.gate), 5);
    check(&WideNumbers::decay, r.gradient("decay"), p.selective() ? 23 : 1);
    if (scan.skip) check(&WideNumbers::skip, r.gradient("skip"), p.selective() ? 5 : 1);
  });
}

TEST_P(Scans, GradientsAreTheSameBytesForAnyNumberOfThreads) {
  const Problem& p = GetParam();
  const Numbers n(p);
  const auto slopes = random_floats(n.x.size(), 9, 1);
  const auto gradients = [&](int threads) {
    Recording r(threads);
    const LinearScan scan = scan_of(p, r.vector("decay", n.decay),
                                    n.skip.empty() ? WeightVector{} : r.vector("skip", n.skip));
    ScanInputs in;
    in.x = r.value(p.rows(), p.channels(), n.x);
    in.step = r.value(p.rows(), p.steps(), n.step);
    in.b = r.value(p.rows(), p.groups * p.states, n.b);
    in.c = r.value(p.rows(), p.groups * p.states, n.c);
    if (!n.gate.empty()) in.gate = r.value(p.rows(), p.heads, n.gate);
    r.backward(linear_scan(r.pass, scan, {}, sequences_of(p), in, 0), slopes);
    std::vector<float> all_of_them;
    for (const std::vector<float>& part : {r.gradient(in.x), r.gradient(in.step), r.gradient(in.b),
                                           r.gradient(in.c), r.gradient("decay")}) {
      all_of_them.insert(all_of_them.end(), part.begin(), part.end());
    }
    return all_of_them;
  };
  const std::vector<float> one = gradients(1);
  EXPECT_EQ(gradients(3), one);
}

/// One sequence in one go, token by token and in pieces: the same bytes, with the state handed on.
TEST_P(Scans, ASequenceMayBeSplitAnywhere) {
  Problem p = GetParam();
  p.lengths = {kScanChunk + 5};
  const Numbers n(p);
  ThreadPool pool(2);
  Workspace workspace(pool);
  Pass pass(workspace);
  const LinearScan scan =
      scan_of(p, WeightVector::of("decay", n.decay),
              n.skip.empty() ? WeightVector{} : WeightVector::of("skip", n.skip));
  const auto decay = scan.laid_out_decay();
  const auto view = [](const std::vector<float>& values, std::int64_t first, std::int64_t rows,
                       std::int64_t width) {
    if (values.empty()) return Tensor{};
    return Tensor{const_cast<float*>(values.data()) + first * width, rows, width, width};
  };
  const auto run = [&](std::int64_t piece) {
    constexpr std::int64_t kOffset = 3;  // of something else's state before it
    std::vector<float> state(static_cast<std::size_t>(kOffset + scan.state_floats()));
    std::vector<float> y;
    for (std::int64_t first = 0; first < p.rows(); first += piece) {
      const std::int64_t rows = std::min(piece, p.rows() - first);
      const ScanInputs in{
          view(n.x, first, rows, p.channels()), view(n.step, first, rows, p.steps()),
          view(n.b, first, rows, p.groups * p.states), view(n.c, first, rows, p.groups * p.states),
          view(n.gate, first, rows, p.heads)};
      const StateRows sequence{0, rows, state.data()};
      const Tensor part = linear_scan(
          pass, scan, piece == 1 ? std::span<const float>(decay) : std::span<const float>(),
          {&sequence, 1}, in, kOffset);
      y.insert(y.end(), part.data, part.data + rows * p.channels());
    }
    return y;
  };
  const std::vector<float> whole = run(p.rows());
  for (const std::int64_t piece : {1, 7, 32}) EXPECT_EQ(run(piece), whole) << piece;
}

constexpr const char* kKindNames[] = {"selective", "shared", "delta"};
INSTANTIATE_TEST_SUITE_P(Kinds, Scans, testing::ValuesIn(kProblems), [](const auto& kind) {
  return std::string(kKindNames[static_cast<std::size_t>(kind.param.kind)]);
});

/// A list of numbers read from its beginning to its end.
struct Reader {
  std::vector<float> numbers;
  std::size_t at = 0;

  explicit Reader(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    float number = 0;
    while (file.read(reinterpret_cast<char*>(&number), sizeof number)) numbers.push_back(number);
  }
  std::int64_t count() { return static_cast<std::int64_t>(numbers.at(at++)); }
  std::vector<float> next(std::int64_t length) {
    const auto begin = numbers.begin() + static_cast<std::ptrdiff_t>(at);
    at += static_cast<std::size_t>(length);
    return {begin, begin + length};
  }
};

TEST(ScanGoldens, ValuesAndGradientsEqualTorch) {
  Reader file(std::string(JIELONG_TEST_DATA) + "/tensor/goldens/gradients/scans.bin");
  int cases = 0;
  for (; file.at < file.numbers.size(); ++cases) {
    SCOPED_TRACE(cases);
    Problem p{static_cast<Kind>(file.count()), 0, 0, 0, 0, {}};
    const std::int64_t rows = file.count();
    p.lengths = {rows};
    p.heads = file.count();
    p.head_channels = file.count();
    p.states = file.count();
    p.groups = file.count();
    const std::vector<float> scales = file.next(2);
    const bool is_delta = p.kind == Kind::delta;
    const std::int64_t shared = p.groups * p.states, others = is_delta ? rows * p.heads : p.steps();
    const std::int64_t sizes[] = {rows * p.channels(), rows * p.steps(), rows * shared,
                                  rows * shared,       others,           p.decays()};
    std::vector<std::vector<float>> inputs;
    for (const std::int64_t size : sizes) inputs.push_back(file.next(size));
    const auto slopes = file.next(sizes[0]), expected = file.next(sizes[0]);
    Recording r;
    LinearScan scan = scan_of(p, r.vector("decay", inputs[5]),
                              is_delta ? WeightVector{} : r.vector("skip", inputs[4]));
    scan.b_scale = scales[0];
    scan.c_scale = scales[1];
    ScanInputs in;
    in.x = r.value(rows, p.channels(), inputs[0]);
    in.step = r.value(rows, p.steps(), inputs[1]);
    in.b = r.value(rows, shared, inputs[2]);
    in.c = r.value(rows, shared, inputs[3]);
    if (is_delta) in.gate = r.value(rows, p.heads, inputs[4]);
    const Tensor y = linear_scan(r.pass, scan, {}, sequences_of(p), in, 0);
    expect_values(all(y), widened(expected));
    r.backward(y, slopes);
    const std::vector<float> gradients[] = {r.gradient(in.x),
                                            r.gradient(in.step),
                                            r.gradient(in.b),
                                            r.gradient(in.c),
                                            is_delta ? r.gradient(in.gate) : r.gradient("skip"),
                                            r.gradient("decay")};
    for (std::size_t i = 0; i < 6; ++i) {
      const std::vector<float> wanted = file.next(sizes[i]);
      float largest = 0, worst = 0;
      for (std::size_t j = 0; j < wanted.size(); ++j) {
        largest = std::max(largest, std::abs(wanted[j]));
        worst = std::max(worst, std::abs(wanted[j] - gradients[i][j]));
      }
      EXPECT_LE(worst, 1e-5f * largest) << "input " << i;
    }
  }
  EXPECT_EQ(cases, 3);
}

class Convolutions : public testing::TestWithParam<std::int64_t> {};

TEST_P(Convolutions, ValuesGradientsAndSplits) {
  const std::int64_t taps = GetParam(), channels = 19, rows = 11;
  const auto x0 = random_floats(rows * channels, 1, 1);
  const auto w0 = random_floats(static_cast<std::size_t>(channels * taps), 2, 1);
  const auto b0 = random_floats(channels, 3, 1), slopes = random_floats(rows * channels, 4, 1);
  with_every_float_isa([&](Isa isa) {
    SCOPED_TRACE(std::string(name(isa)));
    Recording r;
    const CausalConv conv{channels, taps, r.vector("w", w0), r.vector("b", b0)};
    const Tensor x = r.value(rows, channels, x0);
    const Convolution part{&conv, x, r.pass.empty(rows, channels), 0};
    const StateRows sequence{0, rows, nullptr};
    convolve(r.pass, {&sequence, 1}, {&part, 1});
    const auto at = [&](const Wide& x_at, const Wide& w, const Wide& b) {
      return reference::causal_conv<double>(x_at, w, b, channels, taps);
    };
    const Wide x1 = widened(x0), w1 = widened(w0), b1 = widened(b0);
    expect_values(all(part.y), at(x1, w1, b1));
    const std::vector<float> whole(all(part.y).begin(), all(part.y).end());
    r.backward(part.y, slopes);
    expect_slopes(
        x1, [&](const Wide& v) { return weighted(slopes, at(v, w1, b1)); }, r.gradient(x), 1e-5);
    expect_slopes(
        w1, [&](const Wide& v) { return weighted(slopes, at(x1, v, b1)); }, r.gradient("w"), 1e-5);
    expect_slopes(
        b1, [&](const Wide& v) { return weighted(slopes, at(x1, w1, v)); }, r.gradient("b"), 1e-5);
    for (const std::int64_t piece : {1, 2, 5}) {
      Pass pass(r.workspace);
      std::vector<float> state(static_cast<std::size_t>(conv.state_floats())), pieces;
      for (std::int64_t first = 0; first < rows; first += piece) {
        const std::int64_t count = std::min(piece, rows - first);
        const Convolution some{
            &conv,
            {const_cast<float*>(x0.data()) + first * channels, count, channels, channels},
            pass.empty(count, channels),
            0};
        const StateRows here{0, count, state.data()};
        convolve(pass, {&here, 1}, {&some, 1});
        pieces.insert(pieces.end(), some.y.data, some.y.data + count * channels);
      }
      EXPECT_EQ(pieces, whole) << piece;
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Taps, Convolutions, testing::Values(2, 3, 4));

TEST(SquashAndGate, ValuesAndGradientsEqualTheTwins) {
  constexpr std::int64_t kRows = 3, kChannels = 21;
  const auto g0 = random_floats(kRows * kChannels, 1, 6), x0 = random_floats(kRows * kChannels, 2),
             slopes = random_floats(kRows * kChannels, 3);
  const auto f = [](Squash function, double v) {
    const double s = 1 / (1 + std::exp(-v));
    return function == Squash::softplus  ? std::log1p(std::exp(v))
           : function == Squash::sigmoid ? s
                                         : v * s;
  };
  for (const Squash function : {Squash::softplus, Squash::sigmoid, Squash::silu}) {
    with_every_float_isa([&](Isa isa) {
      SCOPED_TRACE(std::string(name(isa)));
      for (const std::int64_t opens : {kChannels, std::int64_t{1}}) {
        const std::vector<float> open0(g0.begin(), g0.begin() + kRows * opens);
        const auto at = [&](const Wide& g, const Wide& x) {
          Wide y;
          for (std::size_t i = 0; i < x.size(); ++i) {
            y.push_back(f(function, g[opens == 1 ? i / kChannels : i]) * x[i]);
          }
          return y;
        };
        Recording r;
        const Tensor open = r.value(kRows, opens, open0), x = r.value(kRows, kChannels, x0);
        const Tensor y = gate(r.pass, function, open, x);
        const Wide g1 = widened(open0), x1 = widened(x0);
        expect_values(all(y), at(g1, x1), 2e-6);
        r.backward(y, slopes);
        expect_slopes(
            g1, [&](const Wide& v) { return weighted(slopes, at(v, x1)); }, r.gradient(open));
        expect_slopes(
            x1, [&](const Wide& v) { return weighted(slopes, at(g1, v)); }, r.gradient(x));
      }
      Recording r;
      const Tensor x = r.value(kRows, kChannels, g0);
      const Tensor y = squash(r.pass, function, x);
      const auto at = [&](const Wide& v) {
        Wide result;
        for (const double each : v) result.push_back(f(function, each));
        return result;
      };
      expect_values(all(y), at(widened(g0)), 1e-6);
      r.backward(y, slopes);
      expect_slopes(
          widened(g0), [&](const Wide& v) { return weighted(slopes, at(v)); }, r.gradient(x));
    });
  }
}

TEST(SquashAndGate, SoftplusHoldsFarFromZero) {
  Recording r;
  const std::vector<float> far = {-200, -80, -20, 20, 80, 200};
  const Tensor y = squash(r.pass, Squash::softplus, r.value(1, 6, far));
  EXPECT_EQ(y.data[0], 0);
  EXPECT_LT(y.data[1], 1e-30f);
  EXPECT_NEAR(y.data[2] / 2.0611536e-9f, 1, 1e-5);
  for (int i = 3; i < 6; ++i) EXPECT_EQ(y.data[i], far[static_cast<std::size_t>(i)]);
}

TEST(ScaleChannels, ValuesAndGradients) {
  const auto x0 = random_floats(5 * 19, 1), g0 = random_floats(19, 2),
             slopes = random_floats(5 * 19, 3);
  Recording r;
  const WeightVector gain = r.vector("gain", g0);
  const Tensor x = r.value(5, 19, x0);
  const Tensor y = scale_channels(r.pass, gain, x);
  const auto at = [](const Wide& g, const Wide& v) {
    Wide result;
    for (std::size_t i = 0; i < v.size(); ++i) result.push_back(g[i % g.size()] * v[i]);
    return result;
  };
  const Wide g1 = widened(g0), x1 = widened(x0);
  expect_values(all(y), at(g1, x1));
  r.backward(y, slopes);
  expect_slopes(
      x1, [&](const Wide& v) { return weighted(slopes, at(g1, v)); }, r.gradient(x));
  expect_slopes(
      g1, [&](const Wide& v) { return weighted(slopes, at(v, x1)); }, r.gradient("gain"));
}

}  // namespace
}  // namespace jielong
