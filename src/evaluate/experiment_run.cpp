#include "evaluate/experiment_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <span>
#include <sstream>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/sha256.h"

namespace jielong {
namespace {

namespace fs = std::filesystem;

// A training has most of the time of a run, its measurements the rest.
constexpr double kTrainingShare = 0.8;

std::string short_hash(const std::string& text) {
  return sha256_of(std::as_bytes(std::span(text))).substr(0, 12);
}

/// The files of an experiment's sets, made once and named by what they hold.
class SetFiles {
 public:
  SetFiles(const Experiment& experiment, fs::path folder)
      : experiment_(experiment), folder_(std::move(folder)) {}

  fs::path file(const std::string& name) { return get(name).file; }
  std::string hash(const std::string& name) { return get(name).hash; }

 private:
  struct Known {
    fs::path file;
    std::string hash;
  };

  const Known& get(const std::string& name) {
    const auto found = known_.find(name);
    if (found != known_.end()) return found->second;
    const ExperimentSet& set = experiment_.set(name);
    Known made{set.file, {}};
    if (set.file.empty()) made.file = write(set);
    if (!set.group.empty()) made.file = filter(set);
    made.hash = sha256_of_file(made.file).substr(0, 12);
    return known_.emplace(name, std::move(made)).first->second;
  }

  fs::path write(const ExperimentSet& set) const {
    const SyntheticSet& made = set.made;
    const std::string facts =
        fmt::format("{} {} {} {} {} {} {} {} {}", static_cast<int>(made.task), made.count,
                    made.smallest, made.largest, made.width, made.steps,
                    static_cast<int>(made.part), made.test_share, made.seed);
    fs::path file = folder_ / fmt::format("{}-{}.jsonl", set.name, short_hash(facts));
    if (!fs::exists(file)) {
      fs::create_directories(folder_);
      write_exercises(make_exercises(made, "sets." + set.name), file);
    }
    return file;
  }

  /// The lines of one group, as they are.
  fs::path filter(const ExperimentSet& set) const {
    std::string kept;
    std::istringstream lines(read_file(set.file));
    for (std::string line; std::getline(lines, line);) {
      const Json json = parse_json(line, set.file.string());
      if (json.is_object() && json.value("group", Json()) == set.group) kept += line + "\n";
    }
    if (kept.empty()) {
      throw bad_input("has no lines of the group " + set.group, set.file.string());
    }
    const fs::path file = folder_ / fmt::format("{}-{}.jsonl", set.name, short_hash(kept));
    fs::create_directories(folder_);
    write_file(file, kept);
    return file;
  }

  const Experiment& experiment_;
  fs::path folder_;
  std::map<std::string, Known> known_;
};

std::optional<Json> read_kept(const fs::path& file) {
  if (!fs::exists(file)) return std::nullopt;
  return parse_json(read_file(file, 1 << 26), file.string());
}

void keep(const fs::path& file, const OrderedJson& json) { write_file(file, json.dump(1) + "\n"); }

/// One experiment under way.
class Run {
 public:
  Run(const Experiment& experiment, ThreadPool& pool, const ExperimentParts& parts)
      : experiment_(experiment),
        pool_(pool),
        parts_(parts),
        sets_(experiment, parts.work / "sets") {}

  std::vector<ExperimentRun> all() {
    std::vector<const ExperimentVariant*> wanted = choose();
    runs_ = static_cast<std::int64_t>(wanted.size() * experiment_.seeds.size());
    std::vector<ExperimentRun> runs;
    for (const ExperimentVariant* variant : wanted) {
      for (const std::int64_t seed : experiment_.seeds) {
        ExperimentRun run{variant->name, seed, one(*variant, seed)};
        ++done_;
        if (variant->shown) runs.push_back(std::move(run));
      }
    }
    return runs;
  }

 private:
  struct Trained {
    std::string hash;
    TrainedModel result;
  };

