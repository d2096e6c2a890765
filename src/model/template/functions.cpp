#include <fmt/format.h>

#include <ctime>

#include "base/error.h"
#include "model/template/value.h"

namespace jielong::jinja {
namespace {

constexpr std::int64_t kMaxRange = 100'000;

class Function : public Callable {
 public:
  using Body = Value (*)(Runtime&, const Arguments&);
  Function(Runtime& runtime, std::string name, Body body)
      : runtime_(runtime), name_(std::move(name)), body_(body) {}
  std::string name() const override { return name_; }
  Value call(const Arguments& arguments) const override { return body_(runtime_, arguments); }

 private:
  Runtime& runtime_;
  std::string name_;
  Body body_;
};

std::int64_t whole(const Value& value) {
  if (value.is(Kind::undefined)) throw bad_input(value.why());
  if (!value.is(Kind::integer) && !value.is(Kind::boolean)) {
    throw bad_input(fmt::format("range needs whole numbers, not '{}'", type_name(value)));
  }
  return value.integer();
}

Value range(Runtime& runtime, const Arguments& arguments) {
  const auto bound = bind("range", arguments, {"start", "stop", "step"}, 1);
  const bool one = bound[1] == nullptr;
  const std::int64_t start = one ? 0 : whole(*bound[0]);
  const std::int64_t stop = whole(one ? *bound[0] : *bound[1]);
  const std::int64_t step = bound[2] == nullptr ? 1 : whole(*bound[2]);
  if (step == 0) throw bad_input("range's step must not be zero");
  std::vector<Value> items;
  for (std::int64_t i = start; step > 0 ? i < stop : i > stop;) {
    runtime.budget.step();
    if (static_cast<std::int64_t>(items.size()) >= kMaxRange) {
      throw Error(ErrorKind::limit, fmt::format("a range has more than {} numbers", kMaxRange));
    }
    items.emplace_back(i);
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  return make_list(runtime, std::move(items), List::Form::range);
}

Value dict(Runtime& runtime, const Arguments& arguments) {
  if (arguments.positional.size() > 1) throw bad_input("dict takes at most one argument");
  Dict made;
  if (!arguments.positional.empty()) {
    const Value& source = arguments.positional[0];
    if (source.is(Kind::dict)) {
      runtime.budget.step(source.dict().entries.size());
      made = source.dict();
    } else {
      for (const Value& pair : iterate(runtime, source)) {
        const std::vector<Value> parts = iterate(runtime, pair);
        if (parts.size() != 2) throw bad_input("dict needs pairs of a key and a value");
        made.set(parts[0], parts[1]);
      }
    }
  }
  for (const auto& [name, value] : arguments.named) made.set(name, value);
  return make_dict(runtime, std::move(made));
}

Value raise_exception(Runtime& runtime, const Arguments& arguments) {
  const auto bound = bind("raise_exception", arguments, {"message"}, 1);
  throw bad_input(fmt::format("the chat template refuses: {}", to_text(runtime, *bound[0])), {},
                  "send messages in the form that the model's template expects");
}

Value strftime_now(Runtime& runtime, const Arguments& arguments) {
  const auto bound = bind("strftime_now", arguments, {"format"}, 1);
  if (!bound[0]->is(Kind::string)) throw bad_input("strftime_now needs a string");
  // Conversions one at a time, and only those that C defines: others stay as written.
  constexpr std::string_view kKnown = "aAbBcCdDeFgGhHIjmMnprRStTuUVwWxXyYzZ%";
  const std::string& format = bound[0]->string();
  std::string text;
  for (std::size_t at = 0; at < format.size(); ++at) {
    runtime.budget.step();
    if (format[at] != '%' || at + 1 >= format.size()) {
      text += format[at];
      continue;
    }
    // glibc's %-d, without padding, is common in templates.
    const std::size_t flag = format[at + 1] == '-' && at + 2 < format.size();
    const char conversion = format[at + 1 + flag];
    if (conversion == 'f') {
      text += "000000";
    } else if (kKnown.find(conversion) != kKnown.npos) {
      char buffer[128];
      const std::string piece = format.substr(at, 2 + flag);
      text.append(buffer, std::strftime(buffer, sizeof buffer, piece.c_str(), &runtime.now));
    } else {
      text += format.substr(at, 2 + flag);
    }
    at += 1 + flag;
  }
  return make_string(runtime, std::move(text));
}

}  // namespace

std::vector<std::pair<std::string, Value>> global_functions(Runtime& runtime) {
  std::vector<std::pair<std::string, Value>> functions;
  const auto add = [&](const char* name, Function::Body body) {
    functions.emplace_back(
        name, std::shared_ptr<const Callable>(std::make_shared<Function>(runtime, name, body)));
  };
  add("range", range);
  add("dict", dict);
  add("raise_exception", raise_exception);
  add("strftime_now", strftime_now);
  return functions;
}

}  // namespace jielong::jinja
