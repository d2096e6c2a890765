#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "token/pair_table.h"
#include "token/subword.h"

namespace jielong {

/// Joins `symbols[left]` with its right neighbour.
inline void join_symbols(std::vector<Symbol>& symbols, std::int32_t left, Token result) {
  Symbol& a = symbols[static_cast<std::size_t>(left)];
  Symbol& b = symbols[static_cast<std::size_t>(a.next)];
  a.token = result;
  a.length += b.length;
  b.length = 0;
  a.next = b.next;
  if (b.next >= 0) symbols[static_cast<std::size_t>(b.next)].previous = left;
}

/// Merges neighbours until no rule fits. `find(left, right)` gives their Merge. Words of a few
/// symbols are scanned again after each merge, which beats a heap; longer ones take
/// O(n log n). Both do the same merges in the same order.
template <class Find>
void merge_symbols(SubwordScratch& scratch, Find find) {
  std::vector<Symbol>& symbols = scratch.symbols;
  if (symbols.size() < 2) return;
  const auto symbol = [&](std::int32_t i) -> Symbol& {
    return symbols[static_cast<std::size_t>(i)];
  };

  constexpr std::size_t kFewSymbols = 24;
  if (symbols.size() <= kFewSymbols) {
    Merge merges[kFewSymbols];  // of symbol i with its right neighbour
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
      merges[i] = find(symbols[i], symbols[i + 1]);
    }
    while (true) {
      std::int32_t best = -1;
      std::uint32_t priority = Merge::kNever;
      for (std::int32_t i = 0; symbol(i).next >= 0; i = symbol(i).next) {
        if (merges[i].priority < priority) {
          priority = merges[i].priority;
          best = i;
        }
      }
      if (best < 0) return;
      join_symbols(symbols, best, merges[best].result);
      const std::int32_t previous = symbol(best).previous;
      const std::int32_t next = symbol(best).next;
      if (next >= 0) merges[best] = find(symbol(best), symbol(next));
      if (previous >= 0) merges[previous] = find(symbol(previous), symbol(best));
    }
  }

  std::vector<MergeCandidate>& heap = scratch.candidates;
  heap.clear();
  const auto later = [](const MergeCandidate& a, const MergeCandidate& b) {
    return a.order > b.order;
  };
  const auto candidate = [&](std::int32_t left, MergeCandidate& out) {
    const Symbol& a = symbol(left);
    const Symbol& b = symbol(a.next);
    const Merge merge = find(a, b);
    if (merge.priority == Merge::kNever) return false;
    out = {std::uint64_t{merge.priority} << 32 | static_cast<std::uint32_t>(left),
           a.length + b.length, merge.result};
    return true;
  };
  MergeCandidate found;
  for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
    if (candidate(static_cast<std::int32_t>(i), found)) heap.push_back(found);
  }
  std::make_heap(heap.begin(), heap.end(), later);
  while (!heap.empty()) {
    const MergeCandidate top = heap.front();
    std::pop_heap(heap.begin(), heap.end(), later);
    heap.pop_back();
    const auto left = static_cast<std::int32_t>(top.order & 0xFFFFFFFFU);
    Symbol& a = symbol(left);
    if (a.length == 0 || a.next < 0 || a.length + symbol(a.next).length != top.length) continue;
    join_symbols(symbols, left, top.result);
    for (const std::int32_t i : {a.previous, left}) {
      if (i >= 0 && symbol(i).next >= 0 && candidate(i, found)) {
        heap.push_back(found);
        std::push_heap(heap.begin(), heap.end(), later);
      }
    }
  }
}

}  // namespace jielong
