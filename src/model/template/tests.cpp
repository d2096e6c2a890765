#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "model/template/python_text.h"
#include "model/template/value.h"

namespace jielong::jinja {
namespace {

template <Kind kKind>
bool is_kind(Runtime&, const Value& input, const Arguments& arguments) {
  bind("the test", arguments, {}, 0);
  return input.is(kKind);
}

bool is_defined(Runtime&, const Value& input, const Arguments& arguments) {
  bind("defined", arguments, {}, 0);
  return !input.is(Kind::undefined);
}

bool is_number(Runtime&, const Value& input, const Arguments&) { return input.is_number(); }

template <bool kValue>
bool is_constant(Runtime&, const Value& input, const Arguments&) {
  return input.is(Kind::boolean) && input.boolean() == kValue;
}

bool is_iterable(Runtime&, const Value& input, const Arguments&) {
  return input.is(Kind::string) || input.is(Kind::list) || input.is(Kind::dict) ||
         input.is(Kind::undefined) || input.is(Kind::loop);
}

bool is_sequence(Runtime&, const Value& input, const Arguments&) {
  if (input.is(Kind::list)) {
    const List::Form form = input.list().form;
    return form == List::Form::list || form == List::Form::tuple || form == List::Form::range;
  }
  return input.is(Kind::string) || input.is(Kind::dict) || input.is(Kind::undefined);
}

bool is_callable(Runtime&, const Value& input, const Arguments&) {
  return input.is(Kind::callable) || input.is(Kind::undefined) || input.is(Kind::loop);
}

std::int64_t whole(const Value& value) {
  if (value.is(Kind::undefined)) throw bad_input(value.why());
  if (!value.is(Kind::integer) && !value.is(Kind::boolean)) {
    throw bad_input(fmt::format("the test needs a whole number, not '{}'", type_name(value)));
  }
  return value.integer();
}

bool is_odd(Runtime&, const Value& input, const Arguments&) { return whole(input) % 2 != 0; }
bool is_even(Runtime&, const Value& input, const Arguments&) { return whole(input) % 2 == 0; }

bool is_divisible(Runtime&, const Value& input, const Arguments& arguments) {
  const std::int64_t divisor = whole(*bind("divisibleby", arguments, {"num"}, 1)[0]);
  if (divisor == 0) throw bad_input("division by zero");
  return divisor == -1 || whole(input) % divisor == 0;
}

const Value& other(const Arguments& arguments) {
  return *bind("the test", arguments, {"other"}, 1)[0];
}

bool is_equal(Runtime& runtime, const Value& input, const Arguments& arguments) {
  return equal(runtime, input, other(arguments));
}
bool is_unequal(Runtime& runtime, const Value& input, const Arguments& arguments) {
  return !equal(runtime, input, other(arguments));
}
bool is_less(Runtime& runtime, const Value& input, const Arguments& arguments) {
  return compare(runtime, input, other(arguments)) < 0;
}
bool is_at_most(Runtime& runtime, const Value& input, const Arguments& arguments) {
  return compare(runtime, input, other(arguments)) <= 0;
}
bool is_greater(Runtime& runtime, const Value& input, const Arguments& arguments) {
  return compare(runtime, input, other(arguments)) > 0;
}
bool is_at_least(Runtime& runtime, const Value& input, const Arguments& arguments) {
  return compare(runtime, input, other(arguments)) >= 0;
}
bool is_in(Runtime& runtime, const Value& input, const Arguments& arguments) {
  return contains(runtime, other(arguments), input);
}

bool is_same(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Value& value = other(arguments);
  if (input.kind() != value.kind()) return false;
  switch (input.kind()) {
    case Kind::list: return &input.list() == &value.list();
    case Kind::dict: return &input.dict() == &value.dict();
    case Kind::real:
    case Kind::string: return false;
    default: return equal(runtime, input, value);
  }
}

template <bool kUpper>
bool is_case(Runtime& runtime, const Value& input, const Arguments&) {
  const std::string text = to_text(runtime, input);
  runtime.budget.allocate(2 * text.size());
  const std::string high = upper(text), low = lower(text);
  return high != low && text == (kUpper ? high : low);
}

bool is_escaped(Runtime&, const Value&, const Arguments&) { return false; }

bool is_filter(Runtime&, const Value& input, const Arguments&) {
  return input.is(Kind::string) && has_filter(input.string());
}

bool is_test(Runtime&, const Value& input, const Arguments&) {
  return input.is(Kind::string) && has_test(input.string());
}

constexpr std::pair<std::string_view, Test> kTests[] = {{"defined", is_defined},
                                                        {"undefined", is_kind<Kind::undefined>},
                                                        {"none", is_kind<Kind::none>},
                                                        {"boolean", is_kind<Kind::boolean>},
                                                        {"integer", is_kind<Kind::integer>},
                                                        {"float", is_kind<Kind::real>},
                                                        {"string", is_kind<Kind::string>},
                                                        {"mapping", is_kind<Kind::dict>},
                                                        {"number", is_number},
                                                        {"true", is_constant<true>},
                                                        {"false", is_constant<false>},
                                                        {"iterable", is_iterable},
                                                        {"sequence", is_sequence},
                                                        {"callable", is_callable},
                                                        {"odd", is_odd},
                                                        {"even", is_even},
                                                        {"divisibleby", is_divisible},
                                                        {"eq", is_equal},
                                                        {"equalto", is_equal},
                                                        {"==", is_equal},
                                                        {"ne", is_unequal},
                                                        {"!=", is_unequal},
                                                        {"lt", is_less},
                                                        {"lessthan", is_less},
                                                        {"<", is_less},
                                                        {"le", is_at_most},
                                                        {"<=", is_at_most},
                                                        {"gt", is_greater},
                                                        {"greaterthan", is_greater},
                                                        {">", is_greater},
                                                        {"ge", is_at_least},
                                                        {">=", is_at_least},
                                                        {"in", is_in},
                                                        {"sameas", is_same},
                                                        {"lower", is_case<false>},
                                                        {"upper", is_case<true>},
                                                        {"escaped", is_escaped},
                                                        {"filter", is_filter},
                                                        {"test", is_test}};

}  // namespace

Test find_test(std::string_view name) {
  for (const auto& [known, test] : kTests) {
    if (known == name) return test;
  }
  throw Error(ErrorKind::unsupported, fmt::format("there is no test '{}'", name));
}

bool has_test(std::string_view name) {
  return std::any_of(std::begin(kTests), std::end(kTests),
                     [&](const auto& entry) { return entry.first == name; });
}

}  // namespace jielong::jinja
