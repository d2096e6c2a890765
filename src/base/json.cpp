#include "base/json.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "base/error.h"

namespace jielong {

namespace {

constexpr std::size_t kMaxOrderedKeys = 4096;

void check_depth(std::string_view text, const std::string& where, std::size_t max_depth) {
  // The parser keeps its own stack, but values are destroyed and walked
  // recursively, so depth is bounded before any value is built.
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > max_depth) {
        throw bad_input(fmt::format("JSON nests deeper than {} levels", max_depth),
                        fmt::format("{}, byte {}", where, i));
      }
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
}

[[noreturn]] void refuse_syntax(const std::string& where, std::size_t byte) {
  throw bad_input("is not valid JSON", fmt::format("{}, byte {}", where, byte),
                  "check the file or request for a typing error or a cut-off end");
}

}  // namespace

Json parse_json(std::string_view text, const std::string& where, std::size_t max_depth) {
  check_depth(text, where, max_depth);
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& error) {
    refuse_syntax(where, error.byte);
  } catch (const Json::out_of_range&) {
    throw bad_input("has a number too large to read", where);
  }
}

OrderedJson parse_ordered_json(std::string_view text, const std::string& where,
                               std::size_t max_depth) {
  check_depth(text, where, max_depth);
  std::vector<std::size_t> keys;  // met so far in each open object or list
  const auto count_keys = [&](int, OrderedJson::parse_event_t event, OrderedJson&) {
    using Event = OrderedJson::parse_event_t;
    if (event == Event::object_start || event == Event::array_start) keys.push_back(0);
    if (event == Event::object_end || event == Event::array_end) keys.pop_back();
    if (event == Event::key && ++keys.back() > kMaxOrderedKeys) {
      throw Error(ErrorKind::limit, fmt::format("an object has more than {} keys", kMaxOrderedKeys),
                  where);
    }
    return true;
  };
  try {
    return OrderedJson::parse(text, count_keys);
  } catch (const OrderedJson::parse_error& error) {
    refuse_syntax(where, error.byte);
  } catch (const OrderedJson::out_of_range&) {
    throw bad_input("has a number too large to read", where);
  }
}

std::string dump(const OrderedJson& json) {
  return json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

}  // namespace jielong
