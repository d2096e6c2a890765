#include "tensor/attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "tensor/every_isa.h"
#include "tensor/reference/attention.h"

namespace jielong {
namespace {

float uniform(Rng& rng, float reach) { return (static_cast<float>(rng.uniform()) * 2 - 1) * reach; }

/// One random sequence: queries, keys and values of every position, and its pages.
struct Case {
  KvLayout layout;
  AttentionParams params;
  std::int64_t length = 0;
  std::vector<float> q;             ///< (length, heads, key_dim)
  std::vector<float> keys, values;  ///< (length, kv_heads, dim), as given
  std::vector<std::byte> memory;
  std::vector<std::byte*> pages;

  Case(KvLayout l, AttentionParams p, std::int64_t n, std::uint64_t seed, float reach = 2)
      : layout(l), params(p), length(n) {
    Rng rng(seed);
    const auto fill = [&](std::vector<float>& x, std::int64_t count) {
      x.resize(static_cast<std::size_t>(count));
      for (float& v : x) v = uniform(rng, reach);
    };
    fill(q, length * params.heads * layout.key_dim);
    fill(keys, length * layout.kv_heads * layout.key_dim);
    fill(values, length * layout.kv_heads * layout.value_dim);
  }

  /// Writes the pages in the layout of the active instruction set. What lies beyond the
  /// sequence is not-a-number, so that a kernel that counts it is found out.
  void fill_pages() {
    const std::size_t bytes = layout.page_bytes();
    const std::int64_t count = (length + KvLayout::kPositions - 1) / KvLayout::kPositions;
    memory.assign(bytes * static_cast<std::size_t>(count), std::byte{0xff});
    pages.clear();
    for (std::int64_t i = 0; i < count; ++i) {
      pages.push_back(memory.data() + bytes * static_cast<std::size_t>(i));
    }
    for (std::int64_t i = 0; i < length; ++i) {
      kv_store(layout, page_of(i), i % KvLayout::kPositions, key(i), value(i));
    }
  }

  std::byte* page_of(std::int64_t position) const {
    return pages[static_cast<std::size_t>(position / KvLayout::kPositions)];
  }
  const float* key(std::int64_t i) const {
    return keys.data() + i * layout.kv_heads * layout.key_dim;
  }
  const float* value(std::int64_t i) const {
    return values.data() + i * layout.kv_heads * layout.value_dim;
  }
  std::int64_t q_width() const { return params.heads * layout.key_dim; }
  std::int64_t out_width() const { return params.heads * layout.value_dim; }

  /// Outputs of queries [first, first + count) of the sequence, with `stored` positions.
  std::vector<float> run(ThreadPool& pool, std::int64_t first, std::int64_t count,
                         std::int64_t stored) const {
    std::vector<float> out(static_cast<std::size_t>(count * out_width()),
                           std::numeric_limits<float>::quiet_NaN());
    const AttentionQueries queries = {
        .first_row = 0, .count = count, .first_position = first, .length = stored, .pages = pages};
    attend(pool, layout, params, {&queries, 1}, q.data() + first * q_width(), q_width(), out.data(),
           out_width());
    return out;
  }
  std::vector<float> run_all(ThreadPool& pool) const { return run(pool, 0, length, length); }

