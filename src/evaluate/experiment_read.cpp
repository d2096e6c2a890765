#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/quote.h"
#include "evaluate/experiment.h"
#include "evaluate/yaml_section.h"

namespace jielong {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMany = 1'000'000'000;
constexpr std::int64_t kLongest = 1 << 20;
constexpr std::size_t kMaxRuns = 1000;
constexpr double kHuge = std::numeric_limits<double>::max();

template <typename Value>
Value choice(YamlSection& section, const std::string& key, Value value,
             std::initializer_list<std::pair<const char*, Value>> choices) {
  if (!section.has(key)) return value;
  std::string word, names;
  section.text(key, word);
  for (const auto& [name, one] : choices) {
    if (word == name) return one;
    names += (names.empty() ? "" : ", ") + std::string(name);
  }
  section.fail("is " + in_quotes(word, 40) + ", which is none of " + names, key);
}

void read_set(YamlSection& section, const fs::path& folder, ExperimentSet& set) {
  std::string file, task;
  section.text("file", file);
  if (!file.empty()) set.file = (folder / file).lexically_normal();
  section.text("group", set.group);
  section.text("task", task);
  if (!task.empty()) set.made.task = synthetic_task(task, "sets." + set.name + ".task");
  SyntheticSet& made = set.made;
  section.count("count", made.count, 0, kMany);
  section.count("smallest", made.smallest, 1, kLongest);
  section.count("largest", made.largest, 1, kLongest);
  section.count("width", made.width, 0, kLongest);
  section.flag("steps", made.steps);
  section.number("test_share", made.test_share, 0, 1);
  auto seed = static_cast<std::int64_t>(made.seed);
  section.count("seed", seed, 0, kMany);
  made.seed = static_cast<std::uint64_t>(seed);
  made.part = choice(
      section, "part", made.part,
      {{"all", ExercisePart::all}, {"train", ExercisePart::train}, {"test", ExercisePart::test}});
  if (set.file.empty()) check(made, "sets." + set.name);
}

void read_measure(YamlSection& section, ExperimentMeasure& measure) {
  using Kind = ExperimentMeasure::Kind;
  measure.kind = choice(section, "kind", measure.kind,
                        {{"exact-match", Kind::exact_match},
                         {"similarity", Kind::similarity},
                         {"length-cost", Kind::length_cost},
                         {"bits-per-byte", Kind::bits_per_byte}});
  section.text("set", measure.set);
  section.count("limit", measure.limit, 0, kMany);
  section.count("batch", measure.batch, 1, 4096);
  section.count("max_tokens", measure.max_tokens, 0, kLongest);
  section.flag("final_only", measure.final_only);
  section.counts("lengths", measure.lengths, 0, kLongest);
  section.count("tokens", measure.tokens, 1, 4096);
}

ExperimentMeasure* find_measure(std::vector<ExperimentMeasure>& measures, const std::string& name) {
  const auto found = std::find_if(measures.begin(), measures.end(),
                                  [&](const auto& measure) { return measure.name == name; });
  return found == measures.end() ? nullptr : &*found;
}

/// Changes measures of the same name; others are an error.
void change_measures(YamlSection& section, std::vector<ExperimentMeasure>& measures) {
  section.named_sections("measures", [&](const std::string& name, YamlSection& inside) {
    ExperimentMeasure* measure = find_measure(measures, name);
    if (measure == nullptr) section.fail("names no measure of this experiment", "measures");
    read_measure(inside, *measure);
  });
}

using Settings = std::vector<std::pair<std::string, std::string>>;

void add_settings(Settings& settings, const Settings& more) {
  settings.insert(settings.end(), more.begin(), more.end());
}

class ExperimentReader {
 public:
  ExperimentReader(Experiment& experiment, bool small) : experiment_(experiment) {
    experiment_.small = small;
  }

