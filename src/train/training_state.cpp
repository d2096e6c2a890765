#include "train/training_state.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"

namespace jielong {
namespace {

constexpr int kFormat = 1;

/// Fields of an object that must be there and of their type.
class Fields {
 public:
  Fields(const Json& object, const std::string& where) : object_(object), where_(where) {
    if (!object.is_object()) throw bad_input("must be a JSON object", where);
  }

  const Json& at(const char* name) const {
    const auto found = object_.find(name);
    if (found == object_.end()) refuse(name, "is missing");
    return *found;
  }
  std::int64_t count(const char* name, std::int64_t least = 0) const {
    const Json& value = at(name);
    const bool fits = value.is_number_unsigned()
                          ? value.get<std::uint64_t>() <= std::uint64_t{1} << 62
                          : value.is_number_integer();
    if (!fits || value.get<std::int64_t>() < least) refuse(name, "is no count");
    return value.get<std::int64_t>();
  }
  double number(const char* name) const {
    const Json& value = at(name);
    if (!value.is_number() || !std::isfinite(value.get<double>())) refuse(name, "is no number");
    return value.get<double>();
  }
  std::optional<double> maybe_number(const char* name) const {
    if (at(name).is_null()) return std::nullopt;
    return number(name);
  }
  std::string text(const char* name) const {
    const Json& value = at(name);
    if (!value.is_string()) refuse(name, "is no text");
    return value.get<std::string>();
  }

  [[noreturn]] void refuse(const char* name, const char* why) const {
    throw bad_input(fmt::format("\"{}\" {}", name, why), where_,
                    "resume from an earlier checkpoint");
  }

 private:
  const Json& object_;
  const std::string& where_;
};

Json maybe(const std::optional<double>& value) { return value ? Json(*value) : Json(); }

}  // namespace

std::string write_training_state(const TrainingState& state) {
  const Json object = {{"format", kFormat},
                       {"step", state.step},
                       {"updates", state.updates},
                       {"tokens", state.tokens},
                       {"seconds", state.seconds},
                       {"best_loss", maybe(state.best_loss)},
                       {"best_checkpoint_loss", maybe(state.best_checkpoint_loss)},
                       {"best_checkpoint", state.best_checkpoint},
                       {"model", state.model},
                       {"data_position", parse_json(state.data_position, "data position")}};
  return object.dump(1) + "\n";
}

TrainingState parse_training_state(std::string_view text, const std::string& where) {
  const Json object = parse_json(text, where);
  const Fields fields(object, where);
  if (fields.count("format") != kFormat) fields.refuse("format", "is not one this program reads");
  TrainingState state;
  state.step = fields.count("step");
  state.updates = fields.count("updates");
  state.tokens = fields.count("tokens");
  state.seconds = fields.number("seconds");
  state.best_loss = fields.maybe_number("best_loss");
  state.best_checkpoint_loss = fields.maybe_number("best_checkpoint_loss");
  state.best_checkpoint = fields.count("best_checkpoint", -1);
  state.model = fields.text("model");
  if (state.model.empty() || state.model.front() == '.' ||
      state.model.find_first_of(std::string_view("/\\\0", 3)) != std::string::npos) {
    fields.refuse("model", "is no file's name");
  }
  state.data_position = fields.at("data_position").dump();
  return state;
}

}  // namespace jielong
