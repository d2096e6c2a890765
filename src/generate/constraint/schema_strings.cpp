#include "generate/constraint/schema_strings.h"

#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "base/error.h"

namespace jielong {
namespace {

// RFC 3339, with the months' lengths and leap years; leap seconds are left out.
#define JIELONG_LEAP_YEAR "([0-9][0-9](0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)"
#define JIELONG_DATE                                                                        \
  "([0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|" \
  "02-(0[1-9]|1[0-9]|2[0-8]))|" JIELONG_LEAP_YEAR "-02-29)"
#define JIELONG_TIME \
  "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
#define JIELONG_BYTE "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
#define JIELONG_LABEL "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
#define JIELONG_H16 "[0-9A-Fa-f]{1,4}"

constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kFormats = {{
    {"date", JIELONG_DATE},
    {"time", JIELONG_TIME},
    {"date-time", JIELONG_DATE "T" JIELONG_TIME},
    {"duration",
     "P([0-9]{1,9}W|[0-9]{1,9}Y([0-9]{1,9}M([0-9]{1,9}D)?)?|[0-9]{1,9}M([0-9]{1,9}D)?|[0-9]{1,9}D|"
     "(([0-9]{1,9}Y([0-9]{1,9}M([0-9]{1,9}D)?)?|[0-9]{1,9}M([0-9]{1,9}D)?|[0-9]{1,9}D)?"
     "T([0-9]{1,9}H([0-9]{1,9}M([0-9]{1,9}S)?)?|[0-9]{1,9}M([0-9]{1,9}S)?|[0-9]{1,9}S)))"},
    {"uuid", "[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"},
    {"email",
     "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,30}(\\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,30})?@"
     "([A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?\\.){1,3}[A-Za-z]{2,20}"},
    {"hostname", "(" JIELONG_LABEL "\\.){0,3}" JIELONG_LABEL},
    {"ipv4", JIELONG_BYTE "(\\." JIELONG_BYTE "){3}"},
    {"ipv6", "((" JIELONG_H16 ":){7}" JIELONG_H16 "|(" JIELONG_H16 ":){1,6}(:" JIELONG_H16 "){1,1}|"
             "(" JIELONG_H16 ":){1,5}(:" JIELONG_H16 "){1,2}|(" JIELONG_H16 ":){1,4}(:" JIELONG_H16
             "){1,3}|(" JIELONG_H16 ":){1,3}(:" JIELONG_H16 "){1,4}|(" JIELONG_H16
             ":){1,2}(:" JIELONG_H16 "){1,5}|" JIELONG_H16 ":(:" JIELONG_H16
             "){1,6}|:(:" JIELONG_H16 "){1,7}|(" JIELONG_H16 ":){1,7}:|::)"},
    {"uri",
     "[A-Za-z][A-Za-z0-9+.-]{0,20}:(//[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?"
     "(\\.[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?){0,4}(:[0-9]{1,5})?(/|(/"
     "[A-Za-z0-9._~!$&'()*+,;=:@-]+)+"
     "/?)?|[A-Za-z0-9._~!$&'()*+,;=:@-]+(/[A-Za-z0-9._~!$&'()*+,;=:@-]+)*)"
     "(\\?[A-Za-z0-9._~!$&'()*+,;=:@/?-]*)?(#[A-Za-z0-9._~!$&'()*+,;=:@/?-]*)?"},
}};

#undef JIELONG_LEAP_YEAR
#undef JIELONG_DATE
#undef JIELONG_TIME
#undef JIELONG_BYTE
#undef JIELONG_LABEL
#undef JIELONG_H16

CharAutomaton length_automaton(std::size_t least, std::optional<std::size_t> most,
                               const GrammarLimits& limits) {
  ExprPool pool(limits);
  const ExprId any = pool.chars(CharSet::all());
  return CharAutomaton::of(pool,
                           pool.repeat(any, least, most.value_or(std::size_t{Expr::kUnbounded})));
}

}  // namespace

std::optional<std::string_view> format_pattern(std::string_view format) {
  for (const auto& [name, pattern] : kFormats) {
    if (name == format) return pattern;
  }
  return std::nullopt;
}

CharAutomaton pattern_automaton(std::string_view pattern, RegexMatch match,
                                const GrammarLimits& limits) {
  ExprPool pool(limits);
  const ExprId root =
      parse_regex(pool, pattern, match, [&](const CharSet& set) { return pool.chars(set); });
  return CharAutomaton::of(pool, root);
}

CharAutomaton string_automaton(const Shape& shape, const GrammarLimits& limits) {
  CharAutomaton strings = CharAutomaton::anything();
  const auto restrict = [&](const CharAutomaton& other) {
    strings = strings.intersect(other, limits);
  };
  for (const std::string& pattern : shape.patterns) {
    restrict(pattern_automaton(pattern, RegexMatch::search, limits));
  }
  for (const std::string& pattern : shape.other_than_patterns) {
    restrict(pattern_automaton(pattern, RegexMatch::search, limits).complement());
  }
  for (const std::string& format : shape.formats) {
    if (const auto pattern = format_pattern(format)) {
      restrict(pattern_automaton(*pattern, RegexMatch::whole, limits));
    }
  }
  if (shape.min_length > 0 || shape.max_length) {
    if (shape.max_length && *shape.max_length < shape.min_length) {
      restrict(CharAutomaton({CharAutomaton::State{}}));
    } else {
      restrict(length_automaton(shape.min_length, shape.max_length, limits));
    }
  }
  ExprPool pool(limits);
  std::vector<ExprId> excluded;
  for (const OrderedJson* value : shape.excluded) {
    if (value->is_string()) excluded.push_back(pool.literal(value->get_ref<const std::string&>()));
  }
  if (!excluded.empty()) {
    restrict(CharAutomaton::of(pool, pool.choice(excluded)).complement());
  }
  return strings;
}

}  // namespace jielong
