#pragma once

#include <vector>

#include "generate/constraint/expression.h"

namespace jielong {

/// Which rules are laid out where they are called instead of being called: small ones and those
/// called once, if no recursion runs through them. A text then has fewer open rules, and more of
/// its state is the same elsewhere.
std::vector<bool> rules_to_inline(const ExprPool& pool, ExprId root);

}  // namespace jielong
