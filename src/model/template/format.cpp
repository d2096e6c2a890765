#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/utf8.h"
#include "model/template/python_text.h"

namespace jielong::jinja {
namespace {

constexpr std::size_t kMaxWidth = 10'000;

/// One conversion: %[flags][width][.precision]type or
/// [[fill]align][sign][0][width][.precision]type.
struct Specification {
  std::string fill = " ";
  char align = '\0';  ///< '<', '>', '^' or '=' (padding after the sign)
  char sign = '-';
  bool alternate = false, grouped = false;
  std::size_t width = 0;
  int precision = -1;
  char type = '\0';
};

std::size_t read_width(std::string_view text, std::size_t& at) {
  std::size_t width = 0;
  while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
    width = width * 10 + static_cast<std::size_t>(text[at++] - '0');
    if (width > kMaxWidth) {
      throw Error(ErrorKind::limit,
                  fmt::format("a format asks for more than {} columns", kMaxWidth));
    }
  }
  return width;
}

std::string pad(std::string body, const Specification& spec, char default_align) {
  const std::size_t length = count_points(body);
  if (length >= spec.width) return body;
  const char align = spec.align != '\0' ? spec.align : default_align;
  const std::size_t missing = spec.width - length;
  const auto fill = [&](std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) text += spec.fill;
    return text;
  };
  if (align == '<') return body + fill(missing);
  if (align == '^') return fill(missing / 2) + body + fill(missing - missing / 2);
  if (align == '=') {
    const std::size_t sign = !body.empty() && (body[0] == '-' || body[0] == '+' || body[0] == ' ');
    return body.substr(0, sign) + fill(missing) + body.substr(sign);
  }
  return fill(missing) + body;
}

std::string group_digits(std::string text) {
  std::size_t end = text.find_first_not_of("0123456789");
  if (end == text.npos) end = text.size();
  for (std::size_t i = end; i > 3; i -= 3) text.insert(i - 3, ",");
  return text;
}

std::string number_text(const Value& value, const Specification& spec) {
  std::string body;
  bool negative = false;
  const char type = spec.type;
  const bool whole = !value.is(Kind::real);
  if (type == 'd' || type == 'i' || type == 'u' || type == 'x' || type == 'X' || type == 'o' ||
      type == 'b' || (whole && (type == '\0' || type == 'n'))) {
    double real = value.real();
    if (!whole && !(std::fabs(real) < 9e18)) throw bad_input("a number does not fit 64 bits");
    const std::int64_t number = whole ? value.integer() : static_cast<std::int64_t>(real);
    negative = number < 0;
    const std::uint64_t size =
        negative ? 0 - static_cast<std::uint64_t>(number) : static_cast<std::uint64_t>(number);
    switch (type) {
      case 'x': body = fmt::format("{}{:x}", spec.alternate ? "0x" : "", size); break;
      case 'X': body = fmt::format("{}{:X}", spec.alternate ? "0X" : "", size); break;
      case 'o': body = fmt::format("{}{:o}", spec.alternate ? "0o" : "", size); break;
      case 'b': body = fmt::format("{}{:b}", spec.alternate ? "0b" : "", size); break;
      default: body = fmt::format("{}", size);
    }
  } else {
    const double number = value.real();
    negative = std::signbit(number);
    const double size = std::fabs(number);
    const int precision = spec.precision >= 0 ? spec.precision : 6;
    switch (type) {
      case 'e': body = fmt::format("{:.{}e}", size, precision); break;
      case 'E': body = fmt::format("{:.{}E}", size, precision); break;
      case 'g': body = fmt::format("{:.{}g}", size, std::max(precision, 1)); break;
      case 'G': body = fmt::format("{:.{}G}", size, std::max(precision, 1)); break;
      case '%': body = fmt::format("{:.{}f}%", size * 100, precision); break;
      case '\0':
        body = spec.precision >= 0 ? fmt::format("{:.{}g}", size, std::max(precision, 1))
                                   : real_text(size);
        break;
      default: body = fmt::format("{:.{}f}", size, precision);
    }
  }
  if (spec.grouped) body = group_digits(std::move(body));
  if (negative) return "-" + body;
  return spec.sign == '-' ? body : spec.sign + body;
}

std::string cut(const std::string& text, int precision) {
  if (precision < 0) return text;
  const auto offsets = point_offsets(text);
  const auto count = static_cast<std::size_t>(precision);
  return count + 1 < offsets.size() ? text.substr(0, offsets[count]) : text;
}

Specification read_percent(std::string_view format, std::size_t& at) {
  Specification spec;
  bool zero = false, left = false;
  for (; at < format.size(); ++at) {
    const char c = format[at];
    if (c == '-')
      left = true;
    else if (c == '0')
      zero = true;
    else if (c == '+')
      spec.sign = '+';
    else if (c == ' ')
      spec.sign = spec.sign == '+' ? '+' : ' ';
    else if (c == '#')
      spec.alternate = true;
    else
      break;
  }
  spec.width = read_width(format, at);
  if (at < format.size() && format[at] == '.') {
    ++at;
    spec.precision = static_cast<int>(std::min<std::size_t>(read_width(format, at), 300));
  }
  if (at >= format.size()) throw bad_input("a '%' format is cut off");
  spec.type = format[at++];
  spec.align = left ? '<' : '>';
  if (zero && !left && spec.type != 's' && spec.type != 'r') {
    spec.fill = "0";
    spec.align = '=';
  }
  return spec;
}

