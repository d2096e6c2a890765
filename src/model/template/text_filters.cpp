#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/utf8.h"
#include "model/template/filters.h"
#include "model/template/python_text.h"

namespace jielong::jinja {
namespace {

template <std::string (*Function)(std::string_view)>
Value recased(Runtime& runtime, const Value& input, const Arguments& arguments) {
  bind("the filter", arguments, {}, 0);
  return make_string(runtime, Function(to_text(runtime, input)));
}

/// Jinja's title: words end at space, '-' and opening brackets only.
std::string title_words(std::string_view text) {
  std::string out, word;
  const auto flush = [&] {
    const std::size_t first = word.empty() ? 0 : decode_utf8(word).length;
    out += upper(std::string_view(word).substr(0, first));
    out += lower(std::string_view(word).substr(first));
    word.clear();
  };
  while (!text.empty()) {
    const CodePoint point = decode_utf8(text);
    const std::string_view character = text.substr(0, point.length);
    if (strip(character, nullptr, Side::both).empty() ||
        std::string_view("-({[<").find(character) != std::string_view::npos) {
      flush();
      out += character;
    } else {
      word += character;
    }
    text.remove_prefix(point.length);
  }
  flush();
  return out;
}

Value trim(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const auto bound = bind("trim", arguments, {"chars"}, 0);
  const std::string text = to_text(runtime, input);
  if (bound[0] == nullptr || bound[0]->is(Kind::none)) {
    return make_string(runtime, std::string(strip(text, nullptr, Side::both)));
  }
  const std::string characters = to_text(runtime, *bound[0]);
  runtime.budget.step(text.size() * characters.size() / 64);
  return make_string(runtime, std::string(strip(text, &characters, Side::both)));
}

Value as_string(Runtime& runtime, const Value& input, const Arguments& arguments) {
  bind("string", arguments, {}, 0);
  return make_string(runtime, to_text(runtime, input));
}

Value unchanged(Runtime&, const Value& input, const Arguments&) { return input; }

Value replace_filter(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const auto bound = bind("replace", arguments, {"old", "new", "count"}, 2);
  return replace(runtime, to_text(runtime, input), to_text(runtime, *bound[0]),
                 to_text(runtime, *bound[1]), whole_or(bound[2], -1));
}

Value tojson(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const auto bound =
      bind("tojson", arguments, {"ensure_ascii", "indent", "separators", "sort_keys"}, 0);
  JsonStyle style;
  style.ensure_ascii = truth_or(bound[0], false);
  style.sort_keys = truth_or(bound[3], false);
  if (bound[1] != nullptr && !bound[1]->is(Kind::none)) {
    style.indented = true;
    style.item_separator.resize(1);  // no space where a line ends
    if (bound[1]->is(Kind::string)) {
      style.indent = bound[1]->string();
    } else {
      const std::int64_t width = std::max<std::int64_t>(whole_or(bound[1], 0), 0);
      if (width > 1000) throw Error(ErrorKind::limit, "tojson indents by more than 1000 columns");
      style.indent = std::string(static_cast<std::size_t>(width), ' ');
    }
  }
  if (bound[2] != nullptr && !bound[2]->is(Kind::none)) {
    const std::vector<Value> pair = iterate(runtime, *bound[2]);
    if (pair.size() != 2) throw bad_input("tojson's separators must be two strings");
    style.item_separator = to_text(runtime, pair[0]);
    style.key_separator = to_text(runtime, pair[1]);
  }
  return to_json_text(runtime, input, style);
}

Value indent(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const auto bound = bind("indent", arguments, {"width", "first", "blank"}, 0);
  std::string margin;
  if (bound[0] != nullptr && bound[0]->is(Kind::string)) {
    margin = bound[0]->string();
  } else {
    const std::int64_t width = std::max<std::int64_t>(whole_or(bound[0], 4), 0);
    if (width > 1000) throw Error(ErrorKind::limit, "indent asks for more than 1000 columns");
    margin = std::string(static_cast<std::size_t>(width), ' ');
  }
  const bool blank = truth_or(bound[2], false);
  const auto lines = split_lines(to_text(runtime, input) + "\n", false);
  std::string text = truth_or(bound[1], false) ? margin : "";
  for (std::size_t i = 0; i < lines.size(); ++i) {
    runtime.budget.allocate(lines[i].size() + margin.size() + 1);
    if (i > 0) {
      text += '\n';
      if (blank || !lines[i].empty()) text += margin;
    }
    text += lines[i];
  }
  return text;
}

Value escape(Runtime& runtime, const Value& input, const Arguments&) {
  std::string out;
  for (const char c : to_text(runtime, input)) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '\'': out += "&#39;"; break;
      case '"': out += "&#34;"; break;
      default: out += c;
    }
  }
  return make_string(runtime, std::move(out));
}

