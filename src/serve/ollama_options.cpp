#include "serve/ollama_options.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"
#include "serve/openai_fields.h"

namespace jielong::serve {
namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();

/// Seconds of a duration's unit, nothing when it is none.
std::optional<double> unit_seconds(std::string_view unit) {
  constexpr std::pair<std::string_view, double> kUnits[] = {
      {"h", 3600}, {"m", 60}, {"s", 1}, {"ms", 1e-3}, {"us", 1e-6}, {"µs", 1e-6}, {"ns", 1e-9}};
  for (const auto& [name, seconds] : kUnits) {
    if (name == unit) return seconds;
  }
  return std::nullopt;
}

/// The unsigned decimal number at the front of `text`, which loses it.
std::optional<double> take_number(std::string_view& text) {
  double number = 0;
  if (text.empty() || text[0] == '-' || text[0] == '+') return std::nullopt;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc() || !std::isfinite(number)) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

void read_penalties(RequestFields& fields, SamplerSettings& sampling) {
  if (const auto value = fields.number("repeat_penalty", 0.01, 100)) {
    sampling.repeat_penalty = *value;
  }
  if (const auto value = fields.number("presence_penalty", -100, 100)) {
    sampling.presence_penalty = *value;
  }
  if (const auto value = fields.number("frequency_penalty", -100, 100)) {
    sampling.frequency_penalty = *value;
  }
  if (const auto value = fields.integer("repeat_last_n", -1, kMost)) {
    sampling.penalty_window = *value;
  }
}

}  // namespace

void read_ollama_options(RequestFields& parent, const Limits& limits, GenerateOptions& options) {
  const OrderedJson* object = parent.object("options");
  if (object == nullptr) return;
  RequestFields fields(*object, parent.path("options"));
  SamplerSettings& sampling = options.sampling;
  if (const auto value = fields.integer("num_predict", -2, limits.max_tokens)) {
    // Ollama's -1, -2 and 0 all mean: until the model or the context ends it.
    options.max_tokens = *value > 0 ? *value : -1;
  }
  if (const auto value = fields.number("temperature", 0, 100)) sampling.temperature = *value;
  if (const auto value = fields.integer("top_k", 0, kMost)) sampling.top_k = *value;
  if (const auto value = fields.number("top_p", 0, 1)) sampling.top_p = *value;
  if (const auto value = fields.number("min_p", 0, 1)) sampling.min_p = *value;
  if (const auto value = fields.number("typical_p", 0, 1)) sampling.typical_p = *value;
  read_penalties(fields, sampling);
  if (const auto value = fields.integer("mirostat", 0, 2)) {
    if (*value == 1) {
      throw Error(ErrorKind::unsupported, "Mirostat 1 is not supported", fields.path("mirostat"),
                  "use 2");
    }
    sampling.mirostat = static_cast<int>(*value);
  }
  if (const auto value = fields.number("mirostat_tau", 0, 100)) sampling.mirostat_tau = *value;
  if (const auto value = fields.number("mirostat_eta", 0, 100)) sampling.mirostat_eta = *value;
  if (const auto value = fields.integer("seed", std::numeric_limits<std::int64_t>::min(),
                                        std::numeric_limits<std::int64_t>::max())) {
    if (*value >= 0) options.seed = static_cast<std::uint64_t>(*value);
  }
  if (const auto texts = fields.texts("stop", static_cast<std::size_t>(limits.stop_strings),
                                      static_cast<std::size_t>(limits.stop_bytes))) {
    options.stop = *texts;
    for (const std::string& text : options.stop) {
      if (text.empty()) throw bad_input("must not hold an empty text", fields.path("stop"));
    }
  }
  // The context is the server's; a chain takes memory only as it grows.
  fields.integer("num_ctx", 1, kMost);
  fields.ignore({"num_keep", "num_batch", "num_gpu", "main_gpu", "num_thread", "numa", "low_vram",
                 "f16_kv", "logits_all", "vocab_only", "use_mmap", "use_mlock", "embedding_only",
                 "penalize_newline", "tfs_z"});
  fields.finish();
}

void read_ollama_format(RequestFields& parent, const Limits& limits, AnswerShape& shape) {
  const OrderedJson* format = parent.any("format");
  if (format == nullptr || *format == "") return;
  if (*format == "json") {
    shape.kind = AnswerShape::Kind::json;
    return;
  }
  if (!format->is_object()) {
    throw bad_input("must be \"json\" or a JSON Schema, not " + describe(*format),
                    parent.path("format"));
  }
  shape.kind = AnswerShape::Kind::json_schema;
  shape.source = format->dump();
  check_grammar_size(shape.source, parent.path("format"), limits);
}

bool read_ollama_think(RequestFields& parent, ChatRequest& request) {
  const OrderedJson* think = parent.any("think");
  if (think == nullptr) return true;
  OrderedJson variables = OrderedJson::object();
  bool on = true;
  if (think->is_boolean()) {
    on = think->get<bool>();
  } else if (*think == "low" || *think == "medium" || *think == "high" || *think == "max") {
    variables["reasoning_effort"] = *think == "max" ? OrderedJson("high") : *think;
  } else {
    throw bad_input(
        "must be true, false, \"low\", \"medium\", \"high\" or \"max\", not " + describe(*think),
        parent.path("think"));
  }
  variables["enable_thinking"] = on;
  variables["thinking"] = on;
  request.template_variables = variables.dump();
  return on;
}

std::optional<double> parse_duration(std::string_view text) {
  double sign = 1;
  if (text.starts_with('-') || text.starts_with('+')) {
    if (text[0] == '-') sign = -1;
    text.remove_prefix(1);
  }
  double sum = 0;
  for (bool first = true; first || !text.empty(); first = false) {
    const auto number = take_number(text);
    if (!number) return std::nullopt;
    if (first && text.empty()) return sign * *number;
    std::size_t length = 0;
    while (length < text.size() && text[length] != '.' &&
           (text[length] < '0' || text[length] > '9'))
      ++length;
    const auto unit = unit_seconds(text.substr(0, length));
    if (!unit) return std::nullopt;
    text.remove_prefix(length);
    sum += *number * *unit;
  }
  return sign * sum;
}

std::optional<std::chrono::milliseconds> read_ollama_keep_alive(RequestFields& parent) {
  const OrderedJson* value = parent.any("keep_alive");
  if (value == nullptr) return std::nullopt;
  std::optional<double> seconds;
  if (value->is_number()) seconds = value->get<double>();
  if (value->is_string()) seconds = parse_duration(value->get_ref<const std::string&>());
  if (seconds) {
    constexpr double kCentury = 100.0 * 365 * 24 * 3600;  // as good as for ever, and fits
    const double kept = std::clamp(*seconds, -1.0, kCentury);
    return std::chrono::milliseconds(static_cast<std::int64_t>(kept * 1000));
  }
  throw bad_input("must be seconds or a duration such as \"5m\", not " + describe(*value),
                  parent.path("keep_alive"));
}

}  // namespace jielong::serve
