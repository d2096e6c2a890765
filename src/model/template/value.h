#pragma once

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "base/json.h"
#include "model/template/budget.h"

namespace jielong::jinja {

class Value;
struct Dict;
struct List;
struct Loop;
struct Namespace;
class Callable;

/// Missing, as Jinja's Undefined: prints as nothing, is false, iterates as empty, and
/// fails with `why` when something is asked of it.
struct Undefined {
  std::shared_ptr<const std::string> why;
};
struct None {};

enum class Kind {
  undefined,
  none,
  boolean,
  integer,
  real,
  string,
  list,
  dict,
  names,
  loop,
  callable
};

/// A Python value as templates see it. Strings and containers are shared and never
/// change, so copying a Value is cheap; a namespace is the one thing that can be written.
class Value {
 public:
  Value() : data_(Undefined{}) {}
  Value(None) : data_(None{}) {}
  Value(bool value) : data_(value) {}
  Value(std::int64_t value) : data_(value) {}
  Value(double value) : data_(value) {}
  Value(std::string value) : data_(std::make_shared<const std::string>(std::move(value))) {}
  Value(const char* value) : Value(std::string(value)) {}
  Value(std::string_view value) : Value(std::string(value)) {}
  Value(std::shared_ptr<List> value) : data_(std::move(value)) {}
  Value(std::shared_ptr<const Dict> value) : data_(std::move(value)) {}
  Value(Namespace* value) : data_(value) {}
  Value(std::shared_ptr<const Loop> value) : data_(std::move(value)) {}
  Value(std::shared_ptr<const Callable> value) : data_(std::move(value)) {}

  static Value undefined(std::string why);
  /// Numbers beyond 64 bits become reals. Keeps the order of keys.
  static Value from_json(const OrderedJson& json, Budget& budget);

  Kind kind() const { return static_cast<Kind>(data_.index()); }
  bool is(Kind kind_asked) const { return kind() == kind_asked; }
  bool is_number() const { return is(Kind::boolean) || is(Kind::integer) || is(Kind::real); }

  bool boolean() const { return std::get<bool>(data_); }
  /// The whole number in an integer or, as in Python, a boolean.
  std::int64_t integer() const {
    return is(Kind::boolean) ? (boolean() ? 1 : 0) : std::get<std::int64_t>(data_);
  }
  double real() const {
    return is(Kind::real) ? std::get<double>(data_) : static_cast<double>(integer());
  }
  const std::string& string() const { return *std::get<std::shared_ptr<const std::string>>(data_); }
  List& list() const { return *std::get<std::shared_ptr<List>>(data_); }
  const std::shared_ptr<const Dict>& dict_pointer() const {
    return std::get<std::shared_ptr<const Dict>>(data_);
  }
  const Dict& dict() const { return *dict_pointer(); }
  Namespace& names() const { return *std::get<Namespace*>(data_); }
  const std::shared_ptr<const Loop>& loop() const {
    return std::get<std::shared_ptr<const Loop>>(data_);
  }
  const std::shared_ptr<const Callable>& callable() const {
    return std::get<std::shared_ptr<const Callable>>(data_);
  }
  /// Why an undefined value is missing.
  std::string why() const;
  /// Levels of containers inside; bounded, so that walking a value needs little stack.
  std::size_t depth() const;

 private:
  std::variant<Undefined, None, bool, std::int64_t, double, std::shared_ptr<const std::string>,
               std::shared_ptr<List>, std::shared_ptr<const Dict>, Namespace*,
               std::shared_ptr<const Loop>, std::shared_ptr<const Callable>>
      data_;
};

/// Every Python sequence or iterator a template can meet.
struct List {
  enum class Form { list, tuple, range, generator, keys, values, items };
  Form form = Form::list;
  std::vector<Value> items;
  std::size_t depth = 1;
  std::size_t taken = 0;  ///< items already used up, for a generator
};

/// A dictionary in order of insertion.
struct Dict {
  std::vector<std::pair<Value, Value>> entries;
  std::size_t depth = 1;