  /// The variants asked for and those they begin with, in the experiment's order.
  std::vector<const ExperimentVariant*> choose() const {
    std::set<std::string> names;
    const auto add = [&](const auto& self, const std::string& name) -> void {
      if (!names.insert(name).second) return;
      for (const auto& [key, value] : experiment_.variant(name).settings) {
        const std::string other = model_named_in(value);
        if (!other.empty()) self(self, other);
      }
    };
    for (const std::string& name : parts_.only) add(add, name);
    std::vector<const ExperimentVariant*> chosen;
    for (const ExperimentVariant& variant : experiment_.variants) {
      if (parts_.only.empty() || names.contains(variant.name)) chosen.push_back(&variant);
    }
    return chosen;
  }

  std::vector<ExperimentPoint> one(const ExperimentVariant& variant, std::int64_t seed) {
    const Trained& trained = train(variant, seed);
    std::vector<ExperimentPoint> points = trained.result.points;
    if (!variant.shown) return points;
    for (std::size_t i = 0; i < variant.measures.size(); ++i) {
      const auto measured = measure(variant, seed, i, trained);
      points.insert(points.end(), measured.begin(), measured.end());
    }
    return points;
  }

  const Trained& train(const ExperimentVariant& variant, std::int64_t seed) {
    const auto key = std::pair(variant.name, seed);
    const auto found = trained_.find(key);
    if (found != trained_.end()) return found->second;
    std::vector<std::string> settings{
        fmt::format("name={}-{}-{}", experiment_.name, variant.name, seed),
        fmt::format("seed={}", seed)};
    std::string data;  // what the recipe's paths hold
    for (const auto& [name, value] : variant.settings) {
      settings.push_back(name + "=" + resolved(value, seed, data));
    }
    const Recipe recipe = read_recipe(experiment_.recipe, settings);
    for (const SourceRecipe& source : recipe.data.sources) {
      const bool is_set = source.path.starts_with((parts_.work / "sets").string());
      if (!is_set && fs::is_regular_file(source.path)) data += " " + sha256_of_file(source.path);
    }
    Trained trained{short_hash(write_recipe(recipe) + data), {}};
    const fs::path folder = folder_of(variant, seed, trained.hash);
    const fs::path file = folder / "trained.json";
    if (const auto kept = read_kept(file)) {
      trained.result = {(folder / kept->value("model", std::string())).lexically_normal(),
                        parse_points(kept->value("points", Json::array()), file.string())};
    } else {
      fs::create_directories(folder);
      trained.result =
          parts_.train(recipe, folder, progress(variant, seed, 0, kTrainingShare), parts_.cancel);
      keep(file, {{"model", fs::relative(trained.result.model, folder).string()},
                  {"points", points_json(trained.result.points)}});
    }
    return trained_.emplace(key, std::move(trained)).first->second;
  }

  std::vector<ExperimentPoint> measure(const ExperimentVariant& variant, std::int64_t seed,
                                       std::size_t index, const Trained& trained) {
    const ExperimentMeasure& measure = variant.measures[index];
    std::string facts = fmt::format("{} {} {} {} {} {}", static_cast<int>(measure.kind),
                                    measure.limit, measure.max_tokens, measure.final_only,
                                    fmt::join(measure.lengths, ","), measure.tokens);
    fs::path set_file;
    if (!measure.set.empty()) {
      set_file = sets_.file(measure.set);
      facts += " " + sets_.hash(measure.set);
    }
    const fs::path file = folder_of(variant, seed, trained.hash) /
                          fmt::format("{}-{}.json", measure.name, short_hash(facts));
    if (const auto kept = read_kept(file)) return parse_points(*kept, file.string());
    const double part = (1 - kTrainingShare) / static_cast<double>(variant.measures.size());
    const double begin = kTrainingShare + part * static_cast<double>(index);
    auto points = take_measure(measure, trained.result.model, set_file, pool_,
                               progress(variant, seed, begin, part), parts_.cancel);
    keep(file, points_json(points));
    return points;
  }

  /// `text` with its placeholders filled in; adds to `data` what the named files hold.
  std::string resolved(std::string text, std::int64_t seed, std::string& data) {
    const std::string model = model_named_in(text);
    if (!model.empty()) {
      const Trained& begun = train(experiment_.variant(model), seed);
      replace(text, "{model:" + model + "}", begun.result.model.string());
      data += " " + begun.hash;
    }
    constexpr std::string_view kSet = "{set:";
    for (std::size_t at = text.find(kSet); at != std::string::npos; at = text.find(kSet)) {
      const std::size_t end = text.find('}', at);
      if (end == std::string::npos) break;
      const std::string name = text.substr(at + kSet.size(), end - at - kSet.size());
      text.replace(at, end + 1 - at, sets_.file(name).string());
      data += " " + sets_.hash(name);
    }
    return text;
  }

