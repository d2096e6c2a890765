#include "model/template/value.h"

#include <fmt/format.h>
#include <string.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/utf8.h"

namespace jielong::jinja {
namespace {

constexpr std::size_t kMaxValueDepth = 200;

std::size_t checked_depth(std::size_t depth) {
  if (depth > kMaxValueDepth) {
    throw Error(ErrorKind::limit,
                fmt::format("a value nests more than {} levels deep", kMaxValueDepth));
  }
  return depth;
}

/// Text that is alike exactly for values that are equal as dictionary keys.
std::string hash_text(const Value& key) {
  switch (key.kind()) {
    case Kind::string: return "s" + key.string();
    case Kind::none: return "n";
    case Kind::undefined: return "u";
    case Kind::boolean:
    case Kind::integer: return fmt::format("i{}", key.integer());
    case Kind::real: {
      const double value = key.real();
      if (value == std::floor(value) && std::fabs(value) < 9e18) {
        return fmt::format("i{}", static_cast<std::int64_t>(value));
      }
      return fmt::format("f{}", value);
    }
    case Kind::list:
      if (key.list().form == List::Form::tuple) {
        std::string text = "t";
        for (const Value& item : key.list().items) {
          const std::string part = hash_text(item);
          text += fmt::format("{}:{}", part.size(), part);
        }
        return text;
      }
      break;
    default: break;
  }
  throw bad_input(fmt::format("unhashable type: '{}'", type_name(key)));
}

}  // namespace

Value Value::undefined(std::string why) {
  Value value;
  value.data_ = Undefined{std::make_shared<const std::string>(std::move(why))};
  return value;
}

std::string Value::why() const {
  const auto& text = std::get<Undefined>(data_).why;
  return text ? *text : "the value is undefined";
}

std::size_t Value::depth() const {
  switch (kind()) {
    case Kind::list: return list().depth;
    case Kind::dict: return dict().depth;
    case Kind::loop: return loop()->depth;
    default: return 0;
  }
}

Value Value::from_json(const OrderedJson& json, Budget& budget) {
  budget.step();
  const DepthGuard guard(budget);
  switch (json.type()) {
    case OrderedJson::value_t::null: return None{};
    case OrderedJson::value_t::boolean: return json.get<bool>();
    case OrderedJson::value_t::number_integer: return json.get<std::int64_t>();
    case OrderedJson::value_t::number_unsigned: {
      const auto number = json.get<std::uint64_t>();
      if (number > INT64_MAX) return static_cast<double>(number);
      return static_cast<std::int64_t>(number);
    }
    case OrderedJson::value_t::number_float: return json.get<double>();
    case OrderedJson::value_t::string:
      budget.allocate(json.get_ref<const std::string&>().size());
      return json.get_ref<const std::string&>();
    case OrderedJson::value_t::array: {
      auto list = std::make_shared<List>();
      budget.allocate(json.size() * sizeof(Value));
      list->items.reserve(json.size());
      std::size_t depth = 0;
      for (const OrderedJson& item : json) {
        list->items.push_back(from_json(item, budget));
        depth = std::max(depth, list->items.back().depth());
      }
      list->depth = checked_depth(depth + 1);
      return list;
    }
    case OrderedJson::value_t::object: {
      auto dict = std::make_shared<Dict>();
      std::size_t depth = 0;
      for (const auto& [key, item] : json.items()) {
        budget.allocate(key.size() + 2 * sizeof(Value));
        Value value = from_json(item, budget);
        depth = std::max(depth, value.depth());
        dict->set(key, std::move(value));
      }
      dict->depth = checked_depth(depth + 1);
      return std::shared_ptr<const Dict>(std::move(dict));
    }
    default: throw bad_input("binary JSON values cannot be given to a chat template");
  }
}

const Value* Dict::find(const Value& key) const {
  const auto at = index_.find(hash_text(key));
  return at == index_.end() ? nullptr : &entries[at->second].second;
}

const Value* Dict::find(std::string_view key) const {
  const auto at = index_.find(std::string("s").append(key));
  return at == index_.end() ? nullptr : &entries[at->second].second;
}

void Dict::set(const Value& key, Value value) {
  const auto [at, is_new] = index_.emplace(hash_text(key), entries.size());
  if (is_new) {
    entries.emplace_back(key, std::move(value));
  } else {
    entries[at->second].second = std::move(value);
  }
}

std::vector<const Value*> bind(std::string_view callee, const Arguments& arguments,
                               std::initializer_list<std::string_view> parameters,
                               std::size_t required) {
  std::vector<const Value*> bound(parameters.size(), nullptr);
  if (arguments.positional.size() > parameters.size()) {
    throw bad_input(fmt::format("{} takes at most {} arguments, but {} were given", callee,
                                parameters.size(), arguments.positional.size()));
  }
  for (std::size_t i = 0; i < arguments.positional.size(); ++i) {
    bound[i] = &arguments.positional[i];
  }
  for (const auto& [name, value] : arguments.named) {
    const auto at = std::find(parameters.begin(), parameters.end(), name);
    if (at == parameters.end()) {
      throw bad_input(fmt::format("{} has no argument named '{}'", callee, name));
    }
    const Value*& place = bound[static_cast<std::size_t>(at - parameters.begin())];
    if (place != nullptr) {
      throw bad_input(fmt::format("{} got the argument '{}' twice", callee, name));
    }
    place = &value;
  }
  for (std::size_t i = 0; i < required; ++i) {
    if (bound[i] == nullptr) {
      throw bad_input(fmt::format("{} needs the argument '{}'", callee, *(parameters.begin() + i)));
    }
  }
  return bound;
}

Value make_list(Runtime& runtime, std::vector<Value> items, List::Form form) {
  runtime.budget.allocate(items.size() * sizeof(Value) + sizeof(List));
  std::size_t depth = 0;
  for (const Value& item : items) depth = std::max(depth, item.depth());
  auto list = std::make_shared<List>();
  list->form = form;
  list->items = std::move(items);
  list->depth = checked_depth(depth + 1);
  return list;
}

Value make_dict(Runtime& runtime, Dict dict) {
  runtime.budget.allocate(dict.entries.size() * 4 * sizeof(Value) + sizeof(Dict));
  std::size_t depth = 0;
  for (const auto& [key, value] : dict.entries) {
    depth = std::max({depth, key.depth(), value.depth()});
  }
  dict.depth = checked_depth(depth + 1);
  return std::shared_ptr<const Dict>(std::make_shared<Dict>(std::move(dict)));
}

Value make_string(Runtime& runtime, std::string text) {
  runtime.budget.allocate(text.size());
  return text;
}

bool truth(const Value& value) {
  switch (value.kind()) {
    case Kind::undefined:
    case Kind::none: return false;
    case Kind::boolean: return value.boolean();
    case Kind::integer: return value.integer() != 0;
    case Kind::real: return value.real() != 0;
    case Kind::string: return !value.string().empty();
    case Kind::list:
      return value.list().form == List::Form::generator || !value.list().items.empty();
    case Kind::dict: return !value.dict().entries.empty();
    default: return true;
  }
}

bool equal(Runtime& runtime, const Value& a, const Value& b) {
  runtime.budget.step();
  if (a.is_number() && b.is_number()) {
    if (a.is(Kind::real) || b.is(Kind::real)) return a.real() == b.real();
    return a.integer() == b.integer();
  }
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::undefined:
    case Kind::none: return true;
    case Kind::string:
      runtime.budget.step(std::min(a.string().size(), b.string().size()) / 256);
      return a.string() == b.string();
    case Kind::list: {
      const List& left = a.list();
      const List& right = b.list();
      if (&left == &right) return true;
      if (left.form != right.form || left.items.size() != right.items.size()) return false;
      const DepthGuard guard(runtime.budget);
      return std::equal(left.items.begin(), left.items.end(), right.items.begin(),
                        [&](const Value& x, const Value& y) { return equal(runtime, x, y); });
    }
    case Kind::dict: {
      if (&a.dict() == &b.dict()) return true;
      if (a.dict().entries.size() != b.dict().entries.size()) return false;
      const DepthGuard guard(runtime.budget);
      return std::all_of(a.dict().entries.begin(), a.dict().entries.end(), [&](const auto& entry) {
        const Value* other = b.dict().find(entry.first);
        return other != nullptr && equal(runtime, entry.second, *other);
      });
    }
    case Kind::names: return &a.names() == &b.names();
    case Kind::loop: return a.loop() == b.loop();
    case Kind::callable: return a.callable() == b.callable();
    default: return false;
  }
}