  const Value* find(const Value& key) const;
  const Value* find(std::string_view key) const;
  /// Sets or replaces. Throws Error when `key` cannot be hashed.
  void set(const Value& key, Value value);

 private:
  std::unordered_map<std::string, std::size_t> index_;
};

/// namespace(...): the one thing a template can change after making it.
struct Namespace {
  std::unordered_map<std::string, Value> values;
};

/// The `loop` variable of one for statement.
struct Loop {
  std::vector<Value> items;
  std::size_t index = 0;  ///< from 0
  std::size_t depth = 1;
  /// What loop.changed() was last called with.
  mutable std::vector<Value> last_seen;
  mutable bool seen = false;
};

/// Arguments of a call, filter or test.
struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

/// The arguments of `callee` put to its `parameters`; nullptr for those not given. Throws
/// Error on too many, unknown, doubled or (among the first `required`) missing ones.
std::vector<const Value*> bind(std::string_view callee, const Arguments& arguments,
                               std::initializer_list<std::string_view> parameters,
                               std::size_t required);

/// What built-in functions, filters and tests may reach: a budget and the clock, nothing else.
struct Runtime {
  Budget budget;
  std::tm now;
};

class Callable {
 public:
  virtual ~Callable() = default;
  virtual std::string name() const = 0;
  virtual Value call(const Arguments& arguments) const = 0;
};

// Making containers: charged to the budget and bounded in depth.
Value make_list(Runtime& runtime, std::vector<Value> items, List::Form form = List::Form::list);
Value make_dict(Runtime& runtime, Dict dict);
/// A new string, charged to the budget.
Value make_string(Runtime& runtime, std::string text);

// Python's operators.
bool truth(const Value& value);
bool equal(Runtime& runtime, const Value& a, const Value& b);
/// Negative, zero or positive; throws Error when the two have no order.
int compare(Runtime& runtime, const Value& a, const Value& b);
bool contains(Runtime& runtime, const Value& container, const Value& item);
/// len(value); throws Error when it has none.
std::size_t length(const Value& value);
/// The items a loop over `value` would see; uses up a generator. Throws Error otherwise.
std::vector<Value> iterate(Runtime& runtime, const Value& value);
/// Python's name of the type, as in its messages.
std::string_view type_name(const Value& value);

// Text.
std::string to_text(Runtime& runtime, const Value& value);  ///< str(value)
std::string to_repr(Runtime& runtime, const Value& value);  ///< repr(value)
std::string real_text(double value);                        ///< repr(float)

struct JsonStyle {
  bool ensure_ascii = false;
  bool sort_keys = false;
  bool indented = false;
  std::string indent;  ///< of one level
  std::string item_separator = ", ", key_separator = ": ";
};
/// json.dumps(value).
std::string to_json_text(Runtime& runtime, const Value& value, const JsonStyle& style);

// Attributes and items, as `value.name` and `value[key]` look them up.
Value get_attribute(Runtime& runtime, const Value& value, const std::string& name);
Value get_item(Runtime& runtime, const Value& value, const Value& key);
Value get_slice(Runtime& runtime, const Value& value, const Value& start, const Value& stop,
                const Value& step);

// The named built-ins. Throw Error(unsupported) when there is none of that name: at run
// time, as in Jinja2, because a template may name one that only other programs have in a
// branch it does not reach here.
using Filter = Value (*)(Runtime&, const Value& input, const Arguments&);
using Test = bool (*)(Runtime&, const Value& input, const Arguments&);
Filter find_filter(std::string_view name);
Test find_test(std::string_view name);
bool has_filter(std::string_view name);
bool has_test(std::string_view name);
/// range, dict, raise_exception, strftime_now, …
std::vector<std::pair<std::string, Value>> global_functions(Runtime& runtime);
/// A method of str, dict or list bound to `self`, or undefined.
Value find_method(Runtime& runtime, const Value& self, const std::string& name);

}  // namespace jielong::jinja
