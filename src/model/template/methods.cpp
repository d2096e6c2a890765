#include <fmt/format.h>
#include <utf8proc.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/utf8.h"
#include "model/template/lexer.h"
#include "model/template/python_text.h"
#include "model/template/value.h"

namespace jielong::jinja {
namespace {

using Method = Value (*)(Runtime&, const Value& self, const Arguments&);

class BoundMethod : public Callable {
 public:
  BoundMethod(Runtime& runtime, Value self, std::string name, Method method)
      : runtime_(runtime), self_(std::move(self)), name_(std::move(name)), method_(method) {}
  std::string name() const override { return name_; }
  Value call(const Arguments& arguments) const override {
    return method_(runtime_, self_, arguments);
  }

 private:
  Runtime& runtime_;
  Value self_;
  std::string name_;
  Method method_;
};

const std::string& text_argument(const Value& value) {
  if (value.is(Kind::undefined)) throw bad_input(value.why());
  if (!value.is(Kind::string)) {
    throw bad_input(fmt::format("expected a string, got '{}'", type_name(value)));
  }
  return value.string();
}

std::int64_t whole_argument(const Value* value, std::int64_t otherwise) {
  if (value == nullptr) return otherwise;
  if (value->is(Kind::undefined)) throw bad_input(value->why());
  if (!value->is(Kind::integer) && !value->is(Kind::boolean)) {
    throw bad_input(fmt::format("expected a whole number, got '{}'", type_name(*value)));
  }
  return value->integer();
}

template <std::string (*Function)(std::string_view)>
Value recased(Runtime& runtime, const Value& self, const Arguments& arguments) {
  bind("the method", arguments, {}, 0);
  return make_string(runtime, Function(self.string()));
}

template <Side kSide>
Value stripped(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const auto bound = bind("strip", arguments, {"chars"}, 0);
  const bool given = bound[0] != nullptr && !bound[0]->is(Kind::none);
  const std::string* characters = given ? &text_argument(*bound[0]) : nullptr;
  if (given) runtime.budget.step(self.string().size() * characters->size() / 64);
  return make_string(runtime, std::string(strip(self.string(), characters, kSide)));
}

/// The part of the text between the code points `start` and `end` of a call like find's.
std::string_view window(const std::string& text, const Value* start, const Value* end,
                        std::size_t* first_point) {
  *first_point = 0;
  if (start == nullptr && end == nullptr) return text;
  const auto offsets = point_offsets(text);
  const auto count = static_cast<std::int64_t>(offsets.size() - 1);
  const auto place = [&](const Value* value, std::int64_t otherwise) {
    std::int64_t index =
        value == nullptr || value->is(Kind::none) ? otherwise : whole_argument(value, 0);
    if (index < 0) index += count;
    return static_cast<std::size_t>(std::clamp(index, std::int64_t{0}, count));
  };
  const std::size_t from = place(start, 0), to = place(end, count);
  *first_point = from;
  if (to <= from) return std::string_view(text).substr(offsets[from], 0);
  return std::string_view(text).substr(offsets[from], offsets[to] - offsets[from]);
}

template <bool kAtStart>
Value has_affix(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const auto bound =
      bind(kAtStart ? "startswith" : "endswith", arguments, {"prefix", "start", "end"}, 1);
  std::size_t first = 0;
  const std::string_view text = window(self.string(), bound[1], bound[2], &first);
  const auto matches = [&](const Value& affix) {
    const std::string& part = text_argument(affix);
    return kAtStart ? text.starts_with(part) : text.ends_with(part);
  };
  if (bound[0]->is(Kind::list) && bound[0]->list().form == List::Form::tuple) {
    const auto& items = bound[0]->list().items;
    runtime.budget.step(items.size());
    return std::any_of(items.begin(), items.end(), matches);
  }
  return matches(*bound[0]);
}

Value strings(Runtime& runtime, const std::vector<std::string_view>& parts,
              List::Form form = List::Form::list) {
  std::vector<Value> items;
  for (const std::string_view part : parts) {
    runtime.budget.allocate(part.size() + sizeof(std::string));
    items.emplace_back(part);
  }
  return make_list(runtime, std::move(items), form);
}

std::vector<std::string_view> split_space(std::string_view text, std::int64_t limit) {
  std::vector<std::string_view> parts;
  text = strip_left(text);
  while (!text.empty()) {
    if (limit >= 0 && static_cast<std::int64_t>(parts.size()) >= limit) {
      parts.push_back(text);
      break;
    }
    std::size_t end = 0;
    while (end < text.size()) {
      const CodePoint point = decode_utf8(text.substr(end));
      if (point.valid && is_space(point.value)) break;
      end += point.length;
    }
    parts.push_back(text.substr(0, end));
    text = strip_left(text.substr(end));
  }
  return parts;
}

std::vector<std::string_view> split_space_from_right(std::string_view text, std::int64_t limit) {
  std::vector<std::string_view> parts;
  text = strip_right(text);
  while (!text.empty()) {
    if (limit >= 0 && static_cast<std::int64_t>(parts.size()) >= limit) {
      parts.push_back(text);
      break;
    }
    std::size_t start = text.size();
    while (start > 0) {
      std::size_t previous = start - 1;
      while (previous > 0 && (static_cast<unsigned char>(text[previous]) & 0xC0) == 0x80)
        --previous;
      const CodePoint point = decode_utf8(text.substr(previous));
      if (point.valid && is_space(point.value)) break;
      start = previous;
    }
    parts.push_back(text.substr(start));
    text = strip_right(text.substr(0, start));
  }
  std::reverse(parts.begin(), parts.end());
  return parts;
}

template <bool kFromRight>
Value split(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const auto bound = bind("split", arguments, {"sep", "maxsplit"}, 0);
  const std::int64_t limit = whole_argument(bound[1], -1);
  std::string_view text = self.string();
  runtime.budget.step(text.size() / 64);
  if (bound[0] == nullptr || bound[0]->is(Kind::none)) {
    return strings(runtime,
                   kFromRight ? split_space_from_right(text, limit) : split_space(text, limit));
  }
  const std::string& separator = text_argument(*bound[0]);
  if (separator.empty()) throw bad_input("empty separator");
  std::vector<std::string_view> parts;
  const auto may_split = [&] {
    runtime.budget.step();
    return limit < 0 || static_cast<std::int64_t>(parts.size()) < limit;
  };
  if (kFromRight) {
    std::size_t found;
    while (may_split() && (found = text.rfind(separator)) != text.npos) {
      parts.push_back(text.substr(found + separator.size()));
      text = text.substr(0, found);
    }
    parts.push_back(text);
    std::reverse(parts.begin(), parts.end());
  } else {
    std::size_t found;
    while (may_split() && (found = find_part(text, separator, 0)) != text.npos) {
      parts.push_back(text.substr(0, found));
      text.remove_prefix(found + separator.size());
    }
    parts.push_back(text);
  }
  return strings(runtime, parts);
}

template <bool kFromRight>
Value partition(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const std::string& separator = text_argument(*bind("partition", arguments, {"sep"}, 1)[0]);
  if (separator.empty()) throw bad_input("empty separator");
  const std::string_view text = self.string();
  const std::size_t found = kFromRight ? text.rfind(separator) : find_part(text, separator, 0);
  using Parts = std::vector<std::string_view>;
  if (found == text.npos) {
    return strings(runtime, kFromRight ? Parts{"", "", text} : Parts{text, "", ""},
                   List::Form::tuple);
  }
  return strings(runtime, {text.substr(0, found), separator, text.substr(found + separator.size())},
                 List::Form::tuple);
}

Value splitlines(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const auto bound = bind("splitlines", arguments, {"keepends"}, 0);
  const auto lines = split_lines(self.string(), bound[0] != nullptr && truth(*bound[0]));
  return strings(runtime, {lines.begin(), lines.end()});
}

enum class Seek { find, rfind, index, rindex };

template <Seek kSeek>
Value seek(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const auto bound = bind("find", arguments, {"sub", "start", "end"}, 1);
  std::size_t first = 0;
  const std::string_view text = window(self.string(), bound[1], bound[2], &first);
  const std::string& part = text_argument(*bound[0]);
  runtime.budget.step(text.size() / 16);
  constexpr bool kFromRight = kSeek == Seek::rfind || kSeek == Seek::rindex;
  const std::size_t at = kFromRight ? text.rfind(part) : find_part(text, part, 0);
  if (at == text.npos) {
    if (kSeek == Seek::index || kSeek == Seek::rindex) throw bad_input("substring not found");
    return std::int64_t{-1};
  }
  return static_cast<std::int64_t>(first + count_points(text.substr(0, at)));
}

Value count(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const auto bound = bind("count", arguments, {"sub", "start", "end"}, 1);
  std::size_t first = 0;
  const std::string_view text = window(self.string(), bound[1], bound[2], &first);
  const std::string& part = text_argument(*bound[0]);
  if (part.empty()) return static_cast<std::int64_t>(count_points(text) + 1);
  std::int64_t found = 0;
  for (std::size_t at = find_part(text, part, 0); at != text.npos;
       at = find_part(text, part, at + part.size())) {
    runtime.budget.step();
    ++found;
  }
  return found;
}

Value replaced(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const auto bound = bind("replace", arguments, {"old", "new", "count"}, 2);
  return replace(runtime, self.string(), text_argument(*bound[0]), text_argument(*bound[1]),
                 whole_argument(bound[2], -1));
}

template <bool kAtStart>
Value remove_affix(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const std::string& affix = text_argument(*bind("removeprefix", arguments, {"prefix"}, 1)[0]);
  std::string_view text = self.string();
  if (kAtStart && text.starts_with(affix)) text.remove_prefix(affix.size());
  if (!kAtStart && text.ends_with(affix)) text.remove_suffix(affix.size());
  return make_string(runtime, std::string(text));
}

Value join(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const auto bound = bind("join", arguments, {"iterable"}, 1);
  std::string text;
  bool first = true;
  for (const Value& item : iterate(runtime, *bound[0])) {
    const std::string& part = text_argument(item);
    runtime.budget.allocate(part.size() + self.string().size());
    if (!first) text += self.string();
    first = false;
    text += part;
  }
  return text;
}

Value format(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return format_braces(runtime, self.string(), arguments);
}

enum class Align { left, right, center };

template <Align kAlign>
Value justified(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const auto bound = bind("ljust", arguments, {"width", "fillchar"}, 1);
  const std::string fill = bound[1] != nullptr ? text_argument(*bound[1]) : " ";
  if (count_points(fill) != 1) throw bad_input("the fill must be one character");
  const auto length = static_cast<std::int64_t>(count_points(self.string()));
  const std::int64_t width = whole_argument(bound[0], 0);
  if (width <= length) return self;
  const auto missing = static_cast<std::size_t>(width - length);
  runtime.budget.allocate(missing);
  // Python's center puts the odd column left when the width is odd.
  const std::size_t left = kAlign == Align::left ? 0
                           : kAlign == Align::right
                               ? missing
                               : missing / 2 + (missing & static_cast<std::size_t>(width) & 1);
  std::string text;
  for (std::size_t i = 0; i < left; ++i) text += fill;
  text += self.string();
  for (std::size_t i = left; i < missing; ++i) text += fill;
  return text;
}

Value zfill(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const std::int64_t width = whole_argument(bind("zfill", arguments, {"width"}, 1)[0], 0);
  std::string text = self.string();
  const auto length = static_cast<std::int64_t>(count_points(text));
  if (width <= length) return self;
  runtime.budget.allocate(static_cast<std::size_t>(width - length));
  const std::size_t sign = !text.empty() && (text[0] == '-' || text[0] == '+');
  return text.insert(sign, static_cast<std::size_t>(width - length), '0');
}

enum class Class { alpha, digit, alnum, space, ascii };

template <Class kClass>
Value consists_of(Runtime& runtime, const Value& self, const Arguments& arguments) {
  bind("the method", arguments, {}, 0);
  std::string_view text = self.string();
  runtime.budget.step(text.size() / 16);
  if (text.empty()) return kClass == Class::ascii;
  while (!text.empty()) {
    const CodePoint point = decode_utf8(text);
    text.remove_prefix(point.length);
    const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(point.value));
    const bool letter = category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
    const bool digit = category == UTF8PROC_CATEGORY_ND;
    const bool fits = kClass == Class::alpha   ? letter
                      : kClass == Class::digit ? digit
                      : kClass == Class::alnum ? letter || digit
                      : kClass == Class::space ? is_space(point.value)
                                               : point.value < 0x80;
    if (!fits) return false;
  }
  return true;
}

template <bool kUpper>
Value is_case(Runtime& runtime, const Value& self, const Arguments& arguments) {
  bind("the method", arguments, {}, 0);
  const std::string& text = self.string();
  runtime.budget.allocate(2 * text.size());
  const std::string same = kUpper ? upper(text) : lower(text);
  return text == same && text != (kUpper ? lower(text) : upper(text));
}

template <List::Form kForm>
Value view(Runtime& runtime, const Value& self, const Arguments& arguments) {
  bind("the method", arguments, {}, 0);
  std::vector<Value> items;
  for (const auto& [key, value] : self.dict().entries) {
    runtime.budget.step();
    if (kForm == List::Form::keys) items.push_back(key);
    if (kForm == List::Form::values) items.push_back(value);
    if (kForm == List::Form::items) {
      items.push_back(make_list(runtime, {key, value}, List::Form::tuple));
    }
  }
  return make_list(runtime, std::move(items), kForm);
}

Value get(Runtime&, const Value& self, const Arguments& arguments) {
  const auto bound = bind("get", arguments, {"key", "default"}, 1);
  const Value* found = self.dict().find(*bound[0]);
  if (found != nullptr) return *found;
  return bound[1] != nullptr ? *bound[1] : Value(None{});
}

Value copy(Runtime&, const Value& self, const Arguments& arguments) {
  bind("copy", arguments, {}, 0);
  return self;
}

template <bool kCounts>
Value search_list(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const auto bound = bind(kCounts ? "count" : "index", arguments, {"value"}, 1);
  const auto& items = self.list().items;
  std::int64_t found = 0;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!equal(runtime, items[i], *bound[0])) continue;
    if (!kCounts) return static_cast<std::int64_t>(i);
    ++found;
  }
  if (!kCounts) throw bad_input("the value is not in the list");
  return found;
}