int compare(Runtime& runtime, const Value& a, const Value& b) {
  runtime.budget.step();
  const auto order = [](auto x, auto y) { return x < y ? -1 : (y < x ? 1 : 0); };
  if (a.is_number() && b.is_number()) {
    if (a.is(Kind::real) || b.is(Kind::real)) return order(a.real(), b.real());
    return order(a.integer(), b.integer());
  }
  if (a.is(Kind::string) && b.is(Kind::string)) {
    runtime.budget.step(std::min(a.string().size(), b.string().size()) / 256);
    // UTF-8 sorts by bytes as its code points do.
    return order(a.string().compare(b.string()), 0);
  }
  if (a.is(Kind::list) && b.is(Kind::list) && a.list().form == b.list().form) {
    const DepthGuard guard(runtime.budget);
    const auto& left = a.list().items;
    const auto& right = b.list().items;
    for (std::size_t i = 0; i < std::min(left.size(), right.size()); ++i) {
      if (!equal(runtime, left[i], right[i])) return compare(runtime, left[i], right[i]);
    }
    return order(left.size(), right.size());
  }
  if (a.is(Kind::undefined)) throw bad_input(a.why());
  if (b.is(Kind::undefined)) throw bad_input(b.why());
  throw bad_input(fmt::format("'{}' and '{}' cannot be put in order", type_name(a), type_name(b)));
}