  /// Largest difference from the f64 twin fed with what the pages hold.
  double error(const std::vector<float>& out) const {
    std::vector<float> k(keys.size()), v(values.size());
    for (std::int64_t i = 0; i < length; ++i) {
      kv_load(layout, page_of(i), i % KvLayout::kPositions,
              k.data() + i * layout.kv_heads * layout.key_dim,
              v.data() + i * layout.kv_heads * layout.value_dim);
    }
    double worst = 0;
    std::vector<double> expected(static_cast<std::size_t>(out_width()));
    for (std::int64_t i = 0; i < length; ++i) {
      reference::attend(layout, params, q.data() + i * q_width(), i, length, k.data(), v.data(),
                        expected.data());
      for (std::int64_t j = 0; j < out_width(); ++j) {
        const double got = static_cast<double>(out[static_cast<std::size_t>(i * out_width() + j)]);
        const double off = std::abs(got - expected[static_cast<std::size_t>(j)]);
        if (!(off <= worst)) worst = off;  // not-a-number counts
      }
    }
    return worst;
  }
};

constexpr KvType kTypes[] = {KvType::f32, KvType::f16, KvType::q8_0};

AttentionParams params_for(std::int64_t heads, std::int64_t key_dim) {
  return {.heads = heads, .scale = 1 / std::sqrt(static_cast<float>(key_dim))};
}

struct Shape {
  std::int64_t heads, kv_heads, key_dim, value_dim, length;
};
constexpr Shape kShapes[] = {
    {9, 3, 64, 64, 200},  {4, 1, 256, 256, 131}, {6, 1, 128, 128, 140}, {2, 2, 8, 8, 70},
    {4, 2, 16, 16, 129},  {3, 3, 80, 96, 65},    {6, 2, 33, 17, 130},   {1, 1, 1, 1, 5},
    {8, 1, 192, 128, 66}, {5, 5, 40, 50, 64},
};

TEST(Attention, EqualsTheDefinition) {
  ThreadPool pool(2);
  with_every_float_isa([&](Isa isa) {
    for (const KvType type : kTypes) {
      std::uint64_t seed = 1;
      for (const Shape& s : kShapes) {
        Case c({s.kv_heads, s.key_dim, s.value_dim, type}, params_for(s.heads, s.key_dim), s.length,
               seed++);
        c.fill_pages();
        EXPECT_LT(c.error(c.run_all(pool)), 3e-6)
            << name(isa) << " type " << static_cast<int>(type) << " key_dim " << s.key_dim;
      }
    }
  });
}

TEST(Attention, WindowsCapsAndBothDirections) {
  ThreadPool pool(2);
  with_every_float_isa([&](Isa isa) {
    for (const KvType type : kTypes) {
      for (const std::int64_t window : {0, 1, 7, 64, 100, 1000}) {
        for (const float cap : {0.0f, 3.0f}) {
          for (const bool causal : {true, false}) {
            AttentionParams params = params_for(4, 32);
            params.window = window;
            params.soft_cap = cap;
            params.causal = causal;
            Case c({2, 32, 32, type}, params, 210, 7);
            c.fill_pages();
            EXPECT_LT(c.error(c.run_all(pool)), 3e-6)
                << name(isa) << " window " << window << " cap " << cap << " causal " << causal;
          }
        }
      }
    }
  });
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

TEST(Attention, AQueryDependsOnItselfAlone) {
  ThreadPool one(1), two(2), three(3);
  with_every_float_isa([&](Isa isa) {
    for (const KvType type : kTypes) {
      for (const std::int64_t window : {0, 50}) {
        AttentionParams params = params_for(9, 64);
        params.window = window;
        Case c({3, 64, 64, type}, params, 301, 3);
        c.fill_pages();
        const std::vector<float> together = c.run_all(one);
        EXPECT_TRUE(same_bits(together, c.run_all(two))) << name(isa);
        EXPECT_TRUE(same_bits(together, c.run_all(three))) << name(isa);

        // One by one, as decoding does: no later position stored.
        std::vector<float> apart;
        for (std::int64_t i = 0; i < c.length; ++i) {
          ThreadPool& pool = i % 3 == 0 ? one : i % 3 == 1 ? two : three;
          const std::vector<float> row = c.run(pool, i, 1, i + 1);
          apart.insert(apart.end(), row.begin(), row.end());
        }
        EXPECT_TRUE(same_bits(together, apart)) << name(isa);

        std::vector<float> pieces;
        std::int64_t first = 0;
        for (const std::int64_t count : {1, 63, 2, 130, 17, 80, 8}) {
          const std::vector<float> rows = c.run(two, first, count, first + count);
          pieces.insert(pieces.end(), rows.begin(), rows.end());
          first += count;
        }
        EXPECT_TRUE(same_bits(together, pieces)) << name(isa);
      }
    }
  });
}

TEST(Attention, SequencesOfABatchDoNotMeet) {
  ThreadPool pool(2);
  with_every_float_isa([&](Isa isa) {
    Case a({1, 16, 16, KvType::f16}, params_for(2, 16), 700, 1);
    Case b({1, 16, 16, KvType::f16}, params_for(2, 16), 90, 2);
    a.fill_pages(), b.fill_pages();
    // One decoded token of a and all of b, with rows between them and wide strides.
    const std::int64_t stride = a.q_width() + 3;
    std::vector<float> q(static_cast<std::size_t>(100 * stride)), out(q.size(), -1);
    std::memcpy(q.data() + 2 * stride, a.q.data() + 699 * a.q_width(),
                static_cast<std::size_t>(a.q_width()) * sizeof(float));
    for (std::int64_t i = 0; i < 90; ++i) {
      std::memcpy(q.data() + (5 + i) * stride, b.q.data() + i * b.q_width(),
                  static_cast<std::size_t>(b.q_width()) * sizeof(float));
    }
    const AttentionQueries both[] = {{2, 1, 699, 700, a.pages}, {5, 90, 0, 90, b.pages}};
    attend(pool, a.layout, a.params, both, q.data(), stride, out.data(), stride);
    const std::vector<float> alone_a = a.run(pool, 699, 1, 700), alone_b = b.run_all(pool);
    for (std::int64_t j = 0; j < a.out_width(); ++j) {
      const std::size_t at = static_cast<std::size_t>(j);
      EXPECT_EQ(out[static_cast<std::size_t>(2 * stride + j)], alone_a[at]) << name(isa);
      for (std::int64_t i = 0; i < 90; ++i) {
        ASSERT_EQ(out[static_cast<std::size_t>((5 + i) * stride + j)],
                  alone_b[static_cast<std::size_t>(i * b.out_width() + j)]);
      }
    }
    EXPECT_EQ(out[static_cast<std::size_t>(3 * stride)], -1);  // untouched
    EXPECT_EQ(out[static_cast<std::size_t>(2 * stride + a.out_width())], -1);
  });
}

TEST(Attention, SkipsPagesTheWindowHasPassed) {
  ThreadPool pool(2);
  with_every_float_isa([&](Isa isa) {
    AttentionParams params = params_for(2, 16);
    params.window = 100;
    Case c({1, 16, 16, KvType::f16}, params, 400, 5);
    c.fill_pages();
    const std::vector<float> expected = c.run(pool, 380, 20, 400);
    for (std::size_t i = 0; i < 4; ++i) c.pages[i] = nullptr;  // positions below 256
    EXPECT_TRUE(same_bits(expected, c.run(pool, 380, 20, 400))) << name(isa);
    c.pages[5] = nullptr;
    EXPECT_THROW(c.run(pool, 380, 20, 400), Error);
  });
}

TEST(Attention, StaysFiniteForExtremeScores) {
  ThreadPool pool(2);
  with_every_float_isa([&](Isa isa) {
    for (const float reach : {1e-30f, 1e4f, 1e18f, 3e19f}) {
      Case c({1, 64, 64, KvType::f32}, params_for(3, 64), 200, 9, reach);
      c.fill_pages();
      for (const float v : c.run_all(pool)) {
        ASSERT_TRUE(std::isfinite(v)) << name(isa) << " reach " << reach;
        ASSERT_LE(std::abs(v), reach * 1.001f);
      }
    }
  });
}

TEST(Attention, RefusesWhatCannotBe) {
  ThreadPool pool(1);
  Case c({2, 8, 8, KvType::f32}, params_for(3, 8), 10, 1);
  c.fill_pages();
  EXPECT_THROW(c.run_all(pool), Error);  // 3 heads over 2
  EXPECT_THROW((KvLayout{0, 8, 8, KvType::f32}.page_bytes()), Error);
  EXPECT_THROW((KvLayout{1, std::int64_t{1} << 40, 8, KvType::f32}.page_bytes()), Error);
}

TEST(KeyValuePages, GiveBackWhatWasStored) {
  with_every_float_isa([&](Isa isa) {
    for (const KvType type : kTypes) {
      for (const Shape& s : kShapes) {
        Case c({s.kv_heads, s.key_dim, s.value_dim, type}, params_for(s.heads, s.key_dim), 64, 4);
        c.fill_pages();
        std::vector<float> k(static_cast<std::size_t>(s.kv_heads * s.key_dim));
        std::vector<float> v(static_cast<std::size_t>(s.kv_heads * s.value_dim));
        for (std::int64_t i = 0; i < 64; ++i) {
          kv_load(c.layout, c.page_of(i), i, k.data(), v.data());
          // f32 exactly; f16 to half a unit of 2⁻¹⁰ below 2; q8_0 to half a step of 2/127.
          const double bound = type == KvType::f32 ? 0 : type == KvType::f16 ? 0x1p-11 : 0.0081;
          for (std::size_t j = 0; j < k.size(); ++j) {
            ASSERT_NEAR(k[j], c.key(i)[j], bound) << name(isa);
          }
          for (std::size_t j = 0; j < v.size(); ++j) {
            ASSERT_NEAR(v[j], c.value(i)[j], bound) << name(isa);
          }
        }
      }
    }
  });
}

TEST(KeyValuePages, HoldExtremes) {
  with_every_float_isa([&](Isa isa) {
    const KvLayout half{1, 3, 3, KvType::f16}, bytes{1, 3, 3, KvType::q8_0};
    const float key[3] = {1e9f, -1e9f, 0}, value[3] = {1e-9f, -0.0f, 1e-30f};
    float k[3], v[3];
    std::vector<std::byte> page(half.page_bytes());
    kv_store(half, page.data(), 63, key, value);
    kv_load(half, page.data(), 63, k, v);
    EXPECT_EQ(k[0], 65504.0f) << name(isa);
    EXPECT_EQ(k[1], -65504.0f) << name(isa);
    page.assign(bytes.page_bytes(), std::byte{0});
    kv_store(bytes, page.data(), 63, key, value);
    kv_load(bytes, page.data(), 63, k, v);
    EXPECT_TRUE(std::isfinite(k[0]) && k[0] > 1e6f && k[1] == -k[0]) << name(isa) << k[0];
    EXPECT_EQ(v[0], 0.0f);
    EXPECT_EQ(v[2], 0.0f);
  });
}

}  // namespace
}  // namespace jielong
