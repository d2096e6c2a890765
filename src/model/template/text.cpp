#include <fmt/format.h>
#include <utf8proc.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "base/utf8.h"
#include "model/template/value.h"

namespace jielong::jinja {
namespace {

/// str.isprintable() of one code point.
bool is_printable(char32_t point) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(point))) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP: return false;
    case UTF8PROC_CATEGORY_ZS: return point == ' ';
    default: return true;
  }
}

std::string string_repr(std::string_view text) {
  const bool double_quotes = text.find('\'') != text.npos && text.find('"') == text.npos;
  const char quote = double_quotes ? '"' : '\'';
  std::string out(1, quote);
  while (!text.empty()) {
    const CodePoint point = decode_utf8(text);
    const char32_t value = point.value;
    if (value == '\\' || value == static_cast<char32_t>(quote)) {
      out += '\\';
      out += static_cast<char>(value);
    } else if (value == '\n') {
      out += "\\n";
    } else if (value == '\r') {
      out += "\\r";
    } else if (value == '\t') {
      out += "\\t";
    } else if (is_printable(value)) {
      out += text.substr(0, point.length);
    } else if (value < 0x100) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned>(value));
    } else if (value < 0x10000) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(value));
    } else {
      out += fmt::format("\\U{:08x}", static_cast<unsigned>(value));
    }
    text.remove_prefix(point.length);
  }
  return out + quote;
}

/// Writes values as repr() does.
class ReprWriter {
 public:
  explicit ReprWriter(Runtime& runtime) : runtime_(runtime) {}

  void write(const Value& value) {
    const DepthGuard guard(runtime_.budget);
    switch (value.kind()) {
      case Kind::undefined: return add("Undefined");
      case Kind::none: return add("None");
      case Kind::boolean: return add(value.boolean() ? "True" : "False");
      case Kind::integer: return add(fmt::format("{}", value.integer()));
      case Kind::real: return add(real_text(value.real()));
      case Kind::string: return add(string_repr(value.string()));
      case Kind::list: return write_list(value.list());
      case Kind::dict: return write_dict(value.dict());
      case Kind::names: return write_names(value.names());
      case Kind::loop:
        return add(fmt::format("<LoopContext {}/{}>", value.loop()->index + 1,
                               value.loop()->items.size()));
      case Kind::callable: return add(fmt::format("<function {}>", value.callable()->name()));
    }
  }

  std::string take() { return std::move(out_); }

 private:
  void add(std::string_view text) {
    runtime_.budget.step();
    runtime_.budget.allocate(text.size());
    out_ += text;
  }

  void write_items(const std::vector<Value>& items) {
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (i > 0) add(", ");
      write(items[i]);
    }
  }

  void write_list(const List& list) {
    using Form = List::Form;
    switch (list.form) {
      case Form::list:
        add("[");
        write_items(list.items);
        return add("]");
      case Form::tuple:
        add("(");
        write_items(list.items);
        return add(list.items.size() == 1 ? ",)" : ")");
      case Form::range: {
        // A range is kept as its numbers; its ends follow from them.
        if (list.items.empty()) return add("range(0, 0)");
        const std::int64_t first = list.items.front().integer();
        const std::int64_t step = list.items.size() > 1 ? list.items[1].integer() - first : 1;
        const std::int64_t end = list.items.back().integer() + step;
        return add(step == 1 ? fmt::format("range({}, {})", first, end)
                             : fmt::format("range({}, {}, {})", first, end, step));
      }
      case Form::generator: return add("<generator object>");
      case Form::keys:
      case Form::values:
      case Form::items: break;
    }
    add(list.form == Form::keys     ? "dict_keys(["
        : list.form == Form::values ? "dict_values(["
                                    : "dict_items([");
    write_items(list.items);
    add("])");
  }

  void write_dict(const Dict& dict) {
    add("{");
    bool first = true;
    for (const auto& [key, value] : dict.entries) {
      if (!first) add(", ");
      first = false;
      write(key);
      add(": ");
      write(value);
    }
    add("}");
  }

  void write_names(const Namespace& names) {
    std::vector<std::string> keys;
    for (const auto& entry : names.values) keys.push_back(entry.first);
    std::sort(keys.begin(), keys.end());
    add("<Namespace {");
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (i > 0) add(", ");
      add(string_repr(keys[i]));
      add(": ");
      write(names.values.at(keys[i]));
    }
    add("}>");
  }

  Runtime& runtime_;
  std::string out_;
};

/// Writes values as Python's json.dumps does.
class JsonWriter {
 public:
  JsonWriter(Runtime& runtime, const JsonStyle& style) : runtime_(runtime), style_(style) {}

  void write(const Value& value) {
    const DepthGuard guard(runtime_.budget);
    switch (value.kind()) {
      case Kind::none:
      case Kind::boolean:
      case Kind::integer:
      case Kind::real: return add(scalar(value));
      case Kind::string: return write_string(value.string());
      case Kind::dict: return write_dict(value.dict());
      case Kind::list:
        if (value.list().form == List::Form::list || value.list().form == List::Form::tuple) {
          return write_list(value.list());
        }
        break;
      case Kind::undefined: throw bad_input(value.why());
      default: break;
    }
    throw bad_input(fmt::format("Object of type {} is not JSON serializable", type_name(value)));
  }

  std::string take() { return std::move(out_); }

