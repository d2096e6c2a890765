// experiment.yaml: whatever the bytes, an experiment is read or refused with an Error, in both of
// its variants, and what is read can be run through: every set and variant that is named is there.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "evaluate/experiment.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace jielong;
  for (const bool small : {false, true}) {
    Experiment experiment;
    try {
      experiment =
          parse_experiment({reinterpret_cast<const char*>(data), size}, "/experiments/one", small);
    } catch (const Error&) {
      continue;
    }
    // These throw for what is not there: then nothing catches it.
    for (const ExperimentVariant& variant : experiment.variants) {
      for (const auto& [key, value] : variant.settings) {
        if (!model_named_in(value).empty()) experiment.variant(model_named_in(value));
      }
      for (const ExperimentMeasure& measure : variant.measures) {
        if (measure.kind != ExperimentMeasure::Kind::length_cost) experiment.set(measure.set);
      }
    }
  }
  return 0;
}