Value format_filter(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const std::string format = to_text(runtime, input);
  if (!arguments.named.empty()) {
    if (!arguments.positional.empty())
      throw bad_input("format takes positional or named arguments");
    Dict names;
    for (const auto& [name, value] : arguments.named) names.set(name, value);
    return format_percent(runtime, format, make_dict(runtime, std::move(names)));
  }
  return format_percent(runtime, format,
                        make_list(runtime, arguments.positional, List::Form::tuple));
}

Value center(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const auto bound = bind("center", arguments, {"width"}, 0);
  const Value text = make_string(runtime, to_text(runtime, input));
  const Value width = whole_or(bound[0], 80);
  return find_method(runtime, text, "center").callable()->call({{width}, {}});
}

Value wordcount(Runtime& runtime, const Value& input, const Arguments& arguments) {
  bind("wordcount", arguments, {}, 0);
  std::int64_t words = 0;
  bool in_word = false;
  const std::string text = to_text(runtime, input);
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t length = decode_utf8(rest).length;
    const Value character = rest.substr(0, length);
    const bool part =
        rest[0] == '_' || truth(find_method(runtime, character, "isalnum").callable()->call({}));
    if (part && !in_word) ++words;
    in_word = part;
    rest.remove_prefix(length);
  }
  return words;
}

Value truncate(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const auto bound = bind("truncate", arguments, {"length", "killwords", "end", "leeway"}, 0);
  const std::string text = to_text(runtime, input);
  const std::string end = bound[2] != nullptr ? to_text(runtime, *bound[2]) : "...";
  const auto offsets = point_offsets(text);
  const std::int64_t limit = whole_or(bound[0], 255);
  const auto end_length = static_cast<std::int64_t>(count_points(end));
  if (limit < end_length) throw bad_input("truncate's length is shorter than its end");
  if (static_cast<std::int64_t>(offsets.size() - 1) <= limit + whole_or(bound[3], 5)) return text;
  std::string cut = text.substr(0, offsets[static_cast<std::size_t>(limit - end_length)]);
  if (!truth_or(bound[1], false)) cut = cut.substr(0, cut.rfind(' '));
  return make_string(runtime, cut + end);
}

Value urlencode(Runtime& runtime, const Value& input, const Arguments&) {
  std::string out;
  for (const char c : to_text(runtime, input)) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       std::string_view("_.-~/").find(c) != std::string_view::npos;
    if (plain) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return make_string(runtime, std::move(out));
}

Value to_whole(Runtime&, const Value& input, const Arguments& arguments) {
  const auto bound = bind("int", arguments, {"default", "base"}, 0);
  const Value otherwise = bound[0] != nullptr ? *bound[0] : Value(std::int64_t{0});
  if (input.is(Kind::undefined)) throw bad_input(input.why());
  double real = 0;
  if (input.is(Kind::string)) {
    std::int64_t value = 0;
    if (read_whole(input.string(), static_cast<int>(whole_or(bound[1], 10)), &value)) return value;
    if (!read_real(input.string(), &real)) return otherwise;
  } else if (input.is(Kind::real)) {
    real = input.real();
  } else if (input.is_number()) {
    return input.integer();
  } else {
    return otherwise;
  }
  if (!(std::fabs(real) < 9.2e18)) return otherwise;
  return static_cast<std::int64_t>(real);
}

