#include "generate/constraint/schema_numbers.h"

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "base/error.h"

namespace jielong {
namespace {

constexpr std::size_t kWholeDigits = 18, kFractionDigits = 17;

/// Expressions over decimal digits.
class DigitWriter {
 public:
  explicit DigitWriter(ExprPool& pool) : pool_(pool) {}

  ExprId digit(char first, char last) {
    if (first > last) return pool_.nothing();
    return pool_.chars({{static_cast<char32_t>(first), static_cast<char32_t>(last)}});
  }
  ExprId digits(std::size_t least, std::size_t most) {
    if (most < least) return pool_.nothing();
    return pool_.repeat(digit('0', '9'), least, most);
  }

  /// Whole numbers ≥ 0 of at most `most` digits.
  ExprId whole(std::size_t most) {
    return pool_.choice(
        {pool_.literal("0"), pool_.sequence({digit('1', '9'), digits(0, most - 1)})});
  }
  /// A point and digits, or nothing; only with `fractions`.
  ExprId any_fraction(bool fractions, std::size_t most) {
    if (!fractions) return pool_.empty();
    return pool_.optional(pool_.sequence({pool_.literal("."), digits(1, most)}));
  }

  /// Nothing, or a point with zeros behind it.
  ExprId zeros_behind_point() {
    return pool_.optional(
        pool_.sequence({pool_.literal("."), pool_.repeat(pool_.literal("0"), 1)}));
  }
  /// Whole numbers of any length; those with a point have at most 15 digits in all, which a
  /// double tells apart: readers must not round them over a bound.
  ExprId readable() {
    constexpr std::size_t kDigits = 15;
    std::vector<ExprId> choices = {pool_.repeat(digit('0', '9'), 1)};
    for (std::size_t whole_digits = 1; whole_digits < kDigits; ++whole_digits) {
      choices.push_back(pool_.sequence({digits(whole_digits, whole_digits), pool_.literal("."),
                                        digits(1, kDigits - whole_digits)}));
    }
    return pool_.sequence({pool_.optional(pool_.literal("-")), pool_.choice(choices)});
  }

  /// Numbers ≥ 0 that are above `bound`, or below it, or, if not exclusive, equal.
  ExprId compared(const Shape::Bound& bound, bool above, bool fractions) {
    const std::string& whole_part = bound.value.whole;
    const std::size_t size = whole_part.size();
    const std::size_t most = std::max(kWholeDigits, size);
    const std::size_t places = std::max(kFractionDigits, bound.value.fraction.size() + 1);
    const ExprId tail = any_fraction(fractions, places);
    std::vector<ExprId> choices;
    // Another number of digits, or the first digit that differs decides.
    if (above) {
      choices.push_back(
          pool_.sequence({digit('1', '9'), digits(size, std::max(most, size + 1) - 1), tail}));
    } else if (size > 1) {
      choices.push_back(pool_.sequence({whole(size - 1), tail}));
    }
    for (std::size_t i = 0; i < size; ++i) {
      const char c = whole_part[i];
      const char lowest = i == 0 && size > 1 ? '1' : '0';
      const ExprId other =
          above ? digit(static_cast<char>(c + 1), '9') : digit(lowest, static_cast<char>(c - 1));
      choices.push_back(pool_.sequence({pool_.literal(std::string_view(whole_part).substr(0, i)),
                                        other, digits(size - 1 - i, size - 1 - i), tail}));
    }
    choices.push_back(pool_.sequence(
        {pool_.literal(whole_part), compared_fraction(bound, above, fractions, places)}));
    return pool_.choice(choices);
  }

 private:
  /// What may stand behind the bound's own whole part.
  ExprId compared_fraction(const Shape::Bound& bound, bool above, bool fractions,
                           std::size_t places) {
    const std::string& limit = bound.value.fraction;
    std::vector<ExprId> choices;
    const ExprId nothing_behind = pool_.empty();
    if (above ? limit.empty() && !bound.exclusive : !limit.empty() || !bound.exclusive) {
      choices.push_back(nothing_behind);
    }
    if (!fractions) return pool_.choice(choices);
    const ExprId point = pool_.literal(".");
    for (std::size_t i = 0; i < limit.size(); ++i) {
      const ExprId same = pool_.literal(std::string_view(limit).substr(0, i));
      const char c = limit[i];
      const ExprId other =
          above ? digit(static_cast<char>(c + 1), '9') : digit('0', static_cast<char>(c - 1));
      choices.push_back(pool_.sequence({point, same, other, digits(0, places)}));
      if (!above && i > 0) choices.push_back(pool_.sequence({point, same}));
    }
    const ExprId zeros = pool_.repeat(pool_.literal("0"), 0, places);
    const ExprId all = pool_.literal(limit);
    if (above) {
      choices.push_back(pool_.sequence({point, all, zeros, digit('1', '9'), digits(0, places)}));
    }
    if (!bound.exclusive) {
      const ExprId more = limit.empty() ? pool_.repeat(pool_.literal("0"), 1, places) : zeros;
      choices.push_back(pool_.sequence({point, all, more}));
    }
    return pool_.choice(choices);
  }

