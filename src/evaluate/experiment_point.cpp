#include "evaluate/experiment_point.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"
#include "train/chart.h"

namespace jielong {
namespace {

constexpr std::pair<const char*, ExperimentUnit> kUnits[] = {{"plain", ExperimentUnit::plain},
                                                             {"share", ExperimentUnit::share},
                                                             {"count", ExperimentUnit::count},
                                                             {"seconds", ExperimentUnit::seconds},
                                                             {"bytes", ExperimentUnit::bytes}};

}  // namespace

ExperimentPoint plain_point(std::string quantity, double value, ExperimentUnit unit,
                            std::string group) {
  return {std::move(quantity), std::move(group), value, value, value, unit};
}

ExperimentPoint share_point(std::string quantity, const Share& share, std::string group) {
  return {std::move(quantity), std::move(group), share.value(),
          share.low(),         share.high(),     ExperimentUnit::share};
}

OrderedJson points_json(const std::vector<ExperimentPoint>& points) {
  OrderedJson list = OrderedJson::array();
  for (const ExperimentPoint& point : points) {
    OrderedJson json{{"quantity", point.quantity}};
    if (!point.group.empty()) json["group"] = point.group;
    json["value"] = point.value;
    if (point.low < point.value || point.high > point.value) {
      json["low"] = point.low;
      json["high"] = point.high;
    }
    for (const auto& [name, unit] : kUnits) {
      if (unit == point.unit) json["unit"] = name;
    }
    list.push_back(std::move(json));
  }
  return list;
}

std::vector<ExperimentPoint> parse_points(const Json& json, const std::string& where) {
  std::vector<ExperimentPoint> points;
  try {
    for (const Json& entry : json) {
      ExperimentPoint point;
      point.quantity = entry.at("quantity").get<std::string>();
      point.group = entry.value("group", std::string());
      // JSON has no NaN: what is not a number was written as null.
      point.value = entry.at("value").is_null() ? NAN : entry.at("value").get<double>();
      point.low = entry.value("low", point.value);
      point.high = entry.value("high", point.value);
      const std::string unit = entry.value("unit", std::string("plain"));
      for (const auto& [name, known] : kUnits) {
        if (unit == name) point.unit = known;
      }
      points.push_back(std::move(point));
    }
  } catch (const Json::exception&) {
    throw bad_input("holds no measured points", where, "remove it, and measure again");
  }
  return points;
}

std::string show_quantity(double value, ExperimentUnit unit) {
  if (!std::isfinite(value)) return "–";
  switch (unit) {
    case ExperimentUnit::share: return fmt::format("{:.1f} %", value * 100);
    case ExperimentUnit::count: return short_number(value);
    case ExperimentUnit::seconds:
      if (value < 1e-3) return fmt::format("{:.1f} µs", value * 1e6);
      if (value < 1) return fmt::format("{:.1f} ms", value * 1e3);
      return fmt::format("{:.1f} s", value);
    case ExperimentUnit::bytes:
      if (value < 1024 * 1024) return fmt::format("{:.1f} KiB", value / 1024);
      return fmt::format("{:.1f} MiB", value / (1024 * 1024));
    case ExperimentUnit::plain: break;
  }
  return fmt::format("{:.3f}", value);
}

}  // namespace jielong
