#include "tensor/tape.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/error.h"
#include "tensor/ops/add.h"
#include "tensor/pass.h"
#include "tensor/recorded_op.h"

namespace jielong {
namespace {

TEST(Parameters, AreFoundByNameAndByAnyAddressInside) {
  Parameters parameters;
  Parameter& first = parameters.add("a", Parameter::Role::matrix, 3, 4);
  Parameter& second = parameters.add("b", Parameter::Role::vector, 1, 5);
  EXPECT_EQ(parameters.find("a"), &first);
  EXPECT_EQ(parameters.find("c"), nullptr);
  EXPECT_EQ(parameters.count(), 17);
  EXPECT_EQ(parameters.bytes(), 2 * 17 * sizeof(float));
  EXPECT_EQ(first.shape, (std::vector<std::int64_t>{3, 4}));
  EXPECT_EQ(second.shape, (std::vector<std::int64_t>{5}));
  for (std::int64_t i = 0; i < 12; ++i) {
    EXPECT_EQ(parameters.gradient_at(first.values + i), first.gradient + i);
  }
  EXPECT_EQ(parameters.gradient_at(second.values + 4), second.gradient + 4);
  const float elsewhere = 0;
  EXPECT_EQ(parameters.gradient_at(&elsewhere), nullptr);
  EXPECT_EQ(parameters.gradient_at(nullptr), nullptr);
}

TEST(Parameters, RefuseNamesTwiceAndShapesWithoutElements) {
  Parameters parameters;
  parameters.add("a", Parameter::Role::matrix, 1, 1);
  EXPECT_THROW(parameters.add("a", Parameter::Role::matrix, 1, 1), Error);
  EXPECT_THROW(parameters.add("b", Parameter::Role::matrix, 0, 1), Error);
  EXPECT_THROW(parameters.add("c", Parameter::Role::matrix, 1, -1), Error);
  EXPECT_THROW(parameters.add("d", Parameter::Role::matrix, std::int64_t{1} << 40, 1 << 20), Error);
}

TEST(Parameters, AFrozenOneKeepsNoGradient) {
  ThreadPool pool(2);
  Parameters parameters;
  Parameter& a = parameters.add("a", Parameter::Role::matrix, 3, 40);
  std::fill_n(a.gradient, a.count(), 7.0f);
  parameters.zero_gradients(pool);
  for (std::int64_t i = 0; i < a.count(); ++i) EXPECT_EQ(a.gradient[i], 0);
  parameters.set_trained(a, false);
  EXPECT_EQ(a.gradient, nullptr);
  EXPECT_EQ(parameters.gradient_at(a.values), nullptr);
  EXPECT_EQ(parameters.bytes(), 120 * sizeof(float));
  parameters.zero_gradients(pool);
  parameters.set_trained(a, true);
  ASSERT_NE(a.gradient, nullptr);
  EXPECT_EQ(a.gradient[119], 0);
}

TEST(Tape, RunsStepsFromTheLastToTheFirstAndSumsWhatSeveralAdd) {
  Recording r;
  const Tensor x = r.value(2, 2, std::vector<float>{1, 2, 3, 4});
  // y = x + x, z = y + x: dz/dx = 3.
  const Tensor y = add(r.pass, x, x);
  const Tensor z = add(r.pass, y, x);
  EXPECT_EQ(std::vector<float>(all(z).begin(), all(z).end()), (std::vector<float>{3, 6, 9, 12}));
  r.backward(z, std::vector<float>{1, 10, 100, 1000});
  EXPECT_EQ(r.gradient(x), (std::vector<float>{3, 30, 300, 3000}));
}

TEST(Tape, AStepWhoseOutputNobodyReadsDoesNothing) {
  Recording r;
  const Tensor x = r.value(1, 2, std::vector<float>{1, 2});
  const Tensor unread = add(r.pass, x, x);
  const Tensor read = add(r.pass, x, x);
  EXPECT_NE(unread.data, read.data);
  r.backward(read, std::vector<float>{1, 1});
  EXPECT_EQ(r.gradient(x), (std::vector<float>{2, 2}));
}

TEST(Tape, GivesMemoryBackAsSoonAsItIsConsumed) {
  Recording r;
  constexpr std::int64_t kRows = 8, kChannels = 64;
  const std::vector<float> ones(kRows * kChannels, 1);
  const Tensor x = r.value(kRows, kChannels, ones);
  const Tensor other = r.value(kRows, kChannels, ones);
  Tensor y = x;
  for (int i = 0; i < 20; ++i) y = add(r.pass, other, y);
  r.backward(y, ones);
  const std::size_t each = kRows * kChannels * sizeof(float);
  // Of y, of its predecessor and of `other`: not of all twenty.
  EXPECT_LE(r.tape.peak_bytes(), 3 * each);
  EXPECT_EQ(r.gradient(other), std::vector<float>(ones.size(), 20.0f));
}

TEST(Tape, ServesPassAfterPass) {
  Recording r;
  for (int step = 0; step < 3; ++step) {
    r.workspace.arena().release({});
    const Tensor x = r.value(1, 3, std::vector<float>{1, 2, 3});
    const Tensor y = add(r.pass, x, x);
    r.backward(y, std::vector<float>{1, 1, 1});
    EXPECT_EQ(r.gradient(x), (std::vector<float>{2, 2, 2})) << "the last step's is forgotten";
  }
  // A pass that fails half-way leaves nothing behind.
  r.tape.record([] { throw std::runtime_error("half-way"); });
  EXPECT_THROW(r.tape.backward(), std::runtime_error);
  r.tape.forget();
  EXPECT_NO_THROW(r.tape.backward());
}

TEST(Pass, ScopesKeepWhatATapeComesBackTo) {
  Recording r;
  const float* inside = nullptr;
  {
    const PassScope scope(r.pass);
    inside = r.pass.empty(1, 16).data;
  }
  EXPECT_NE(r.pass.empty(1, 16).data, inside);
  Pass plain(r.workspace);
  {
    const PassScope scope(plain);
    inside = plain.empty(1, 16).data;
  }
  EXPECT_EQ(plain.empty(1, 16).data, inside);
  EXPECT_TRUE(r.pass.observed());
  EXPECT_FALSE(plain.observed());
}

}  // namespace
}  // namespace jielong