  void read(YamlSection& file) {
    file.text("title", experiment_.title);
    file.text("claim", experiment_.claim);
    std::string recipe = "recipe.yaml";
    file.text("recipe", recipe);
    experiment_.recipe = (experiment_.folder / recipe).lexically_normal();
    experiment_.seeds = {1};
    file.counts("seeds", experiment_.seeds, 0, kMany);
    file.texts("facts", experiment_.facts);
    common_ = file.named_values("set");
    file.named_sections("sets", [&](const std::string& name, YamlSection& section) {
      experiment_.sets.push_back({name, {}, {}, {}});
      read_set(section, experiment_.folder, experiment_.sets.back());
    });
    file.named_sections("measures", [&](const std::string& name, YamlSection& section) {
      measures_.push_back({});
      measures_.back().name = name;
      read_measure(section, measures_.back());
    });
    // What the small variant changes comes before the variants, which start from it.
    file.section("small", [&](YamlSection& section) { read_small(section); });
    file.named_sections("variants", [&](const std::string& name, YamlSection& section) {
      read_variant(name, section);
    });
    file.section("chart", [&](YamlSection& section) { read_chart(section); });
    file.list("table", [&](YamlSection& section) {
      ExperimentColumn column;
      section.text("title", column.title);
      section.text("quantity", column.quantity);
      section.text("group", column.group);
      if (column.quantity.empty()) section.fail("names no quantity");
      if (column.title.empty()) column.title = column.quantity;
      experiment_.table.push_back(std::move(column));
    });
    for (const auto& [quantity, value] : file.named_values("expected")) {
      double number = 0;
      try {
        number = std::stod(value);
      } catch (const std::exception&) {
        file.fail("must name numbers", "expected");
      }
      experiment_.expected[quantity] = number;
    }
    complete(file);
  }

 private:
  void read_small(YamlSection& section) {
    // Read in any case, so that mistakes in it show early.
    Experiment changed = experiment_;
    std::vector<ExperimentMeasure> measures = measures_;
    section.counts("seeds", changed.seeds, 0, kMany);
    std::vector<std::string> variants;
    section.texts("variants", variants);
    named_by_small_ = variants;
    const Settings settings = section.named_values("set");
    section.named_sections("sets", [&](const std::string& name, YamlSection& inside) {
      const auto found = std::find_if(changed.sets.begin(), changed.sets.end(),
                                      [&](const auto& set) { return set.name == name; });
      if (found == changed.sets.end()) section.fail("names no set of this experiment", "sets");
      read_set(inside, experiment_.folder, *found);
    });
    change_measures(section, measures);
    if (!experiment_.small) return;
    experiment_ = std::move(changed);
    measures_ = std::move(measures);
    small_variants_ = std::move(variants);
    small_settings_ = settings;
  }

  void read_variant(const std::string& name, YamlSection& section) {
    ExperimentVariant variant;
    variant.name = variant.label = name;
    section.text("label", variant.label);
    variant.series = variant.label;
    section.text("series", variant.series);
    if (section.has("x")) {
      variant.x = 0;
      section.number("x", *variant.x, -kHuge, kHuge);
    }
    section.flag("shown", variant.shown);
    add_settings(variant.settings, common_);
    add_settings(variant.settings, section.named_values("set"));
    // Sizes that a variant is about give way to the small ones.
    add_settings(variant.settings, small_settings_);
    variant.measures = measures_;
    change_measures(section, variant.measures);
    variants_.push_back(std::move(variant));
  }

  void read_chart(YamlSection& section) {
    ExperimentChart& chart = experiment_.chart;
    chart.kind =
        choice(section, "kind", chart.kind,
               {{"lines", ExperimentChart::Kind::lines}, {"bars", ExperimentChart::Kind::bars}});
    section.text("quantity", chart.quantity);
    section.flag("by_group", chart.by_group);
    section.text("title", chart.title);
    section.text("x_label", chart.x_label);
    section.text("y_label", chart.y_label);
    if (chart.quantity.empty()) section.fail("names no quantity");
  }

  void complete(YamlSection& file) {
    if (experiment_.title.empty()) experiment_.title = experiment_.name;
    if (variants_.empty()) file.fail("there are no variants", {}, "name what to compare");
    for (const std::string& fact : experiment_.facts) {
      if (fact != "tables") file.fail("names " + in_quotes(fact, 40) + "; known: tables", "facts");
    }
    for (const std::string& name : named_by_small_) {
      if (find(name) == nullptr) file.fail("names no variant " + in_quotes(name, 60), "small");
    }
    if (experiment_.chart.title.empty()) experiment_.chart.title = experiment_.title;
    for (const ExperimentVariant& variant : variants_) {
      if (!small_variants_.empty() && std::find(small_variants_.begin(), small_variants_.end(),
                                                variant.name) == small_variants_.end()) {
        continue;
      }
      add_in_order(variant, file);
    }
    if (experiment_.variants.size() * experiment_.seeds.size() > kMaxRuns) {
      file.fail(fmt::format("asks for more than {} trainings", kMaxRuns), {});
    }
  }

