#include "tensor/parameters.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace jielong {
namespace {

std::vector<float> gradient_of(const Parameter& p) { return {p.gradient, p.gradient + p.count()}; }

/// What a matrix product does: writes or adds 1.
void contribute(Parameters& parameters, const Parameter& p) {
  const auto [gradient, first] = parameters.claim_gradient(p.values, p.count());
  for (std::int64_t i = 0; i < p.count(); ++i) gradient[i] = first ? 1 : gradient[i] + 1;
}

TEST(Parameters, WhoTouchesAGradientFirstMayWriteIt) {
  ThreadPool pool(2);
  Parameters parameters;
  Parameter& p = parameters.add("p", Parameter::Role::matrix, 3, 5);
  EXPECT_TRUE(parameters.claim_gradient(p.values, 15).first);
  EXPECT_FALSE(parameters.claim_gradient(p.values, 15).first);
  parameters.zero_gradients(pool);
  EXPECT_FALSE(parameters.claim_gradient(p.values, 10).first) << "a part";
  EXPECT_FALSE(parameters.claim_gradient(p.values, 15).first) << "after a part";
  parameters.zero_gradients(pool);
  parameters.gradient_at(p.values + 2);
  EXPECT_FALSE(parameters.claim_gradient(p.values, 15).first) << "after an addition";
  parameters.set_trained(p, false);
  EXPECT_EQ(parameters.claim_gradient(p.values, 15).gradient, nullptr);
}

TEST(Parameters, ForgottenGradientsCountAsZero) {
  ThreadPool pool(2);
  Parameters parameters;
  Parameter& written = parameters.add("written", Parameter::Role::matrix, 3, 50);
  Parameter& added = parameters.add("added", Parameter::Role::vector, 1, 7);
  for (int step = 0; step < 4; ++step) {
    parameters.forget_gradients(pool);
    // Every other step does not reach the matrix, or adds to it before it is written.
    if (step != 1) {
      if (step == 2) ++*parameters.gradient_at(written.values);
      contribute(parameters, written);
      contribute(parameters, written);
    }
    ++*parameters.gradient_at(added.values + 3);
    parameters.settle_gradients(pool);
    std::vector<float> expected(150, step == 1 ? 0.0f : 2.0f);
    if (step == 2) expected[0] = 3;
    EXPECT_EQ(gradient_of(written), expected) << step;
    EXPECT_EQ(gradient_of(added), (std::vector<float>{0, 0, 0, 1, 0, 0, 0})) << step;
  }
  parameters.zero_gradients(pool);
  EXPECT_EQ(gradient_of(written), std::vector<float>(150, 0.0f));
}

}  // namespace
}  // namespace jielong