Specification read_braces(std::string_view text) {
  Specification spec;
  std::size_t at = 0;
  const auto is_align = [](char c) { return c == '<' || c == '>' || c == '^' || c == '='; };
  if (!text.empty()) {
    const std::size_t first = decode_utf8(text).length;
    if (first < text.size() && is_align(text[first])) {
      spec.fill = text.substr(0, first);
      spec.align = text[first];
      at = first + 1;
    } else if (is_align(text[0])) {
      spec.align = text[0];
      at = 1;
    }
  }
  const auto take = [&](char c) { return at < text.size() && text[at] == c && ++at != 0; };
  if (at < text.size() && (text[at] == '+' || text[at] == '-' || text[at] == ' '))
    spec.sign = text[at++];
  spec.alternate = take('#');
  if (at < text.size() && text[at] == '0' && spec.align == '\0') {
    spec.fill = "0";
    spec.align = '=';
  }
  spec.width = read_width(text, at);
  spec.grouped = take(',');
  if (take('.'))
    spec.precision = static_cast<int>(std::min<std::size_t>(read_width(text, at), 300));
  if (at < text.size()) spec.type = text[at++];
  if (at != text.size()) throw bad_input(fmt::format("'{}' is not a format specification", text));
  return spec;
}

std::string formatted(Runtime& runtime, const Value& value, const Specification& spec) {
  if (value.is(Kind::undefined) && spec.type != 's' && spec.type != '\0')
    throw bad_input(value.why());
  if (spec.type == 'r') return pad(cut(to_repr(runtime, value), spec.precision), spec, '<');
  const bool as_text =
      spec.type == 's' || (spec.type == '\0' && (!value.is_number() || value.is(Kind::boolean)));
  if (as_text) return pad(cut(to_text(runtime, value), spec.precision), spec, '<');
  if (std::string_view("diuxXobeEfFgG%n").find(spec.type) == std::string_view::npos &&
      spec.type != '\0') {
    throw bad_input(fmt::format("unknown format code '{}'", spec.type));
  }
  if (!value.is_number()) {
    throw bad_input(fmt::format("a number is required by the format, not {}", type_name(value)));
  }
  return pad(number_text(value, spec), spec, '>');
}

}  // namespace

std::string format_percent(Runtime& runtime, const std::string& format, const Value& values) {
  const bool several = values.is(Kind::list) && values.list().form == List::Form::tuple;
  std::size_t next = 0;
  std::string out;
  const auto take = [&]() -> Value {
    if (several) {
      if (next >= values.list().items.size())
        throw bad_input("not enough arguments for the format");
      return values.list().items[next++];
    }
    if (next++ > 0) throw bad_input("not enough arguments for the format");
    return values;
  };
  for (std::size_t at = 0; at < format.size();) {
    runtime.budget.step();
    if (format[at] != '%') {
      out += format[at++];
      continue;
    }
    ++at;
    if (at < format.size() && format[at] == '%') {
      out += '%';
      ++at;
      continue;
    }
    Value value;
    bool named = false;
    if (at < format.size() && format[at] == '(') {
      const std::size_t end = format.find(')', at);
      if (end == format.npos) throw bad_input("a '%(' format is cut off");
      if (!values.is(Kind::dict)) throw bad_input("a '%(name)' format needs a dict");
      const std::string key = format.substr(at + 1, end - at - 1);
      const Value* found = values.dict().find(std::string_view(key));
      if (found == nullptr)
        throw bad_input(fmt::format("the format's name '{}' is not given", key));
      value = *found;
      named = true;
      at = end + 1;
    }
    const Specification spec = read_percent(format, at);
    if (!named) value = take();
    const std::string part = formatted(runtime, value, spec);
    runtime.budget.allocate(part.size());
    out += part;
  }
  const bool unused =
      several ? next < values.list().items.size() : next == 0 && !values.is(Kind::dict);
  if (unused) throw bad_input("not all arguments were used by the format");
  return out;
}

std::string format_braces(Runtime& runtime, const std::string& format, const Arguments& arguments) {
  std::string out;
  std::size_t next = 0;
  bool numbered = false;
  for (std::size_t at = 0; at < format.size();) {
    runtime.budget.step();
    const char c = format[at++];
    const bool doubled = at < format.size() && format[at] == c;
    if ((c == '{' || c == '}') && doubled) {
      out += c;
      ++at;
      continue;
    }
    if (c == '}') throw bad_input("a single '}' stands in a format");
    if (c != '{') {
      out += c;
      continue;
    }
    const std::size_t end = format.find('}', at);
    if (end == format.npos) throw bad_input("a '{' of a format is not closed");
    std::string_view field = std::string_view(format).substr(at, end - at);
    at = end + 1;
    Specification spec;
    if (const std::size_t colon = field.find(':'); colon != field.npos) {
      spec = read_braces(field.substr(colon + 1));
      field = field.substr(0, colon);
    }
    if (field.ends_with("!r") || field.ends_with("!s")) {
      spec.type = field.back();
      field.remove_suffix(2);
    }
    std::int64_t index = 0;
    Value value;
    if (field.empty() || read_whole(field, 10, &index)) {
      numbered |= !field.empty();
      if (field.empty()) index = static_cast<std::int64_t>(next++);
      if (numbered && next > 0) throw bad_input("a format numbers only some of its fields");
      if (index < 0 || static_cast<std::size_t>(index) >= arguments.positional.size()) {
        throw bad_input("not enough arguments for the format");
      }
      value = arguments.positional[static_cast<std::size_t>(index)];
    } else {
      const auto found = std::find_if(arguments.named.begin(), arguments.named.end(),
                                      [&](const auto& entry) { return entry.first == field; });
      if (found == arguments.named.end()) {
        throw bad_input(fmt::format("the format's name '{}' is not given", field));
      }
      value = found->second;
    }
    const std::string part = formatted(runtime, value, spec);
    runtime.budget.allocate(part.size());
    out += part;
  }
  return out;
}

}  // namespace jielong::jinja