  const ExperimentVariant* find(const std::string& name) const {
    for (const ExperimentVariant& variant : variants_) {
      if (variant.name == name) return &variant;
    }
    return nullptr;
  }

  /// Adds a variant behind those that it begins with.
  void add_in_order(const ExperimentVariant& variant, YamlSection& file) {
    for (const ExperimentVariant& there : experiment_.variants) {
      if (there.name == variant.name) return;
    }
    if (!open_.insert(variant.name).second) {
      file.fail("variants begin with each other: " + in_quotes(variant.name, 60), "variants");
    }
    for (const auto& [key, value] : variant.settings) {
      const std::string name = model_named_in(value);
      if (name.empty()) continue;
      const ExperimentVariant* other = find(name);
      if (other == nullptr) {
        file.fail(in_quotes(variant.name, 60) + " begins with the model of " + in_quotes(name, 60) +
                      ", which is no variant",
                  "variants");
      }
      add_in_order(*other, file);
    }
    for (const ExperimentMeasure& measure : variant.measures) {
      const bool names_set =
          std::any_of(experiment_.sets.begin(), experiment_.sets.end(),
                      [&](const ExperimentSet& set) { return set.name == measure.set; });
      if (measure.kind == ExperimentMeasure::Kind::length_cost) {
        if (measure.lengths.empty()) file.fail(measure.name + " names no lengths", "measures");
      } else if (!names_set) {
        file.fail(measure.name + " is taken on " + in_quotes(measure.set, 60) + ", which is no set",
                  "measures");
      }
    }
    experiment_.variants.push_back(variant);
  }

  Experiment& experiment_;
  Settings common_, small_settings_;
  std::vector<ExperimentMeasure> measures_;
  std::vector<ExperimentVariant> variants_;
  std::vector<std::string> small_variants_, named_by_small_;
  std::set<std::string> open_;
};

}  // namespace

std::string model_named_in(const std::string& setting) {
  constexpr std::string_view kBegin = "{model:";
  const std::size_t begin = setting.find(kBegin);
  if (begin == std::string::npos) return {};
  const std::size_t end = setting.find('}', begin);
  if (end == std::string::npos) return {};
  return setting.substr(begin + kBegin.size(), end - begin - kBegin.size());
}

const ExperimentSet& Experiment::set(const std::string& wanted) const {
  for (const ExperimentSet& set : sets) {
    if (set.name == wanted) return set;
  }
  throw Error(ErrorKind::not_found, "there is no set " + in_quotes(wanted, 60), name);
}

const ExperimentVariant& Experiment::variant(const std::string& wanted) const {
  for (const ExperimentVariant& variant : variants) {
    if (variant.name == wanted) return variant;
  }
  throw Error(ErrorKind::not_found, "there is no variant " + in_quotes(wanted, 60), name);
}

Experiment parse_experiment(std::string_view yaml, const fs::path& folder, bool small) {
  Experiment experiment;
  experiment.folder = fs::absolute(folder).lexically_normal();
  if (!experiment.folder.has_filename()) experiment.folder = experiment.folder.parent_path();
  experiment.name = experiment.folder.filename().string();
  ExperimentReader reader(experiment, small);
  read_yaml(std::string(yaml), (folder / "experiment.yaml").string(),
            [&](YamlSection& file) { reader.read(file); });
  return experiment;
}

Experiment read_experiment(const fs::path& folder, bool small) {
  const fs::path file = folder / "experiment.yaml";
  if (!fs::exists(file)) {
    throw Error(ErrorKind::not_found, "is no experiment: it has no experiment.yaml",
                folder.string(), "name a folder such as recipes/adder-depth-vs-width");
  }
  return parse_experiment(read_file(file, 1 << 20), folder, small);
}

}  // namespace jielong
