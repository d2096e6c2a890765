#include "generate/constraint/schema_object.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "generate/constraint/schema_strings.h"

namespace jielong {
namespace {

bool is_false(const Schema& schema) {
  return schema.json->is_boolean() && !schema.json->get<bool>();
}

bool forbids(const Conjunction& schemas) {
  return std::any_of(schemas.begin(), schemas.end(), is_false);
}

}  // namespace

ObjectWriter::ObjectWriter(ExprPool& pool, JsonWriter& writer, ShapeMaker& shapes,
                           ValueRules& rules)
    : pool_(pool), writer_(writer), shapes_(shapes), rules_(rules) {}

ExprId ObjectWriter::write(const Shape& shape) {
  if (shape.objects.empty() && shape.required.empty() && shape.names.empty() &&
      shape.min_properties == 0 && !shape.max_properties) {
    return writer_.any_object();
  }
  std::vector<std::string> names;  // of the properties, also those that may not be
  const std::vector<Named> named = named_members(shape, names);
  const ExprId other = pool_.choice(other_members(shape, names));
  return pool_.sequence({pool_.literal("{"), join(shape, named, other), pool_.literal("}")});
}

std::vector<ObjectWriter::Named> ObjectWriter::named_members(const Shape& shape,
                                                             std::vector<std::string>& names) {
  const auto add_name = [&](const std::string& name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  for (const Shape::ObjectPart& part : shape.objects) {
    for (const auto& [name, schema] : part.properties) add_name(name);
  }
  for (const std::string& name : shape.required) add_name(name);

  std::vector<Named> named;
  for (const std::string& name : names) {
    Conjunction schemas = shapes_.property(shape, name);
    const bool required =
        std::find(shape.required.begin(), shape.required.end(), name) != shape.required.end();
    const bool forbidden = forbids(schemas) || (!shape.names.empty() &&
                                                !shapes_.accepts(shape.names, OrderedJson(name)));
    if (forbidden && !required) continue;
    const ExprId value = forbidden ? pool_.nothing() : rules_.value(std::move(schemas));
    named.push_back({writer_.member(writer_.string(name), value), required});
  }
  return named;
}

/// All names but those of the properties, as far as propertyNames lets them.
CharAutomaton ObjectWriter::free_names(const Shape& shape, const std::vector<std::string>& names) {
  CharAutomaton free = CharAutomaton::anything();
  if (!names.empty()) {
    ExprPool scratch(pool_.limits());
    std::vector<ExprId> taken;
    for (const std::string& name : names) taken.push_back(scratch.literal(name));
    free = CharAutomaton::of(scratch, scratch.choice(taken)).complement();
  }
  if (shape.names.empty()) return free;
  // A name has one of the shapes; their automata are complemented to take the union.
  CharAutomaton none_of_them = CharAutomaton::anything();
  for (const Shape& name : shapes_.expand(shape.names)) {
    if ((name.types & Shape::kString) == 0) continue;
    CharAutomaton strings = string_automaton(name, pool_.limits());
    if (name.values) {
      ExprPool scratch(pool_.limits());
      std::vector<ExprId> listed;
      for (const OrderedJson* value : *name.values) {
        if (!value->is_string()) continue;
        listed.push_back(scratch.literal(value->get_ref<const std::string&>()));
      }
      strings =
          strings.intersect(CharAutomaton::of(scratch, scratch.choice(listed)), pool_.limits());
    }
    none_of_them = none_of_them.intersect(strings.complement(), pool_.limits());
  }
  return free.intersect(none_of_them.complement(), pool_.limits());
}

ExprId ObjectWriter::member_of(const CharAutomaton& names, ExprId value) {
  const ExprId name =
      names.write(pool_, [&](const CharSet& set) { return writer_.plain_character(set); });
  return writer_.member(writer_.quoted(name), value);
}

std::vector<ExprId> ObjectWriter::other_members(const Shape& shape,
                                                const std::vector<std::string>& names) {
  std::vector<std::tuple<std::string, Schema, std::size_t>> patterns;  // and their part
  bool open = false, lists_some = !shape.required.empty();
  for (std::size_t i = 0; i < shape.objects.size(); ++i) {
    const Shape::ObjectPart& part = shape.objects[i];
    for (const auto& [name, schema] : part.properties) {
      lists_some |= !part.negated && !is_false(schema);
    }
    for (const auto& [pattern, schema] : part.patterns) patterns.emplace_back(pattern, schema, i);
    open = open || part.additional;
  }
  // Who lists properties and says no more means these.
  open = open || (!lists_some && patterns.empty());
  constexpr std::size_t kMostPatterns = 6;
  if (patterns.size() > kMostPatterns) {
    throw_grammar_limit("patternProperties at once", kMostPatterns,
                        "JSON Schema, #" + shape.pointer);
  }
  if (!open && patterns.empty()) return {};

  const CharAutomaton free = free_names(shape, names);
  std::vector<ExprId> members;
  // For each set of patterns, the names that match exactly these.
  for (std::size_t chosen = 0; chosen < std::size_t{1} << patterns.size(); ++chosen) {
    if (chosen == 0 && !open) continue;
    CharAutomaton fitting = free;
    Conjunction schemas;
    std::vector<bool> matched(shape.objects.size(), false);
    for (std::size_t i = 0; i < patterns.size(); ++i) {
      const auto& [pattern, schema, part] = patterns[i];
      const bool matches = ((chosen >> i) & 1) != 0;
      CharAutomaton automaton = CharAutomaton::anything();
      try {
        automaton = pattern_automaton(pattern, RegexMatch::search, pool_.limits());
      } catch (const Error& error) {
        throw error.within("JSON Schema, #" + schema.pointer);
      }
      fitting = fitting.intersect(matches ? automaton : automaton.complement(), pool_.limits());
      if (!matches) continue;
      schemas.push_back(schema);
      matched[part] = true;
    }
    for (std::size_t i = 0; i < shape.objects.size(); ++i) {
      const auto& additional = shape.objects[i].additional;
      if (!matched[i] && additional) schemas.push_back(*additional);
    }
    if (forbids(schemas) || fitting.empty()) continue;
    members.push_back(member_of(fitting, rules_.value(std::move(schemas))));
  }
  return members;
}

/// Points of the way through an object: how many of the named properties have been passed, how
/// many members are certainly different, and how many others came behind the first other one
/// (two of them may have the same name, so they do not count towards minProperties).
ExprId ObjectWriter::join(const Shape& shape, const std::vector<Named>& named, ExprId other) {
  const std::size_t least = shape.min_properties;
  const bool bounded = shape.max_properties.has_value();
  const std::size_t most = shape.max_properties.value_or(0);
  const std::size_t counted = std::max<std::size_t>({least, most, 1});  // as far as it matters
  constexpr std::size_t kMostPoints = 20'000;

  ExprGraph graph;
  std::map<std::tuple<std::size_t, std::size_t, std::size_t>, std::uint32_t> points;
  std::vector<std::tuple<std::size_t, std::size_t, std::size_t>> work;
  const auto point = [&](std::size_t passed, std::size_t count, std::size_t more) {
    count = std::min(count, counted);
    const auto key = std::tuple(passed, count, more);
    const auto [entry, added] = points.try_emplace(key, static_cast<std::uint32_t>(points.size()));
    if (added) {
      if (points.size() > kMostPoints) {
        throw_grammar_limit("properties to count", kMostPoints, "JSON Schema, #" + shape.pointer);
      }
      work.push_back(key);
    }
    return entry->second;
  };
  std::vector<std::uint32_t> full, bare;  // where the object may end, with and without members
  point(0, 0, 0);
  std::map<std::pair<ExprId, bool>, ExprId> labels;
  const auto label = [&](ExprId member, bool first) {
    const auto [entry, added] = labels.try_emplace(std::pair(member, first), 0);
    if (added) {
      entry->second = pool_.sequence({first ? writer_.space() : writer_.comma(), member});
    }
    return entry->second;
  };
  while (!work.empty()) {
    const auto [passed, count, more] = work.back();
    work.pop_back();
    const std::uint32_t here = point(passed, count, more);
    const bool room = !bounded || count + more < most;
    if (passed < named.size()) {
      if (room) {
        graph.edges.push_back(
            {here, label(named[passed].member, count == 0), point(passed + 1, count + 1, 0)});
      }
      if (!named[passed].required) {
        graph.edges.push_back({here, pool_.empty(), point(passed + 1, count, 0)});
      }
      continue;
    }
    // named.size() + 1: behind the first other member.
    if (room && other != pool_.nothing()) {
      const bool first_other = passed == named.size();
      const std::uint32_t next = first_other ? point(passed + 1, count + 1, 0)
                                             : point(passed, count, bounded ? more + 1 : 0);
      graph.edges.push_back({here, label(other, count == 0), next});
    }
    if (count >= least) (count == 0 ? bare : full).push_back(here);
  }
  const auto end = static_cast<std::uint32_t>(points.size());
  graph.points = end + 1;
  graph.ends = {end};
  for (const std::uint32_t from : full) graph.edges.push_back({from, writer_.space(), end});
  for (const std::uint32_t from : bare) graph.edges.push_back({from, pool_.empty(), end});
  return pool_.graph(std::move(graph));
}

}  // namespace jielong
