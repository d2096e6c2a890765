#include "evaluate/experiment_result.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "base/machine.h"
#include "evaluate/task.h"
#include "tensor/isa.h"

namespace jielong {
namespace {

std::string show(const ExperimentValue& value) {
  std::string text = show_quantity(value.mean, value.unit);
  const std::string low = show_quantity(value.low, value.unit),
                    high = show_quantity(value.high, value.unit);
  if (low == high) return text;
  return fmt::format("{} ({} – {})", text, low, high);
}

}  // namespace

ExperimentResult::ExperimentResult(const Experiment& experiment, std::vector<ExperimentPoint> facts,
                                   std::vector<ExperimentRun> runs)
    : experiment_(&experiment), facts_(std::move(facts)), runs_(std::move(runs)) {}

std::optional<ExperimentValue> ExperimentResult::value(const std::string& variant,
                                                       const std::string& quantity,
                                                       const std::string& group) const {
  ExperimentValue value;
  for (const ExperimentRun& run : runs_) {
    if (run.variant != variant) continue;
    for (const ExperimentPoint& point : run.points) {
      if (point.quantity != quantity || point.group != group) continue;
      if (value.seeds == 0) {
        value = {0, point.low, point.high, 0, point.unit};
      } else {
        // Between seeds only the values themselves count.
        if (value.seeds == 1) value.low = value.high = value.mean;
        value.low = std::min(value.low, point.value);
        value.high = std::max(value.high, point.value);
      }
      value.mean += (point.value - value.mean) / static_cast<double>(++value.seeds);
    }
  }
  if (value.seeds == 0) return std::nullopt;
  return value;
}

std::vector<std::string> ExperimentResult::groups(const std::string& variant,
                                                  const std::string& quantity) const {
  std::vector<std::string> groups;
  for (const ExperimentRun& run : runs_) {
    if (run.variant != variant) continue;
    for (const ExperimentPoint& point : run.points) {
      if (point.quantity != quantity || point.group.empty()) continue;
      if (std::find(groups.begin(), groups.end(), point.group) == groups.end()) {
        groups.push_back(point.group);
      }
    }
  }
  std::sort(groups.begin(), groups.end(), group_before);
  return groups;
}

std::vector<std::vector<std::string>> ExperimentResult::table() const {
  std::vector<std::vector<std::string>> rows(1);
  rows[0].emplace_back("variant");
  for (const ExperimentColumn& column : experiment_->table) rows[0].push_back(column.title);
  for (const ExperimentVariant& variant : experiment_->variants) {
    const bool ran = std::any_of(runs_.begin(), runs_.end(), [&](const ExperimentRun& run) {
      return run.variant == variant.name;
    });
    if (!ran) continue;
    std::vector<std::string> row{variant.label};
    for (const ExperimentColumn& column : experiment_->table) {
      const auto found = value(variant.name, column.quantity, column.group);
      row.push_back(found ? show(*found) : "–");
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string ExperimentResult::markdown() const {
  const auto rows = table();
  std::string text;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    text += fmt::format("| {} |\n", fmt::join(rows[i], " | "));
    if (i > 0) continue;
    text += "|---|";
    for (std::size_t column = 1; column < rows[i].size(); ++column) text += "---:|";
    text += "\n";
  }
  return text;
}

OrderedJson ExperimentResult::json() const {
  const auto summary = [&](const ExperimentVariant& variant, const std::string& quantity) {
    OrderedJson list = OrderedJson::array();
    std::vector<std::string> places = groups(variant.name, quantity);
    places.insert(places.begin(), std::string());
    for (const std::string& group : places) {
      const auto found = value(variant.name, quantity, group);
      if (!found) continue;
      OrderedJson entry;
      if (!group.empty()) entry["group"] = group;
      entry["mean"] = found->mean;
      entry["low"] = found->low;
      entry["high"] = found->high;
      list.push_back(std::move(entry));
    }
    return list;
  };
  OrderedJson variants = OrderedJson::array(), runs = OrderedJson::array();
  for (const ExperimentVariant& variant : experiment_->variants) {
    OrderedJson quantities = OrderedJson::object();
    for (const ExperimentRun& run : runs_) {
      if (run.variant != variant.name) continue;
      for (const ExperimentPoint& point : run.points) {
        if (!quantities.contains(point.quantity)) {
          quantities[point.quantity] = summary(variant, point.quantity);
        }
      }
    }
    if (quantities.empty()) continue;
    variants.push_back(
        {{"name", variant.name}, {"label", variant.label}, {"quantities", quantities}});
  }
  for (const ExperimentRun& run : runs_) {
    runs.push_back(
        {{"variant", run.variant}, {"seed", run.seed}, {"points", points_json(run.points)}});
  }
  const Machine machine = inspect_machine();
  return {{"experiment", experiment_->name},
          {"title", experiment_->title},
          {"small", experiment_->small},
          {"facts", points_json(facts_)},
          {"variants", variants},
          {"runs", runs},
          {"machine",
           {{"processor", machine.processor},
            {"cores", machine.physical_cores},
            {"kernels", std::string(name(active_isa()))}}}};
}

}  // namespace jielong
