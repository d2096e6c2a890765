#include "generate/constraint/schema_array.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

namespace jielong {

ArrayWriter::ArrayWriter(ExprPool& pool, JsonWriter& writer, ShapeMaker& shapes, ValueRules& rules)
    : pool_(pool), writer_(writer), shapes_(shapes), rules_(rules) {}

ExprId ArrayWriter::write(const Shape& shape) {
  if (!shape.unique_items.empty() && !(shape.max_items && *shape.max_items <= 1)) {
    return write_set(shape);
  }
  if (shape.arrays.empty() && shape.contains.empty() && shape.min_items == 0 && !shape.max_items) {
    return writer_.any_array();
  }
  const Search search = search_of(shape);
  std::size_t prefix = 0;
  for (const Shape::ArrayPart& part : shape.arrays) prefix = std::max(prefix, part.prefix.size());
  const std::size_t most_found =
      search.asked == nullptr ? 0 : search.asked->most.value_or(search.asked->least);
  const bool exact = search.asked != nullptr && search.asked->most;
  // As far as numbers matter; more items or finds are alike.
  const std::size_t counted = shape.max_items.value_or(std::max(prefix, shape.min_items) + 1);
  if ((counted + 1) * (most_found + 1) > pool_.limits().repetition) {
    throw_grammar_limit("items of an array", pool_.limits().repetition,
                        "JSON Schema, #" + shape.pointer);
  }

  // Point (i, found): i items have been written, of which so many count.
  ExprGraph graph;
  std::map<std::pair<std::size_t, std::size_t>, std::uint32_t> points;
  std::vector<std::pair<std::size_t, std::size_t>> work;
  const auto point = [&](std::size_t written, std::size_t found) {
    const std::pair key(std::min(written, counted), std::min(found, most_found));
    const auto [entry, added] = points.try_emplace(key, static_cast<std::uint32_t>(points.size()));
    if (added) work.push_back(key);
    return entry->second;
  };
  std::map<std::pair<std::size_t, bool>, ExprId> labels;  // by item and whether it counts
  const auto label = [&](std::size_t index, bool counts) {
    const std::size_t kind = std::min(index, std::max<std::size_t>(prefix, 1));
    const auto [entry, added] = labels.try_emplace(std::pair(kind, counts), 0);
    if (!added) return entry->second;
    Conjunction schemas = ShapeMaker::item(shape, index);
    if (counts) {
      schemas.push_back(search.asked->schema);
    } else if (exact) {
      schemas.push_back(search.other);
    }
    const ExprId before = index == 0 ? writer_.space() : writer_.comma();
    return entry->second = pool_.sequence({before, rules_.value(std::move(schemas))});
  };
  std::vector<std::pair<std::uint32_t, bool>> ends;  // and whether anything was written
  point(0, 0);
  while (!work.empty()) {
    const auto [written, found] = work.back();
    work.pop_back();
    const std::uint32_t here = point(written, found);
    if (search.asked == nullptr || found >= search.asked->least) {
      if (written >= shape.min_items) ends.emplace_back(here, written > 0);
    }
    if (shape.max_items && written >= *shape.max_items) continue;
    graph.edges.push_back({here, label(written, false), point(written + 1, found)});
    const bool may_find = search.asked != nullptr && (!exact || found < most_found);
    if (may_find && most_found > 0) {
      graph.edges.push_back({here, label(written, true), point(written + 1, found + 1)});
    }
  }
  const auto end = static_cast<std::uint32_t>(points.size());
  graph.points = end + 1;
  graph.ends = {end};
  for (const auto& [from, filled] : ends) {
    graph.edges.push_back({from, filled ? writer_.space() : pool_.empty(), end});
  }
  return in_brackets(std::move(graph));
}

ArrayWriter::Search ArrayWriter::search_of(const Shape& shape) {
  Search search;
  for (const Shape::Contains& part : shape.contains) {
    if (part.least == 0 && !part.most) continue;  // any number will do
    if (search.asked != nullptr) {
      throw_unsupported_schema("more than one \"contains\" for the same list", part.schema.pointer);
    }
    search.asked = &part;
    if (part.most) search.other = shapes_.opposite(part.schema);
  }
  return search;
}

ExprId ArrayWriter::write_set(const Shape& shape) {
  bool plain = shape.contains.empty();
  for (const Shape::ArrayPart& part : shape.arrays) plain = plain && part.prefix.empty();
  const auto values = plain ? shapes_.listed_values(ShapeMaker::item(shape, 0)) : std::nullopt;
  if (!values) {
    throw_unsupported_schema("\"uniqueItems\" of items that are not listed by an enum",
                             shape.unique_items, "leave it out, or check the answer");
  }
  // Point (passed, written): of the first so many values, so many have been written.
  const std::size_t most = std::min(shape.max_items.value_or(values->size()), values->size());
  const std::size_t columns = most + 1;
  if ((values->size() + 1) * columns > pool_.limits().repetition) {
    throw_grammar_limit("items of a set", pool_.limits().repetition,
                        "JSON Schema, #" + shape.pointer);
  }
  ExprGraph graph;
  const auto point = [&](std::size_t passed, std::size_t written) {
    return static_cast<std::uint32_t>(passed * columns + written);
  };
  const std::uint32_t end = point(values->size() + 1, 0);
  graph.points = end + 1;
  graph.ends = {end};
  for (std::size_t passed = 0; passed < values->size(); ++passed) {
    const ExprId value = writer_.value(*(*values)[passed]);
    const ExprId first = pool_.sequence({writer_.space(), value});
    const ExprId next = pool_.sequence({writer_.comma(), value});
    for (std::size_t written = 0; written <= std::min(most, passed); ++written) {
      graph.edges.push_back({point(passed, written), pool_.empty(), point(passed + 1, written)});
      if (written == most) continue;
      graph.edges.push_back(
          {point(passed, written), written == 0 ? first : next, point(passed + 1, written + 1)});
    }
  }
  for (std::size_t written = shape.min_items; written <= most; ++written) {
    graph.edges.push_back(
        {point(values->size(), written), written == 0 ? pool_.empty() : writer_.space(), end});
  }
  return in_brackets(std::move(graph));
}

ExprId ArrayWriter::in_brackets(ExprGraph graph) {
  return pool_.sequence({pool_.literal("["), pool_.graph(std::move(graph)), pool_.literal("]")});
}

}  // namespace jielong