 private:
  static std::string scalar(const Value& value) {
    if (value.is(Kind::none)) return "null";
    if (value.is(Kind::boolean)) return value.boolean() ? "true" : "false";
    if (value.is(Kind::integer)) return fmt::format("{}", value.integer());
    const double number = value.real();
    if (std::isnan(number)) return "NaN";
    if (std::isinf(number)) return number > 0 ? "Infinity" : "-Infinity";
    return real_text(number);
  }

  void add(std::string_view text) {
    runtime_.budget.step();
    runtime_.budget.allocate(text.size());
    out_ += text;
  }

  void add_unit(char32_t unit) { out_ += fmt::format("\\u{:04x}", static_cast<unsigned>(unit)); }

  void write_string(std::string_view text) {
    runtime_.budget.step();
    runtime_.budget.allocate(text.size());
    out_ += '"';
    while (!text.empty()) {
      const CodePoint point = decode_utf8(text);
      switch (point.value) {
        case '"': out_ += "\\\""; break;
        case '\\': out_ += "\\\\"; break;
        case '\n': out_ += "\\n"; break;
        case '\r': out_ += "\\r"; break;
        case '\t': out_ += "\\t"; break;
        case '\f': out_ += "\\f"; break;
        case '\b': out_ += "\\b"; break;
        default:
          if (point.value < 0x20) {
            add_unit(point.value);
          } else if (style_.ensure_ascii && point.value > 0x7E && point.value < 0x10000) {
            add_unit(point.value);
          } else if (style_.ensure_ascii && point.value >= 0x10000) {
            add_unit(0xD800 + ((point.value - 0x10000) >> 10));
            add_unit(0xDC00 + ((point.value - 0x10000) & 0x3FF));
          } else {
            out_ += text.substr(0, point.length);
          }
      }
      text.remove_prefix(point.length);
    }
    out_ += '"';
  }

  void new_line(std::size_t level) {
    std::string line = "\n";
    for (std::size_t i = 0; i < level; ++i) line += style_.indent;
    add(line);
  }

  /// Writes `count` items between brackets, each by `write_item(index)`.
  template <typename WriteItem>
  void write_group(char open, char close, std::size_t count, const WriteItem& write_item) {
    add(std::string_view(&open, 1));
    ++level_;
    for (std::size_t i = 0; i < count; ++i) {
      if (i > 0) add(style_.item_separator);
      if (style_.indented) new_line(level_);
      write_item(i);
    }
    --level_;
    if (style_.indented && count > 0) new_line(level_);
    add(std::string_view(&close, 1));
  }

  void write_list(const List& list) {
    write_group('[', ']', list.items.size(), [&](std::size_t i) { write(list.items[i]); });
  }

  void write_dict(const Dict& dict) {
    std::vector<const std::pair<Value, Value>*> entries;
    for (const auto& entry : dict.entries) entries.push_back(&entry);
    if (style_.sort_keys) {
      std::stable_sort(entries.begin(), entries.end(), [&](const auto* a, const auto* b) {
        return compare(runtime_, a->first, b->first) < 0;
      });
    }
    write_group('{', '}', entries.size(), [&](std::size_t i) {
      const Value& key = entries[i]->first;
      if (key.is(Kind::string)) {
        write_string(key.string());
      } else if (key.is_number() || key.is(Kind::none)) {
        add('"' + scalar(key) + '"');
      } else {
        throw bad_input(
            fmt::format("keys must be str, int, float, bool or None, not {}", type_name(key)));
      }
      add(style_.key_separator);
      write(entries[i]->second);
    });
  }

  Runtime& runtime_;
  const JsonStyle& style_;
  std::string out_;
  std::size_t level_ = 0;
};

}  // namespace

std::string real_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  // The shortest digits that read back to the same number, as d.ddde±xx.
  char buffer[64];
  const auto end =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific);
  const std::string_view text(buffer, static_cast<std::size_t>(end.ptr - buffer));
  const std::size_t e = text.find('e');
  int exponent = 0;
  const std::size_t sign = text[e + 1] == '+' ? e + 2 : e + 1;
  std::from_chars(buffer + sign, end.ptr, exponent);
  std::string digits;
  for (const char c : text.substr(0, e)) {
    if (c >= '0' && c <= '9') digits += c;
  }
  std::string out = std::signbit(value) ? "-" : "";
  const int count = static_cast<int>(digits.size());
  if (exponent < -4 || exponent >= 16) {
    out += digits[0];
    if (count > 1) out += "." + digits.substr(1);
    return out + fmt::format("e{}{:02}", exponent < 0 ? '-' : '+', std::abs(exponent));
  }
  if (exponent < 0)
    return out + "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
  if (count <= exponent + 1) {
    return out + digits + std::string(static_cast<std::size_t>(exponent + 1 - count), '0') + ".0";
  }
  const auto whole = static_cast<std::size_t>(exponent + 1);
  return out + digits.substr(0, whole) + "." + digits.substr(whole);
}

std::string to_repr(Runtime& runtime, const Value& value) {
  ReprWriter writer(runtime);
  writer.write(value);
  return writer.take();
}

std::string to_text(Runtime& runtime, const Value& value) {
  if (value.is(Kind::string)) return value.string();
  if (value.is(Kind::undefined)) return "";
  return to_repr(runtime, value);
}

std::string to_json_text(Runtime& runtime, const Value& value, const JsonStyle& style) {
  JsonWriter writer(runtime, style);
  writer.write(value);
  return writer.take();
}

}  // namespace jielong::jinja
