#include <fmt/format.h>

#include "base/error.h"
#include "model/template/interpreter.h"

namespace jielong::jinja {

Value Interpreter::evaluate(const Expression& node, Scope& scope) {
  using K = Expression::Kind;
  runtime_.budget.step();
  const DepthGuard guard(runtime_.budget);
  at_ = node.offset;
  switch (node.kind) {
    case K::constant: return node.value;
    case K::name: return evaluate_name(node, scope);
    case K::list:
    case K::tuple:
    case K::dict: return evaluate_container(node, scope);
    case K::attribute:
    case K::item:
    case K::slice: return evaluate_access(node, scope);
    case K::call: return evaluate_call(node, scope);
    case K::filter: return evaluate_filter(node, scope, nullptr);
    case K::test: return evaluate_test(node, scope);
    case K::compare: return evaluate_compare(node, scope);
    case K::concat: return evaluate_concat(node, scope);
    case K::logical_not:
    case K::logical_and:
    case K::logical_or:
    case K::conditional: return evaluate_logic(node, scope);
    case K::negate: {
      const Value operand = evaluate(*node.children[0], scope);
      at_ = node.offset;
      return negate(operand);
    }
    case K::plus: {
      const Value operand = evaluate(*node.children[0], scope);
      at_ = node.offset;
      return negate(negate(operand));
    }
    case K::binary: {
      const Value left = evaluate(*node.children[0], scope);
      const Value right = evaluate(*node.children[1], scope);
      at_ = node.offset;
      return binary(runtime_, node.text, left, right);
    }
  }
  throw Error(ErrorKind::internal, "an expression of an unknown kind");
}

Value Interpreter::evaluate_name(const Expression& node, Scope& scope) {
  for (Scope* at = &scope; at != nullptr; at = at->parent) {
    const auto found = at->variables.find(node.text);
    if (found != at->variables.end()) return found->second;
    runtime_.budget.step();
  }
  return Value::undefined(fmt::format("'{}' is undefined", node.text));
}

Value Interpreter::evaluate_container(const Expression& node, Scope& scope) {
  if (node.kind == Expression::Kind::dict) {
    Dict dict;
    for (std::size_t i = 0; i < node.children.size(); i += 2) {
      const Value key = evaluate(*node.children[i], scope);
      Value value = evaluate(*node.children[i + 1], scope);
      at_ = node.children[i]->offset;
      dict.set(key, std::move(value));
    }
    return make_dict(runtime_, std::move(dict));
  }
  std::vector<Value> items;
  items.reserve(node.children.size());
  for (const auto& child : node.children) items.push_back(evaluate(*child, scope));
  return make_list(runtime_, std::move(items),
                   node.kind == Expression::Kind::tuple ? List::Form::tuple : List::Form::list);
}

Value Interpreter::evaluate_access(const Expression& node, Scope& scope) {
  const Value object = evaluate(*node.children[0], scope);
  if (node.kind == Expression::Kind::attribute) {
    at_ = node.offset;
    return get_attribute(runtime_, object, node.text);
  }
  if (node.kind == Expression::Kind::item) {
    const Value key = evaluate(*node.children[1], scope);
    at_ = node.offset;
    return get_item(runtime_, object, key);
  }
  const auto part = [&](std::size_t i) {
    return node.children[i] ? evaluate(*node.children[i], scope) : Value(None{});
  };
  const Value start = part(1), stop = part(2), step = part(3);
  at_ = node.offset;
  return get_slice(runtime_, object, start, stop, step);
}

Value Interpreter::evaluate_logic(const Expression& node, Scope& scope) {
  using K = Expression::Kind;
  if (node.kind == K::logical_not) return !truth(evaluate(*node.children[0], scope));
  if (node.kind == K::conditional) {
    if (truth(evaluate(*node.children[1], scope))) return evaluate(*node.children[0], scope);
    if (node.children[2]) return evaluate(*node.children[2], scope);
    return Value::undefined("an inline if without else was false, so it has no value");
  }
  Value left = evaluate(*node.children[0], scope);
  const bool decided = truth(left) == (node.kind == K::logical_or);
  return decided ? left : evaluate(*node.children[1], scope);
}

Value Interpreter::evaluate_compare(const Expression& node, Scope& scope) {
  Value left = evaluate(*node.children[0], scope);
  for (std::size_t i = 0; i < node.operators.size(); ++i) {
    Value right = evaluate(*node.children[i + 1], scope);
    const std::string& name = node.operators[i];
    at_ = node.offset;
    bool holds = false;
    if (name == "==") {
      holds = equal(runtime_, left, right);
    } else if (name == "!=") {
      holds = !equal(runtime_, left, right);
    } else if (name == "in") {
      holds = contains(runtime_, right, left);
    } else if (name == "not in") {
      holds = !contains(runtime_, right, left);
    } else if (name == "<") {
      holds = compare(runtime_, left, right) < 0;
    } else if (name == "<=") {
      holds = compare(runtime_, left, right) <= 0;
    } else if (name == ">") {
      holds = compare(runtime_, left, right) > 0;
    } else {
      holds = compare(runtime_, left, right) >= 0;
    }
    if (!holds) return false;
    left = std::move(right);
  }
  return true;
}

Value Interpreter::evaluate_concat(const Expression& node, Scope& scope) {
  std::string text;
  for (const auto& child : node.children) {
    const Value value = evaluate(*child, scope);
    if (value.is(jinja::Kind::string)) {
      runtime_.budget.allocate(value.string().size());
      text += value.string();
    } else {
      text += to_text(runtime_, value);
    }
  }
  return make_string(runtime_, std::move(text));
}

Value Interpreter::evaluate_call(const Expression& node, Scope& scope) {
  const Value callee = evaluate(*node.children[0], scope);
  const Arguments arguments = evaluate_arguments(node.arguments, scope);
  at_ = node.offset;
  return call(callee, arguments);
}

Value Interpreter::call(const Value& callee, const Arguments& arguments) {
  if (callee.is(jinja::Kind::callable)) return callee.callable()->call(arguments);
  if (callee.is(jinja::Kind::undefined)) throw bad_input(callee.why());
  throw bad_input(fmt::format("'{}' object is not callable", type_name(callee)));
}

Value Interpreter::evaluate_test(const Expression& node, Scope& scope) {
  const Value input = evaluate(*node.children[0], scope);
  const Arguments arguments = evaluate_arguments(node.arguments, scope);
  at_ = node.offset;
  return find_test(node.text)(runtime_, input, arguments);
}

Value Interpreter::evaluate_filter(const Expression& node, Scope& scope, const Value* innermost) {
  // In a filter or set block the chain starts from the block's text.
  const Expression* inner = node.children[0].get();
  const Value input = inner == nullptr       ? *innermost
                      : innermost != nullptr ? evaluate_filter(*inner, scope, innermost)
                                             : evaluate(*inner, scope);
  const Arguments arguments = evaluate_arguments(node.arguments, scope);
  at_ = node.offset;
  return find_filter(node.text)(runtime_, input, arguments);
}

Arguments Interpreter::evaluate_arguments(const CallArguments& given, Scope& scope) {
  Arguments arguments;
  for (const auto& node : given.positional) arguments.positional.push_back(evaluate(*node, scope));
  for (const auto& [name, node] : given.named) {
    arguments.named.emplace_back(name, evaluate(*node, scope));
  }
  if (given.more_positional) {
    for (Value& item : iterate(runtime_, evaluate(*given.more_positional, scope))) {
      arguments.positional.push_back(std::move(item));
    }
  }
  if (given.more_named) {
    const Value more = evaluate(*given.more_named, scope);
    if (!more.is(jinja::Kind::dict)) throw bad_input("'**' needs a dict");
    for (const auto& [key, value] : more.dict().entries) {
      if (!key.is(jinja::Kind::string)) throw bad_input("argument names must be strings");
      arguments.named.emplace_back(key.string(), value);
    }
  }
  return arguments;
}

}  // namespace jielong::jinja