Value refuse_change(Runtime&, const Value& self, const Arguments&) {
  throw bad_input(fmt::format("a template may not change a '{}'", type_name(self)), {},
                  "build a new one, or keep state in a namespace");
}

struct Named {
  std::string_view name;
  Method method;
};

constexpr Named kStringMethods[] = {{"strip", stripped<Side::both>},
                                    {"lstrip", stripped<Side::left>},
                                    {"rstrip", stripped<Side::right>},
                                    {"startswith", has_affix<true>},
                                    {"endswith", has_affix<false>},
                                    {"split", split<false>},
                                    {"rsplit", split<true>},
                                    {"splitlines", splitlines},
                                    {"partition", partition<false>},
                                    {"rpartition", partition<true>},
                                    {"replace", replaced},
                                    {"upper", recased<upper>},
                                    {"lower", recased<lower>},
                                    {"casefold", recased<lower>},
                                    {"title", recased<title>},
                                    {"capitalize", recased<capitalize>},
                                    {"find", seek<Seek::find>},
                                    {"rfind", seek<Seek::rfind>},
                                    {"index", seek<Seek::index>},
                                    {"rindex", seek<Seek::rindex>},
                                    {"count", count},
                                    {"join", join},
                                    {"format", format},
                                    {"removeprefix", remove_affix<true>},
                                    {"removesuffix", remove_affix<false>},
                                    {"ljust", justified<Align::left>},
                                    {"rjust", justified<Align::right>},
                                    {"center", justified<Align::center>},
                                    {"zfill", zfill},
                                    {"isalpha", consists_of<Class::alpha>},
                                    {"isdigit", consists_of<Class::digit>},
                                    {"isdecimal", consists_of<Class::digit>},
                                    {"isnumeric", consists_of<Class::digit>},
                                    {"isalnum", consists_of<Class::alnum>},
                                    {"isspace", consists_of<Class::space>},
                                    {"isascii", consists_of<Class::ascii>},
                                    {"isupper", is_case<true>},
                                    {"islower", is_case<false>}};

