#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/template/value.h"

namespace jielong::jinja {

struct Expression;
using ExpressionPointer = std::unique_ptr<Expression>;

/// What stands between the brackets of a call, filter or test.
struct CallArguments {
  std::vector<ExpressionPointer> positional;
  std::vector<std::pair<std::string, ExpressionPointer>> named;
  ExpressionPointer more_positional, more_named;  ///< *list and **dict
};

/// One node of an expression. The meaning of `children` by `kind`:
struct Expression {
  enum class Kind {
    constant,     ///< `value`
    name,         ///< the variable `text`
    list,         ///< items
    tuple,        ///< items
    dict,         ///< key, value, key, value, …
    attribute,    ///< object; `text` is the attribute
    item,         ///< object, key
    slice,        ///< object, start, stop, step; absent parts are null
    call,         ///< callee; `arguments`
    filter,       ///< input (null in a filter block); `text` is the filter
    test,         ///< input; `text` is the test
    negate,       ///< operand
    plus,         ///< operand
    logical_not,  ///< operand
    logical_and,  ///< left, right
    logical_or,   ///< left, right
    binary,       ///< left, right; `text` is the operator
    concat,       ///< items of a ~ b ~ c
    compare,      ///< first, second, …; `operators` stand between them
    conditional   ///< value, condition, otherwise (may be null)
  };
  Kind kind = Kind::constant;
  std::size_t offset = 0;  ///< in the source, in bytes
  std::size_t depth = 1;   ///< levels of nodes from here down
  std::string text;
  Value value;
  std::vector<ExpressionPointer> children;
  std::vector<std::string> operators;
  CallArguments arguments;
};

struct Statement;
using Block = std::vector<std::unique_ptr<Statement>>;

/// What an assignment or loop writes to: a name, an attribute of a namespace, or several.
struct Target {
  std::string name, attribute;
  std::vector<Target> parts;
};

struct Statement {
  enum class Kind {
    text,         ///< writes `text`
    output,       ///< writes `expression`
    conditional,  ///< `branches` in order, then `otherwise`
    loop,         ///< for `target` in `expression` if `condition`: `body`, else `otherwise`
    set,          ///< `target` = `expression`
    set_block,    ///< `target` = what `body` writes, through the filter chain `expression`
    macro,        ///< `text`, `parameters`, `body`
    call_block,   ///< calls `expression` with `body` as its caller
    filter,       ///< writes what `body` writes through the filter chain `expression`
    with,         ///< `assignments`, then `body`
    generation,   ///< `body`, noted as written by the assistant
    stop,         ///< break
    next          ///< continue
  };
  struct Parameter {
    std::string name;
    ExpressionPointer otherwise;  ///< its default, may be null
  };
  Kind kind = Kind::text;
  std::size_t offset = 0;
  std::string text;
  ExpressionPointer expression, condition;
  Target target;
  std::vector<std::pair<ExpressionPointer, Block>> branches;
  std::vector<std::pair<Target, ExpressionPointer>> assignments;
  std::vector<Parameter> parameters;
  bool uses_caller = false, takes_more_positional = false, takes_more_named = false;
  Block body, otherwise;
};

}  // namespace jielong::jinja