Value to_real(Runtime&, const Value& input, const Arguments& arguments) {
  const auto bound = bind("float", arguments, {"default"}, 0);
  if (input.is(Kind::undefined)) throw bad_input(input.why());
  if (input.is_number()) return input.real();
  double value = 0;
  if (input.is(Kind::string) && read_real(input.string(), &value)) return value;
  return bound[0] != nullptr ? *bound[0] : Value(0.0);
}

void check_number(const Value& input) {
  if (input.is(Kind::undefined)) throw bad_input(input.why());
  if (!input.is_number()) {
    throw bad_input(fmt::format("a number is needed, not '{}'", type_name(input)));
  }
}

Value absolute(Runtime&, const Value& input, const Arguments&) {
  check_number(input);
  if (input.is(Kind::real)) return std::fabs(input.real());
  if (input.integer() == INT64_MIN) throw bad_input("a whole number does not fit 64 bits");
  return std::abs(input.integer());
}

Value round_filter(Runtime&, const Value& input, const Arguments& arguments) {
  const auto bound = bind("round", arguments, {"precision", "method"}, 0);
  check_number(input);
  const int digits = static_cast<int>(std::clamp<std::int64_t>(whole_or(bound[0], 0), -400, 400));
  const std::string method =
      bound[1] != nullptr && bound[1]->is(Kind::string) ? bound[1]->string() : "common";
  if (method == "common") {
    const double rounded = round_real(input.real(), digits);
    if (input.is(Kind::real)) return rounded;
    return digits >= 0 ? input.integer() : static_cast<std::int64_t>(rounded);
  }
  if (method != "ceil" && method != "floor") {
    throw bad_input("round's method must be 'common', 'ceil' or 'floor'");
  }
  const double unit = std::pow(10.0, digits);
  const double scaled = input.real() * unit;
  return (method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / unit;
}

Value default_filter(Runtime&, const Value& input, const Arguments& arguments) {
  const auto bound = bind("default", arguments, {"default_value", "boolean"}, 0);
  const bool missing = input.is(Kind::undefined) || (truth_or(bound[1], false) && !truth(input));
  if (!missing) return input;
  return bound[0] != nullptr ? *bound[0] : Value("");
}

constexpr NamedFilter kFilters[] = {{"upper", recased<upper>},
                                    {"lower", recased<lower>},
                                    {"capitalize", recased<capitalize>},
                                    {"title", recased<title_words>},
                                    {"trim", trim},
                                    {"string", as_string},
                                    {"safe", unchanged},
                                    {"replace", replace_filter},
                                    {"tojson", tojson},
                                    {"indent", indent},
                                    {"escape", escape},
                                    {"e", escape},
                                    {"forceescape", escape},
                                    {"format", format_filter},
                                    {"center", center},
                                    {"wordcount", wordcount},
                                    {"truncate", truncate},
                                    {"urlencode", urlencode},
                                    {"int", to_whole},
                                    {"float", to_real},
                                    {"abs", absolute},
                                    {"round", round_filter},
                                    {"default", default_filter},
                                    {"d", default_filter}};

}  // namespace

std::span<const NamedFilter> text_filters() { return kFilters; }

std::int64_t whole_or(const Value* value, std::int64_t otherwise) {
  if (value == nullptr || value->is(Kind::none)) return otherwise;
  if (value->is(Kind::undefined)) throw bad_input(value->why());
  if (!value->is(Kind::integer) && !value->is(Kind::boolean)) {
    throw bad_input(fmt::format("a whole number is needed, not '{}'", type_name(*value)));
  }
  return value->integer();
}

bool truth_or(const Value* value, bool otherwise) {
  return value == nullptr ? otherwise : truth(*value);
}

Filter find_filter(std::string_view name) {
  for (const auto filters : {text_filters(), sequence_filters()}) {
    for (const auto& [known, filter] : filters) {
      if (known == name) return filter;
    }
  }
  throw Error(ErrorKind::unsupported, fmt::format("there is no filter '{}'", name));
}

bool has_filter(std::string_view name) {
  const auto known = [&](const NamedFilter& entry) { return entry.first == name; };
  return std::any_of(text_filters().begin(), text_filters().end(), known) ||
         std::any_of(sequence_filters().begin(), sequence_filters().end(), known);
}

}  // namespace jielong::jinja