  ExprPool& pool_;
};

/// Numbers whose value is a multiple of `step`, read digit by digit: a state is the rest so far
/// and how many digits behind the point were read.
CharAutomaton multiples_of(const Decimal& step, const GrammarLimits& limits) {
  const std::string digits = step.whole + step.fraction;
  const std::size_t places = step.fraction.size();
  const std::uint64_t divisor =
      digits.size() > 9 ? UINT64_MAX : std::strtoull(digits.c_str(), nullptr, 10);
  if (divisor > limits.automaton_states / (places + 2)) {
    throw Error(ErrorKind::limit, "multipleOf has too many digits to count with", "JSON Schema");
  }
  const auto modulus = static_cast<std::uint32_t>(divisor);
  // States: 0 the start, 1 behind the sign, then (phase, rest): phase 0 before the point, phase
  // 1 + n behind it and n digits.
  const auto state_of = [&](std::size_t phase, std::uint64_t rest) {
    return static_cast<std::uint32_t>(2 + phase * modulus + rest);
  };
  std::vector<CharAutomaton::State> states(2 + (places + 2) * modulus);
  const auto add_digits = [&](CharAutomaton::State& state, std::size_t phase, std::uint64_t rest) {
    for (std::uint32_t d = 0; d < 10; ++d) {
      const char32_t c = U'0' + d;
      state.edges.push_back({c, c, state_of(phase, (rest * 10 + d) % modulus)});
    }
  };
  states[0].edges.push_back({'-', '-', 1});
  add_digits(states[0], 0, 0);
  add_digits(states[1], 0, 0);
  for (std::size_t phase = 0; phase <= places + 1; ++phase) {
    const std::size_t read = phase == 0 ? 0 : phase - 1;
    for (std::uint32_t rest = 0; rest < modulus; ++rest) {
      CharAutomaton::State& state = states[state_of(phase, rest)];
      std::uint64_t scaled = rest;
      for (std::size_t i = read; i < places; ++i) scaled = scaled * 10 % modulus;
      state.accepts = scaled == 0;
      if (phase == 0) {
        state.edges.push_back({'.', '.', state_of(1, rest)});
        add_digits(state, 0, rest);
      } else if (read < places) {
        add_digits(state, phase + 1, rest);
      } else {
        // Digits finer than the step: only zeros.
        state.edges.push_back({'0', '0', state_of(phase, rest)});
      }
    }
  }
  return CharAutomaton(std::move(states));
}

}  // namespace

bool has_number_rules(const Shape& shape) {
  return shape.lower || shape.upper || !shape.multiples.empty() ||
         std::any_of(shape.excluded.begin(), shape.excluded.end(),
                     [](const OrderedJson* value) { return value->is_number(); });
}

CharAutomaton number_automaton(const Shape& shape, bool fractions, const GrammarLimits& limits) {
  ExprPool pool(limits);
  DigitWriter writer(pool);
  const ExprId minus = pool.literal("-");
  const auto negative = [&](ExprId magnitude) { return pool.sequence({minus, magnitude}); };
  const auto automaton_of = [&](const std::vector<ExprId>& choices) {
    return CharAutomaton::of(pool, pool.choice(choices));
  };
  const ExprId above_zero = writer.compared({Decimal{}, true}, true, fractions);
  const ExprId from_zero = writer.compared({Decimal{}, false}, true, fractions);

  CharAutomaton numbers = automaton_of({from_zero, negative(above_zero)});
  const auto restrict = [&](const CharAutomaton& other) {
    numbers = numbers.intersect(other, limits);
  };
  if (shape.lower) {
    // At least −b: from 0 on, and −x with x at most b.
    const bool below_zero = shape.lower->value.negative;
    const Shape::Bound bound{below_zero ? shape.lower->value.negated() : shape.lower->value,
                             shape.lower->exclusive};
    numbers = below_zero
                  ? automaton_of({from_zero, negative(writer.compared(bound, false, fractions))})
                  : automaton_of({writer.compared(bound, true, fractions)});
    restrict(automaton_of({pool.sequence({pool.literal("-0"), writer.zeros_behind_point()})})
                 .complement());
  }
  if (shape.upper) {
    const bool below_zero = shape.upper->value.negative;
    const Shape::Bound bound{below_zero ? shape.upper->value.negated() : shape.upper->value,
                             shape.upper->exclusive};
    restrict(below_zero
                 ? automaton_of({negative(writer.compared(bound, true, fractions))})
                 : automaton_of({writer.compared(bound, false, fractions), negative(above_zero)}));
  }
  for (const Decimal& step : shape.multiples) restrict(multiples_of(step, limits));
  for (const OrderedJson* value : shape.excluded) {
    const auto number = value->is_number() ? Decimal::of(*value) : std::nullopt;
    if (!number) continue;
    const ExprId spelled = pool.literal((number->negative ? "-" : "") + number->whole);
    const ExprId behind = number->fraction.empty()
                              ? writer.zeros_behind_point()
                              : pool.sequence({pool.literal("." + number->fraction),
                                               pool.repeat(pool.literal("0"), 0)});
    restrict(automaton_of({pool.sequence({spelled, behind})}).complement());
  }
  if (fractions) restrict(automaton_of({writer.readable()}));
  return numbers;
}

}  // namespace jielong