  static void replace(std::string& text, const std::string& what, const std::string& by) {
    text.replace(text.find(what), what.size(), by);
  }

  fs::path folder_of(const ExperimentVariant& variant, std::int64_t seed,
                     const std::string& hash) const {
    return parts_.work / fmt::format("{}-seed{}-{}", variant.name, seed, hash);
  }

  /// Tells of a part [begin, begin + width] of the present run.
  OnShare progress(const ExperimentVariant& variant, std::int64_t seed, double begin,
                   double width) {
    if (!parts_.on_progress) return {};
    return [this, &variant, seed, begin, width](double share, const std::string& text) {
      ExperimentProgress progress{done_, runs_, variant.label, seed, text, 0, -1};
      const double here = begin + width * share;
      progress.share = (static_cast<double>(done_) + here) / static_cast<double>(runs_);
      // Runs that were there already say nothing about the time that others take.
      if (first_share_ < 0) {
        first_share_ = progress.share;
        first_time_ = std::chrono::steady_clock::now();
      }
      const double gone = progress.share - first_share_;
      if (gone > 0.005) {
        const double seconds =
            std::chrono::duration<double>(std::chrono::steady_clock::now() - first_time_).count();
        progress.seconds_left = seconds / gone * (1 - progress.share);
      }
      parts_.on_progress(progress);
    };
  }

  const Experiment& experiment_;
  ThreadPool& pool_;
  const ExperimentParts& parts_;
  SetFiles sets_;
  std::map<std::pair<std::string, std::int64_t>, Trained> trained_;
  std::int64_t done_ = 0, runs_ = 0;
  double first_share_ = -1;
  std::chrono::steady_clock::time_point first_time_;
};

const ExperimentPoint* find_point(const std::vector<ExperimentPoint>& points,
                                  const std::string& quantity) {
  const auto found = std::find_if(points.begin(), points.end(), [&](const ExperimentPoint& point) {
    return point.quantity == quantity && point.group.empty();
  });
  return found == points.end() ? nullptr : &*found;
}

}  // namespace

std::vector<ExperimentRun> run_experiment(const Experiment& experiment, ThreadPool& pool,
                                          const ExperimentParts& parts) {
  return Run(experiment, pool, parts).all();
}

void check_experiment(const Experiment& experiment, const std::vector<ExperimentPoint>& facts,
                      const std::vector<ExperimentRun>& runs) {
  const auto fail = [&](const std::string& problem) {
    throw Error(ErrorKind::internal, problem, experiment.name);
  };
  for (const ExperimentRun& run : runs) {
    const std::string name = fmt::format("{}, seed {}", run.variant, run.seed);
    for (const ExperimentPoint& point : run.points) {
      if (!std::isfinite(point.value)) {
        fail(fmt::format("{} of {} is not a number", point.quantity, name));
      }
    }
    const ExperimentPoint* first = find_point(run.points, "first_loss");
    const ExperimentPoint* last = find_point(run.points, "last_loss");
    if (first != nullptr && last != nullptr && last->value >= first->value) {
      fail(fmt::format("the loss of {} did not fall: {:.3f}, then {:.3f}", name, first->value,
                       last->value));
    }
  }
  for (const auto& expected : experiment.expected) {
    bool seen = false;
    const auto compare = [&](const std::vector<ExperimentPoint>& points) {
      const ExperimentPoint* point = find_point(points, expected.first);
      if (point == nullptr) return;
      seen = true;
      if (point->value != expected.second) {
        fail(fmt::format("{} is {} and should be {}", expected.first, point->value,
                         expected.second));
      }
    };
    compare(facts);
    for (const ExperimentRun& run : runs) compare(run.points);
    if (!seen) fail("nothing measures " + expected.first);
  }
}

}  // namespace jielong
