#include "tensor/ops/project.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "tensor/ops/activation.h"
#include "tensor/ops/add.h"
#include "tensor/ops/linear_backward.h"
#include "tensor/tape.h"

namespace jielong {
namespace {

/// Up to this many rows every thread prepares the whole input for itself: cheaper than
/// waiting for the others.
constexpr std::int64_t kRowsPreparedAlone = 4;

constexpr std::size_t kFormats = 3;
using FormatSet = std::array<bool, kFormats>;

FormatSet formats_of(std::span<const Projection> outputs) {
  FormatSet used{};
  for (const auto& output : outputs) {
    used[static_cast<std::size_t>(output.linear->weight.packed.row_format())] = true;
  }
  return used;
}

/// Normalises and converts rows [range) into `buffers` (by format), through `normed`.
void prepare(const Norm* norm, const Tensor& x, Range range, const FormatSet& used,
             std::vector<float>& normed, RowBuffer* const (&buffers)[kFormats]) {
  for (std::int64_t i = range.begin; i < range.end; ++i) {
    const float* row = x.row(i);
    if (norm != nullptr) {
      normed.resize(static_cast<std::size_t>(x.channels));
      norm->row(row, normed.data(), x.channels);
      row = normed.data();
    }
    for (std::size_t f = 0; f < kFormats; ++f) {
      // A stride of 0: the one row given stands for row i.
      if (used[f]) buffers[f]->convert(row, 0, {i, i + 1});
    }
  }
}

/// The part of `outputs`' panels, taken one after the other, that a thread computes.
/// Calls body(projection, panels) for every non-empty part.
template <typename Body>
void for_my_panels(std::span<const Projection> outputs, int thread, int threads, const Body& body) {
  std::int64_t total = 0;
  for (const auto& output : outputs) total += output.linear->weight.packed.panels();
  const auto [begin, end] = ThreadPool::slice(total, 1, thread, threads);
  std::int64_t first = 0;
  for (const auto& output : outputs) {
    const std::int64_t panels = output.linear->weight.packed.panels();
    const Range mine{std::max(begin, first) - first, std::min(end, first + panels) - first};
    if (mine.begin < mine.end) body(output, mine);
    first += panels;
  }
}

void add_bias(const Linear& linear, const Tensor& y, Range rows, Range panels) {
  if (!linear.bias) return;
  const std::int64_t begin = panels.begin * PackedMatrix::kPanel;
  const std::int64_t end = std::min(panels.end * PackedMatrix::kPanel, linear.weight.out);
  for (std::int64_t i = rows.begin; i < rows.end; ++i) {
    vectors().add_scaled(1.0f, linear.bias.data() + begin, y.row(i) + begin, end - begin);
  }
}

/// Multiplies and adds the bias for one thread's panels.
void compute(const Projection& output, const RowBuffer& rows, Range panels, bool accumulate) {
  const Linear& linear = *output.linear;
  const Range all{0, output.y.rows};
  multiply(linear.weight.packed, rows, output.y.data, output.y.stride, all, panels, accumulate);
  add_bias(linear, output.y, all, panels);
}

/// Runs `work(thread, threads, buffers)` on every thread once the input is prepared.
template <typename Work>
void with_prepared_rows(Pass& pass, const Norm* norm, const Tensor& x, const FormatSet& used,
                        const Work& work) {
  Workspace& workspace = pass.workspace();
  if (x.rows <= kRowsPreparedAlone) {
    pass.pool().run([&](int thread, int threads) {
      Workspace::Scratch& scratch = workspace.scratch(thread);
      RowBuffer* buffers[kFormats];
      for (std::size_t f = 0; f < kFormats; ++f) {
        buffers[f] = &scratch.rows[f];
        if (used[f]) buffers[f]->resize(static_cast<RowFormat>(f), x.rows, x.channels);
      }
      prepare(norm, x, {0, x.rows}, used, scratch.normed, buffers);
      work(thread, threads, buffers);
    });
    return;
  }
  RowBuffer* buffers[kFormats];
  for (std::size_t f = 0; f < kFormats; ++f) {
    buffers[f] = &workspace.shared_rows(static_cast<RowFormat>(f));
    if (used[f]) buffers[f]->resize(static_cast<RowFormat>(f), x.rows, x.channels);
  }
  for (int t = 0; t < pass.pool().size(); ++t) {
    workspace.scratch(t).normed.reserve(static_cast<std::size_t>(x.channels));
  }
  pass.pool().run([&](int thread, int threads) {
    const auto [begin, end] = ThreadPool::slice(x.rows, 1, thread, threads);
    prepare(norm, x, {begin, end}, used, workspace.scratch(thread).normed, buffers);
    pass.pool().barrier();
    work(thread, threads, buffers);
  });
}

/// Shows a tap the input of every map, as a tensor of its own.
Tensor observed_input(Pass& pass, const Norm* norm, const Tensor& x,
                      std::span<const Projection> outputs) {
  const Tensor input = norm != nullptr ? normalize(pass, *norm, x) : x;
  for (const auto& output : outputs) pass.visit(output.linear->weight.name, ".in", input);
  return input;
}

bool is_packed(const Projection& output) { return !output.linear->weight.packed.empty(); }

/// y = x · Wᵀ + bias with a matrix that is not packed.
void multiply_plain(Pass& pass, const Tensor& x, const Projection& output) {
  const Weight& weight = output.linear->weight;
  if (weight.plain() == nullptr) {
    throw Error(ErrorKind::unsupported,
                weight.packed.empty() ? "the matrix must be packed before it is multiplied"
                                      : "a packed matrix cannot be trained",
                weight.name, "load the model for training, or prepare it");
  }
  const Tensor& y = output.y;
  gemm(pass.pool(), pass.precision(), x.rows, weight.out, weight.in, {x.data, x.stride},
       {weight.plain(), weight.in, true}, y.data, y.stride, false);
  if (!output.linear->bias) return;
  pass.pool().for_range(y.rows, 1, [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t panels = weight.out / PackedMatrix::kPanel + 1;
    add_bias(*output.linear, y, {begin, end}, {0, panels});
  });
}

/// Records the step that carries gradients from the outputs to their common input.
void record(Pass& pass, const Tensor& x, std::span<const Projection> outputs) {
  Tape* tape = pass.tape();
  if (tape == nullptr) return;
  tape->record([&pass, tape, x, all = std::vector(outputs.begin(), outputs.end())] {
    for (const Projection& output : all) {
      const Tensor dy = tape->gradient(output.y);
      if (dy) linear_backward(pass, *output.linear, x, dy, tape->sum(x));
    }
  });
}

}  // namespace

void project(Pass& pass, const Norm* norm, const Tensor& x, std::span<const Projection> outputs) {
  Tensor input = x;
  const bool all_packed = std::all_of(outputs.begin(), outputs.end(), is_packed);
  if (pass.tape() != nullptr || !all_packed) {
    input = observed_input(pass, norm, x, outputs);
    for (const Projection& output : outputs) {
      multiply_plain(pass, input, output);
      pass.visit(output.linear->weight.name, ".out", output.y);
    }
    record(pass, input, outputs);
    return;
  }
  if (pass.observed()) {
    input = observed_input(pass, norm, x, outputs);
    norm = nullptr;
  }
  with_prepared_rows(
      pass, norm, input, formats_of(outputs),
      [&](int thread, int threads, RowBuffer* const(&buffers)[kFormats]) {
        for_my_panels(outputs, thread, threads, [&](const Projection& output, Range panels) {
          const auto format = output.linear->weight.packed.row_format();
          compute(output, *buffers[static_cast<std::size_t>(format)], panels, false);
        });
      });
  for (const auto& output : outputs) pass.visit(output.linear->weight.name, ".out", output.y);
}

Tensor project(Pass& pass, const Norm* norm, const Tensor& x, const Linear& linear) {
  const Projection output{&linear, pass.empty(x.rows, linear.weight.out)};
  project(pass, norm, x, std::span(&output, 1));
  return output.y;
}

Tensor project_gated(Pass& pass, const Norm* norm, const Tensor& x, const Linear& gate,
                     const Linear& up, Activation activation) {
  const Projection outputs[] = {{&gate, pass.empty(x.rows, gate.weight.out)},
                                {&up, pass.empty(x.rows, up.weight.out)}};
  const Tensor& y = outputs[0].y;
  if (pass.observed() || !is_packed(outputs[0]) || !is_packed(outputs[1])) {
    project(pass, norm, x, outputs);
    return activate_gated(pass, activation, y, outputs[1].y);
  }
  with_prepared_rows(
      pass, norm, x, formats_of(outputs),
      [&](int thread, int threads, RowBuffer* const(&buffers)[kFormats]) {
        // A thread computes the same features of gate and up, and so can join them itself.
        const auto [begin, end] =
            ThreadPool::slice(gate.weight.packed.panels(), 1, thread, threads);
        if (begin == end) return;
        for (const auto& output : outputs) {
          const auto format = output.linear->weight.packed.row_format();
          compute(output, *buffers[static_cast<std::size_t>(format)], {begin, end}, false);
        }
        const std::int64_t from = begin * PackedMatrix::kPanel;
        const std::int64_t to = std::min(end * PackedMatrix::kPanel, y.channels);
        for (std::int64_t i = 0; i < y.rows; ++i) {
          vectors().gated(activation, y.row(i) + from, outputs[1].y.row(i) + from, y.row(i) + from,
                          to - from);
        }
      });
  return y;
}

Tensor project_add(Pass& pass, const Tensor& x, const Linear& linear, const Tensor& sum) {
  // With a bias, sum + (product + bias) needs the product by itself to round alike.
  if (pass.observed() || linear.bias || linear.weight.packed.empty()) {
    const PassScope scope(pass);
    return add(pass, project(pass, nullptr, x, linear), sum);
  }
  const Projection output{&linear, sum};
  const std::span outputs(&output, 1);
  with_prepared_rows(
      pass, nullptr, x, formats_of(outputs),
      [&](int thread, int threads, RowBuffer* const(&buffers)[kFormats]) {
        for_my_panels(outputs, thread, threads, [&](const Projection& each, Range panels) {
          const auto format = linear.weight.packed.row_format();
          compute(each, *buffers[static_cast<std::size_t>(format)], panels, true);
        });
      });
  return sum;
}

}  // namespace jielong
