#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "model/template/filters.h"
#include "model/template/interpreter.h"
#include "model/template/python_text.h"

namespace jielong::jinja {
namespace {

/// item.a.b for the attribute "a.b"; parts of digits are indices. A whole number is an index.
Value attribute_of(Runtime& runtime, const Value& item, const Value& attribute) {
  if (!attribute.is(Kind::string)) return get_item(runtime, item, attribute);
  Value value = item;
  std::string_view path = attribute.string();
  for (;;) {
    runtime.budget.step();
    const std::size_t dot = path.find('.');
    const std::string part(path.substr(0, dot));
    std::int64_t index = 0;
    const bool digits = !part.empty() && part.find_first_not_of("0123456789") == part.npos;
    value = get_item(runtime, value,
                     digits && read_whole(part, 10, &index) ? Value(index) : Value(part));
    if (dot == path.npos) return value;
    path.remove_prefix(dot + 1);
  }
}

/// What comparisons that ignore case look at.
Value folded(Runtime& runtime, const Value& value, bool case_sensitive) {
  if (case_sensitive || !value.is(Kind::string)) return value;
  return make_string(runtime, lower(value.string()));
}

void sort_values(Runtime& runtime, std::vector<std::pair<Value, Value>>& keyed, bool reverse) {
  // Python's reverse keeps equal items in their order, as a stable sort by "greater" does.
  std::stable_sort(keyed.begin(), keyed.end(), [&](const auto& a, const auto& b) {
    const int order = compare(runtime, a.first, b.first);
    return reverse ? order > 0 : order < 0;
  });
}

std::vector<Value> seconds(std::vector<std::pair<Value, Value>> keyed) {
  std::vector<Value> values;
  for (auto& entry : keyed) values.push_back(std::move(entry.second));
  return values;
}

Value length_filter(Runtime&, const Value& input, const Arguments& arguments) {
  bind("length", arguments, {}, 0);
  return static_cast<std::int64_t>(length(input));
}

Value first(Runtime& runtime, const Value& input, const Arguments&) {
  if (input.is(Kind::list) && input.list().form == List::Form::generator) {
    List& list = input.list();
    if (list.taken < list.items.size()) return list.items[list.taken++];
  } else {
    const std::vector<Value> items = iterate(runtime, input);
    if (!items.empty()) return items.front();
  }
  return Value::undefined("No first item, sequence was empty.");
}

void check_reversible(const Value& input) {
  if (input.is(Kind::list) && input.list().form == List::Form::generator) {
    throw bad_input("a generator has no order from its end", {}, "put '| list' before it");
  }
}

Value last(Runtime& runtime, const Value& input, const Arguments&) {
  check_reversible(input);
  const std::vector<Value> items = iterate(runtime, input);
  if (!items.empty()) return items.back();
  return Value::undefined("No last item, sequence was empty.");
}

Value reverse(Runtime& runtime, const Value& input, const Arguments&) {
  std::vector<Value> items = iterate(runtime, input);
  std::reverse(items.begin(), items.end());
  if (!input.is(Kind::string)) return make_list(runtime, std::move(items), List::Form::generator);
  std::string text;
  for (const Value& item : items) text += item.string();
  return make_string(runtime, std::move(text));
}

Value list_filter(Runtime& runtime, const Value& input, const Arguments& arguments) {
  bind("list", arguments, {}, 0);
  return make_list(runtime, iterate(runtime, input));
}

Value items_filter(Runtime& runtime, const Value& input, const Arguments& arguments) {
  bind("items", arguments, {}, 0);
  std::vector<Value> items;
  if (input.is(Kind::dict)) {
    for (const auto& [key, value] : input.dict().entries) {
      items.push_back(make_list(runtime, {key, value}, List::Form::tuple));
    }
  } else if (!input.is(Kind::undefined)) {
    throw bad_input("Can only get item pairs from a mapping.");
  }
  return make_list(runtime, std::move(items), List::Form::generator);
}

Value join(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const auto bound = bind("join", arguments, {"d", "attribute"}, 0);
  const std::string between = bound[0] != nullptr ? to_text(runtime, *bound[0]) : "";
  const bool by_attribute = bound[1] != nullptr && !bound[1]->is(Kind::none);
  std::string text;
  bool is_first = true;
  for (const Value& item : iterate(runtime, input)) {
    const std::string part =
        to_text(runtime, by_attribute ? attribute_of(runtime, item, *bound[1]) : item);
    runtime.budget.allocate(part.size() + between.size());
    if (!is_first) text += between;
    is_first = false;
    text += part;
  }
  return text;
}

Value dictsort(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const auto bound = bind("dictsort", arguments, {"case_sensitive", "by", "reverse"}, 0);
  if (input.is(Kind::undefined)) throw bad_input(input.why());
  if (!input.is(Kind::dict)) throw bad_input("dictsort needs a dict");
  const bool case_sensitive = truth_or(bound[0], false);
  const std::string by = bound[1] != nullptr ? to_text(runtime, *bound[1]) : "key";
  if (by != "key" && by != "value") throw bad_input("dictsort sorts by 'key' or 'value'");
  std::vector<std::pair<Value, Value>> keyed;
  for (const auto& [key, value] : input.dict().entries) {
    keyed.emplace_back(folded(runtime, by == "key" ? key : value, case_sensitive),
                       make_list(runtime, {key, value}, List::Form::tuple));
  }
  sort_values(runtime, keyed, truth_or(bound[2], false));
  return make_list(runtime, seconds(std::move(keyed)));
}

/// Each item with what it is compared by.
std::vector<std::pair<Value, Value>> keyed_items(Runtime& runtime, const Value& input,
                                                 const Value* attribute, bool case_sensitive) {
  std::vector<std::pair<Value, Value>> keyed;
  const bool by_attribute = attribute != nullptr && !attribute->is(Kind::none);
  for (Value& item : iterate(runtime, input)) {
    Value key = item;
    if (by_attribute && attribute->is(Kind::string) &&
        attribute->string().find(',') != std::string::npos) {
      std::vector<Value> keys;
      std::string_view rest = attribute->string();
      for (;;) {
        const std::size_t comma = rest.find(',');
        const Value name = rest.substr(0, comma);
        keys.push_back(folded(runtime, attribute_of(runtime, item, name), case_sensitive));
        if (comma == rest.npos) break;
        rest.remove_prefix(comma + 1);
      }
      key = make_list(runtime, std::move(keys));
    } else if (by_attribute) {
      key = attribute_of(runtime, item, *attribute);
    }
    keyed.emplace_back(folded(runtime, key, case_sensitive), std::move(item));
  }
  return keyed;
}

Value sort(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const auto bound = bind("sort", arguments, {"reverse", "case_sensitive", "attribute"}, 0);
  auto keyed = keyed_items(runtime, input, bound[2], truth_or(bound[1], false));
  sort_values(runtime, keyed, truth_or(bound[0], false));
  return make_list(runtime, seconds(std::move(keyed)));
}

Value unique(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const auto bound = bind("unique", arguments, {"case_sensitive", "attribute"}, 0);
  Dict seen;
  std::vector<Value> items;
  for (auto& [key, item] : keyed_items(runtime, input, bound[1], truth_or(bound[0], false))) {
    if (seen.find(key) != nullptr) continue;
    seen.set(key, true);
    items.push_back(std::move(item));
  }
  return make_list(runtime, std::move(items), List::Form::generator);
}

template <int kSign>
Value extreme(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const auto bound = bind("min", arguments, {"case_sensitive", "attribute"}, 0);
  const auto keyed = keyed_items(runtime, input, bound[1], truth_or(bound[0], false));
  if (keyed.empty()) return Value::undefined("No aggregated item, sequence was empty.");
  const auto* best = &keyed[0];
  for (const auto& entry : keyed) {
    if (compare(runtime, entry.first, best->first) * kSign < 0) best = &entry;
  }
  return best->second;
}

Value sum(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const auto bound = bind("sum", arguments, {"attribute", "start"}, 0);
  Value total = bound[1] != nullptr ? *bound[1] : Value(std::int64_t{0});
  const bool by_attribute = bound[0] != nullptr && !bound[0]->is(Kind::none);
  for (const Value& item : iterate(runtime, input)) {
    total =
        binary(runtime, "+", total, by_attribute ? attribute_of(runtime, item, *bound[0]) : item);
  }
  return total;
}

Value map(Runtime& runtime, const Value& input, const Arguments& arguments) {
  std::vector<Value> items;
  if (!truth(input)) return make_list(runtime, {}, List::Form::generator);
  if (arguments.positional.empty()) {
    const auto bound = bind("map", arguments, {"attribute", "default"}, 1);
    for (const Value& item : iterate(runtime, input)) {
      Value value = attribute_of(runtime, item, *bound[0]);
      if (value.is(Kind::undefined) && bound[1] != nullptr) value = *bound[1];
      items.push_back(std::move(value));
    }
  } else {
    const std::string name = to_text(runtime, arguments.positional[0]);
    const Filter filter = find_filter(name);
    const Arguments rest{{arguments.positional.begin() + 1, arguments.positional.end()},
                         arguments.named};
    const DepthGuard guard(runtime.budget);
    for (const Value& item : iterate(runtime, input)) items.push_back(filter(runtime, item, rest));
  }
  return make_list(runtime, std::move(items), List::Form::generator);
}

/// select, reject and their twins that look at an attribute.
template <bool kKeeps, bool kByAttribute>
Value select(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const auto& given = arguments.positional;
  const std::size_t used = kByAttribute ? 1 : 0;
  if (given.size() < used) throw bad_input("the name of the attribute is missing");
  Test test = nullptr;
  Arguments rest{{}, arguments.named};
  if (given.size() > used) {
    const std::string name = to_text(runtime, given[used]);
    test = find_test(name);
    rest.positional.assign(given.begin() + static_cast<std::ptrdiff_t>(used) + 1, given.end());
  }
  // Jinja takes anything false, none too, as an empty sequence here.
  if (!truth(input)) return make_list(runtime, {}, List::Form::generator);
  std::vector<Value> kept;
  for (Value& item : iterate(runtime, input)) {
    const Value looked_at = kByAttribute ? attribute_of(runtime, item, given[0]) : item;
    const bool holds = test != nullptr ? test(runtime, looked_at, rest) : truth(looked_at);
    if (holds == kKeeps) kept.push_back(std::move(item));
  }
  return make_list(runtime, std::move(kept), List::Form::generator);
}

Value attr(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const std::string name = to_text(runtime, *bind("attr", arguments, {"name"}, 1)[0]);
  // Jinja's attr sees attributes only, never a dict's items.
  if (input.is(Kind::dict)) {
    Value method = find_method(runtime, input, name);
    if (!method.is(Kind::undefined)) return method;
    return Value::undefined(fmt::format("'dict object' has no attribute '{}'", name));
  }
  return get_attribute(runtime, input, name);
}

Value batch(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const auto bound = bind("batch", arguments, {"linecount", "fill_with"}, 1);
  const std::int64_t size = whole_or(bound[0], 0);
  if (size < 1 || size > 1'000'000) throw bad_input("batch needs a size of at least 1");
  std::vector<Value> rows, row;
  for (Value& item : iterate(runtime, input)) {
    row.push_back(std::move(item));
    if (static_cast<std::int64_t>(row.size()) == size) {
      rows.push_back(make_list(runtime, std::exchange(row, {})));
    }
  }
  if (!row.empty()) {
    if (bound[1] != nullptr && !bound[1]->is(Kind::none)) {
      runtime.budget.allocate(static_cast<std::size_t>(size) * sizeof(Value));
      row.resize(static_cast<std::size_t>(size), *bound[1]);
    }
    rows.push_back(make_list(runtime, std::move(row)));
  }
  return make_list(runtime, std::move(rows), List::Form::generator);
}

Value slice(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const auto bound = bind("slice", arguments, {"slices", "fill_with"}, 1);
  const std::int64_t given = whole_or(bound[0], 0);
  if (given < 1 || given > 100'000) throw bad_input("slice needs between 1 and 100000 columns");
  const auto columns = static_cast<std::size_t>(given);
  const std::vector<Value> items = iterate(runtime, input);
  const bool fills = bound[1] != nullptr && !bound[1]->is(Kind::none);
  std::vector<Value> made;
  std::size_t at = 0;
  for (std::size_t i = 0; i < columns; ++i) {
    const bool longer = i < items.size() % columns;
    const std::size_t end = at + items.size() / columns + longer;
    std::vector<Value> column(items.begin() + static_cast<std::ptrdiff_t>(at),
                              items.begin() + static_cast<std::ptrdiff_t>(end));
    if (fills && !longer) column.push_back(*bound[1]);
    made.push_back(make_list(runtime, std::move(column)));
    at = end;
  }
  return make_list(runtime, std::move(made), List::Form::generator);
}

constexpr NamedFilter kFilters[] = {{"length", length_filter},
                                    {"count", length_filter},
                                    {"first", first},
                                    {"last", last},
                                    {"reverse", reverse},
                                    {"list", list_filter},
                                    {"items", items_filter},
                                    {"join", join},
                                    {"dictsort", dictsort},
                                    {"sort", sort},
                                    {"unique", unique},
                                    {"min", extreme<1>},
                                    {"max", extreme<-1>},
                                    {"sum", sum},
                                    {"map", map},
                                    {"select", select<true, false>},
                                    {"reject", select<false, false>},
                                    {"selectattr", select<true, true>},
                                    {"rejectattr", select<false, true>},
                                    {"attr", attr},
                                    {"batch", batch},
                                    {"slice", slice}};

}  // namespace

std::span<const NamedFilter> sequence_filters() { return kFilters; }

}  // namespace jielong::jinja
