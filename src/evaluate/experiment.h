#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "train/data/synthetic.h"

namespace jielong {

// An experiment compares trainings: one recipe, varied by name and seed, each trained model
// measured in the same ways, and one chart and one table of what came out. This is what
// experiment.yaml says, as plain values; docs/guide/experiments.md explains the keys.

/// What a measurement is about. Which of the fields below matter depends on `kind`.
struct ExperimentMeasure {
  enum class Kind : std::uint8_t {
    exact_match,   ///< share of a set's problems answered exactly right, by group
    similarity,    ///< inner states of a set's prompts and answers, by layer
    length_cost,   ///< time and memory of a token, by the length of the chain before it
    bits_per_byte  ///< how well a text is predicted
  };
  std::string name;  ///< of the quantity, or the first word of its names
  Kind kind = Kind::exact_match;
  std::string set;                    ///< exact_match, similarity; bits_per_byte: of texts
  std::int64_t limit = 0;             ///< problems or pairs taken; 0: all
  std::int64_t batch = 64;            ///< exact_match: problems answered at the same time
  std::int64_t max_tokens = 0;        ///< exact_match: the longest answer; 0: as the right one
  bool final_only = false;            ///< exact_match: compare what follows the written-out steps
  std::vector<std::int64_t> lengths;  ///< length_cost
  std::int64_t tokens = 32;           ///< length_cost: tokens timed at each length
};

/// Data of an experiment: made by rule, or a file of JSON lines.
struct ExperimentSet {
  std::string name;
  std::filesystem::path file;  ///< absolute; empty: made by rule
  std::string group;           ///< of a file, only the lines with this "group"; empty: all
  SyntheticSet made;
};

/// One way to train. In settings, "{set:NAME}" stands for the file of a set and "{model:NAME}" for
/// the model that another variant ends with, under the same seed; that one is then trained first.
struct ExperimentVariant {
  std::string name, label;
  std::string series;  ///< variants with the same one share a line of the chart; by default label
  std::optional<double> x;  ///< where it stands in the chart
  bool shown = true;        ///< false: only a beginning for others, neither measured nor shown
  std::vector<std::pair<std::string, std::string>> settings;  ///< "model.layers", "2"
  std::vector<ExperimentMeasure> measures;                    ///< the experiment's, as changed here
};

struct ExperimentChart {
  enum class Kind : std::uint8_t { lines, bars };
  Kind kind = Kind::bars;
  std::string quantity;
  bool by_group = false;  ///< x is the group (digits, layer, length), not the variant's x
  std::string title, x_label, y_label;
};

struct ExperimentColumn {
  std::string title, quantity, group;  ///< group empty: over all
};

struct Experiment {
  std::string name;  ///< of its folder
  std::string title, claim;
  std::filesystem::path folder, recipe;  ///< absolute
  std::vector<std::int64_t> seeds;
  std::vector<ExperimentSet> sets;
  std::vector<ExperimentVariant> variants;  ///< each behind those whose model it begins with
  ExperimentChart chart;
  std::vector<ExperimentColumn> table;
  std::vector<std::string> facts;          ///< counted without a model: "tables"
  std::map<std::string, double> expected;  ///< quantities that must be just so, of facts or runs
  bool small = false;

  const ExperimentSet& set(const std::string& name) const;
  const ExperimentVariant& variant(const std::string& name) const;
};

/// Reads a folder's experiment.yaml. `small`: with what its "small:" changes, so that a run takes
/// seconds and shows that everything works. Throws Error with file and line for unknown keys, wrong
/// types, and names of sets and variants that are not there.
Experiment read_experiment(const std::filesystem::path& folder, bool small = false);

/// The same for text, as if it stood in `folder`.
Experiment parse_experiment(std::string_view yaml, const std::filesystem::path& folder,
                            bool small = false);

/// What "{model:NAME}" in a text names; empty: nothing.
std::string model_named_in(const std::string& setting);

}  // namespace jielong