bool contains(Runtime& runtime, const Value& container, const Value& item) {
  switch (container.kind()) {
    case Kind::string: {
      if (item.is(Kind::undefined)) throw bad_input(item.why());
      if (!item.is(Kind::string)) {
        throw bad_input(
            fmt::format("'in <string>' needs a string on its left, not {}", type_name(item)));
      }
      const std::string& text = container.string();
      runtime.budget.step(text.size() / 64);
      return ::memmem(text.data(), text.size(), item.string().data(), item.string().size()) !=
             nullptr;
    }
    case Kind::dict: return container.dict().find(item) != nullptr;
    case Kind::list:
    case Kind::undefined: {
      const std::vector<Value> items = iterate(runtime, container);
      return std::any_of(items.begin(), items.end(),
                         [&](const Value& other) { return equal(runtime, item, other); });
    }
    default:
      throw bad_input(fmt::format("argument of type '{}' is not iterable", type_name(container)));
  }
}

std::size_t length(const Value& value) {
  switch (value.kind()) {
    case Kind::undefined: return 0;
    case Kind::string: {
      const std::string& text = value.string();
      return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
      }));
    }
    case Kind::dict: return value.dict().entries.size();
    case Kind::loop: return value.loop()->items.size();
    case Kind::list:
      if (value.list().form != List::Form::generator) return value.list().items.size();
      break;
    default: break;
  }
  throw bad_input(fmt::format("object of type '{}' has no len()", type_name(value)), {},
                  value.is(Kind::list) ? "put '| list' before it" : "");
}

std::vector<Value> iterate(Runtime& runtime, const Value& value) {
  std::vector<Value> items;
  switch (value.kind()) {
    case Kind::undefined: return items;
    case Kind::list: {
      List& list = value.list();
      runtime.budget.allocate(list.items.size() * sizeof(Value));
      if (list.form != List::Form::generator) return list.items;
      items.assign(list.items.begin() + static_cast<std::ptrdiff_t>(list.taken), list.items.end());
      list.taken = list.items.size();
      return items;
    }
    case Kind::dict:
      runtime.budget.allocate(value.dict().entries.size() * sizeof(Value));
      for (const auto& entry : value.dict().entries) items.push_back(entry.first);
      return items;
    case Kind::string: {
      std::string_view text = value.string();
      runtime.budget.allocate(text.size() * (sizeof(Value) + sizeof(std::string)));
      while (!text.empty()) {
        const std::size_t size = decode_utf8(text).length;
        items.emplace_back(text.substr(0, size));
        text.remove_prefix(size);
      }
      return items;
    }
    default: throw bad_input(fmt::format("'{}' object is not iterable", type_name(value)));
  }
}

std::string_view type_name(const Value& value) {
  switch (value.kind()) {
    case Kind::undefined: return "Undefined";
    case Kind::none: return "NoneType";
    case Kind::boolean: return "bool";
    case Kind::integer: return "int";
    case Kind::real: return "float";
    case Kind::string: return "str";
    case Kind::dict: return "dict";
    case Kind::names: return "Namespace";
    case Kind::loop: return "LoopContext";
    case Kind::callable: return "function";
    case Kind::list: break;
  }
  switch (value.list().form) {
    case List::Form::list: return "list";
    case List::Form::tuple: return "tuple";
    case List::Form::range: return "range";
    case List::Form::generator: return "generator";
    case List::Form::keys: return "dict_keys";
    case List::Form::values: return "dict_values";
    case List::Form::items: return "dict_items";
  }
  return "object";
}

}  // namespace jielong::jinja
