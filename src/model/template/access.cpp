#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "model/template/python_text.h"
#include "model/template/value.h"

namespace jielong::jinja {
namespace {

class LoopFunction : public Callable {
 public:
  LoopFunction(Runtime& runtime, std::shared_ptr<const Loop> loop, bool cycles)
      : runtime_(runtime), loop_(std::move(loop)), cycles_(cycles) {}
  std::string name() const override { return cycles_ ? "cycle" : "changed"; }

  Value call(const Arguments& arguments) const override {
    const std::vector<Value>& values = arguments.positional;
    if (cycles_) {
      if (values.empty()) throw bad_input("no items for cycling given");
      return values[loop_->index % values.size()];
    }
    const bool same =
        loop_->seen && values.size() == loop_->last_seen.size() &&
        std::equal(values.begin(), values.end(), loop_->last_seen.begin(),
                   [&](const Value& a, const Value& b) { return equal(runtime_, a, b); });
    loop_->seen = true;
    // Only plain values are kept, so that a loop never comes to hold itself.
    loop_->last_seen.clear();
    for (const Value& value : values) {
      if (value.kind() > Kind::string)
        throw bad_input("loop.changed takes only strings and numbers");
      loop_->last_seen.push_back(value);
    }
    return !same;
  }

 private:
  Runtime& runtime_;
  std::shared_ptr<const Loop> loop_;
  bool cycles_;
};

Value loop_attribute(Runtime& runtime, const Value& value, const std::string& name) {
  const Loop& loop = *value.loop();
  const auto index = static_cast<std::int64_t>(loop.index);
  const auto count = static_cast<std::int64_t>(loop.items.size());
  if (name == "index") return index + 1;
  if (name == "index0") return index;
  if (name == "revindex") return count - index;
  if (name == "revindex0") return count - index - 1;
  if (name == "first") return index == 0;
  if (name == "last") return index + 1 == count;
  if (name == "length") return count;
  if (name == "depth") return std::int64_t{1};
  if (name == "depth0") return std::int64_t{0};
  if (name == "previtem") {
    if (index == 0) return Value::undefined("there is no previous item");
    return loop.items[loop.index - 1];
  }
  if (name == "nextitem") {
    if (index + 1 >= count) return Value::undefined("there is no next item");
    return loop.items[loop.index + 1];
  }
  if (name == "cycle" || name == "changed") {
    return std::shared_ptr<const Callable>(
        std::make_shared<LoopFunction>(runtime, value.loop(), name == "cycle"));
  }
  return Value::undefined(fmt::format("'LoopContext object' has no attribute '{}'", name));
}

std::string object_name(const Value& value) {
  return value.is(Kind::none) ? "None" : fmt::format("'{} object'", type_name(value));
}

/// A real attribute of the value (a method, a name in a namespace, a part of `loop`).
/// False when there is none.
bool own_attribute(Runtime& runtime, const Value& value, const std::string& name, Value* found) {
  if (value.is(Kind::names)) {
    const auto at = value.names().values.find(name);
    if (at == value.names().values.end()) return false;
    *found = at->second;
    return true;
  }
  if (value.is(Kind::loop)) {
    *found = loop_attribute(runtime, value, name);
    return true;
  }
  *found = find_method(runtime, value, name);
  return !found->is(Kind::undefined);
}

/// value[key]; false when there is no such item.
bool own_item(const Value& value, const Value& key, Value* found) {
  if (value.is(Kind::dict)) {
    const bool hashable = !key.is(Kind::dict) && !key.is(Kind::names) && !key.is(Kind::loop) &&
                          !key.is(Kind::callable) &&
                          !(key.is(Kind::list) && key.list().form != List::Form::tuple);
    const Value* item = hashable ? value.dict().find(key) : nullptr;
    if (item != nullptr) *found = *item;
    return item != nullptr;
  }
  if (!key.is(Kind::integer) && !key.is(Kind::boolean)) return false;
  std::int64_t index = key.integer();
  const auto resolve = [&](std::size_t count) {
    if (index < 0) index += static_cast<std::int64_t>(count);
    return index >= 0 && index < static_cast<std::int64_t>(count);
  };
  if (value.is(Kind::string)) {
    const auto offsets = point_offsets(value.string());
    if (!resolve(offsets.size() - 1)) return false;
    const auto at = static_cast<std::size_t>(index);
    *found = value.string().substr(offsets[at], offsets[at + 1] - offsets[at]);
    return true;
  }
  if (value.is(Kind::list)) {
    const List& list = value.list();
    const bool indexed = list.form == List::Form::list || list.form == List::Form::tuple ||
                         list.form == List::Form::range;
    if (!indexed || !resolve(list.items.size())) return false;
    *found = list.items[static_cast<std::size_t>(index)];
    return true;
  }
  return false;
}

}  // namespace

Value get_attribute(Runtime& runtime, const Value& value, const std::string& name) {
  if (value.is(Kind::undefined)) throw bad_input(value.why());
  Value found;
  if (own_attribute(runtime, value, name, &found)) return found;
  if (value.is(Kind::dict)) {
    if (const Value* item = value.dict().find(std::string_view(name))) return *item;
  }
  return Value::undefined(fmt::format("{} has no attribute '{}'", object_name(value), name));
}

Value get_item(Runtime& runtime, const Value& value, const Value& key) {
  if (value.is(Kind::undefined)) throw bad_input(value.why());
  if (value.is(Kind::string)) runtime.budget.step(value.string().size() / 16);
  Value found;
  if (own_item(value, key, &found)) return found;
  if (key.is(Kind::string)) {
    if (own_attribute(runtime, value, key.string(), &found)) return found;
    return Value::undefined(
        fmt::format("{} has no attribute '{}'", object_name(value), key.string()));
  }
  return Value::undefined(
      fmt::format("{} has no element {}", object_name(value), to_repr(runtime, key)));
}

Value get_slice(Runtime& runtime, const Value& value, const Value& start, const Value& stop,
                const Value& step) {
  if (value.is(Kind::undefined)) throw bad_input(value.why());
  for (const Value* part : {&start, &stop, &step}) {
    if (!part->is(Kind::none) && !part->is(Kind::integer) && !part->is(Kind::boolean)) {
      return Value::undefined(fmt::format("{} has no such slice", object_name(value)));
    }
  }
  const bool sliced =
      value.is(Kind::string) || (value.is(Kind::list) && (value.list().form == List::Form::list ||
                                                          value.list().form == List::Form::tuple ||
                                                          value.list().form == List::Form::range));
  if (!sliced) return Value::undefined(fmt::format("{} cannot be sliced", object_name(value)));
  std::vector<std::size_t> offsets;
  if (value.is(Kind::string)) {
    runtime.budget.allocate(value.string().size() * sizeof(std::size_t));
    offsets = point_offsets(value.string());
  }
  const auto count = static_cast<std::int64_t>(value.is(Kind::string) ? offsets.size() - 1
                                                                      : value.list().items.size());
  // A step longer than the sequence picks one item at most, and cannot overflow an index.
  const std::int64_t stride =
      step.is(Kind::none) ? 1 : std::clamp(step.integer(), -count - 1, count + 1);
  if (!step.is(Kind::none) && step.integer() == 0) throw bad_input("slice step cannot be zero");
  const bool forward = stride > 0;
  const auto resolve = [&](const Value& part, std::int64_t otherwise) {
    if (part.is(Kind::none)) return otherwise;
    std::int64_t index = part.integer();
    if (index < 0) index = std::max(index + count, std::int64_t{-1});
    if (forward) return std::clamp(index, std::int64_t{0}, count);
    return std::clamp(index, std::int64_t{-1}, count - 1);
  };
  const std::int64_t first = resolve(start, forward ? 0 : count - 1);
  const std::int64_t last = resolve(stop, forward ? count : -1);
  std::string text;
  std::vector<Value> items;
  for (std::int64_t i = first; forward ? i < last : i > last; i += stride) {
    const auto at = static_cast<std::size_t>(i);
    if (value.is(Kind::string)) {
      text += std::string_view(value.string()).substr(offsets[at], offsets[at + 1] - offsets[at]);
    } else {
      items.push_back(value.list().items[at]);
    }
  }
  if (value.is(Kind::string)) return make_string(runtime, std::move(text));
  return make_list(runtime, std::move(items), value.list().form);
}

}  // namespace jielong::jinja