constexpr Named kDictMethods[] = {{"get", get},
                                  {"items", view<List::Form::items>},
                                  {"keys", view<List::Form::keys>},
                                  {"values", view<List::Form::values>},
                                  {"copy", copy}};

constexpr Named kListMethods[] = {
    {"index", search_list<false>}, {"count", search_list<true>}, {"copy", copy}};

// What Jinja's immutable sandbox forbids: calling one of these fails.
constexpr std::string_view kDictChanges[] = {"clear", "pop", "popitem", "setdefault", "update"};
constexpr std::string_view kListChanges[] = {"append", "clear",  "extend",  "insert",
                                             "pop",    "remove", "reverse", "sort"};

template <std::size_t kCount>
Method find(const Named (&methods)[kCount], std::string_view name) {
  const auto* at = std::find_if(std::begin(methods), std::end(methods),
                                [&](const Named& entry) { return entry.name == name; });
  return at == std::end(methods) ? nullptr : at->method;
}

template <std::size_t kCount>
bool is_change(const std::string_view (&names)[kCount], std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

}  // namespace

Value find_method(Runtime& runtime, const Value& self, const std::string& name) {
  Method method = nullptr;
  if (self.is(Kind::string)) method = find(kStringMethods, name);
  if (self.is(Kind::dict)) {
    method = is_change(kDictChanges, name) && self.dict().find(std::string_view(name)) == nullptr
                 ? refuse_change
                 : find(kDictMethods, name);
  }
  if (self.is(Kind::list) && self.list().form == List::Form::list) {
    method = is_change(kListChanges, name) ? refuse_change : find(kListMethods, name);
  }
  if (method == nullptr) return {};
  return std::shared_ptr<const Callable>(
      std::make_shared<BoundMethod>(runtime, self, name, method));
}

}  // namespace jielong::jinja
