#include "model/template/interpreter.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace jielong::jinja {
namespace {

class Macro : public Callable {
 public:
  Macro(Interpreter& interpreter, const Statement& statement, Scope* scope)
      : interpreter_(interpreter), statement_(statement), scope_(scope) {}
  std::string name() const override { return statement_.text; }
  Value call(const Arguments& arguments) const override {
    return interpreter_.call_macro(statement_, scope_, arguments);
  }

 private:
  Interpreter& interpreter_;
  const Statement& statement_;
  Scope* scope_;
};

class NamespaceMaker : public Callable {
 public:
  explicit NamespaceMaker(Interpreter& interpreter) : interpreter_(interpreter) {}
  std::string name() const override { return "namespace"; }
  Value call(const Arguments& arguments) const override {
    return interpreter_.make_namespace(arguments);
  }

 private:
  Interpreter& interpreter_;
};

void check_namespace_name(const std::string& name) {
  if (name.starts_with('_')) {
    throw bad_input(fmt::format("a namespace cannot hold the name '{}'", name));
  }
}

}  // namespace

std::string Interpreter::run(const Block& block) {
  for (auto& [name, function] : global_functions(runtime_)) {
    globals_.variables.try_emplace(name, std::move(function));
  }
  globals_.variables.try_emplace(
      "namespace", std::shared_ptr<const Callable>(std::make_shared<NamespaceMaker>(*this)));
  std::string output;
  out_ = &output;
  // The globals stand below what the template sets, so that a macro's view is one chain.
  Scope top;
  top.parent = &globals_;
  execute(block, top);
  return output;
}

void Interpreter::write(std::string_view text) {
  runtime_.budget.write(text.size());
  *out_ += text;
}

std::string Interpreter::capture(const Block& block, Scope& scope) {
  std::string text;
  std::string* outer = std::exchange(out_, &text);
  ++captures_;
  auto inner = std::make_unique<Scope>();
  inner->parent = &scope;
  // On an error the rendering is over, so the output need not be put back.
  execute(block, *inner);
  --captures_;
  out_ = outer;
  retire(std::move(inner));
  return text;
}

void Interpreter::retire(std::unique_ptr<Scope> scope) {
  if (!scope->captured) return;
  runtime_.budget.allocate(sizeof(Scope) + scope->variables.size() * 2 * sizeof(Value));
  retired_.push_back(std::move(scope));
}

Interpreter::Flow Interpreter::execute(const Block& block, Scope& scope) {
  const DepthGuard guard(runtime_.budget);
  for (const auto& statement : block) {
    runtime_.budget.step();
    at_ = statement->offset;
    const Flow flow = execute(*statement, scope);
    if (flow != Flow::normal) return flow;
  }
  return Flow::normal;
}

Interpreter::Flow Interpreter::execute(const Statement& statement, Scope& scope) {
  using K = Statement::Kind;
  switch (statement.kind) {
    case K::text: write(statement.text); break;
    case K::output: {
      const Value value = evaluate(*statement.expression, scope);
      if (value.is(jinja::Kind::string)) {
        write(value.string());
      } else {
        write(to_text(runtime_, value));
      }
      break;
    }
    case K::conditional: return execute_conditional(statement, scope);
    case K::loop: return execute_loop(statement, scope);
    case K::set: {
      const Value value = evaluate(*statement.expression, scope);
      at_ = statement.offset;
      assign(statement.target, value, scope);
      break;
    }
    case K::set_block:
    case K::filter: {
      Value value = make_string(runtime_, capture(statement.body, scope));
      if (statement.expression) value = evaluate_filter(*statement.expression, scope, &value);
      if (statement.kind == K::filter) {
        write(to_text(runtime_, value));
      } else {
        assign(statement.target, value, scope);
      }
      break;
    }
    case K::macro: scope.variables[statement.text] = define_macro(statement, scope); break;
    case K::call_block: execute_call_block(statement, scope); break;
    case K::with: execute_with(statement, scope); break;
    case K::generation: return execute_generation(statement, scope);
    case K::stop: return Flow::stop;
    case K::next: return Flow::next;
  }
  return Flow::normal;
}

Interpreter::Flow Interpreter::execute_conditional(const Statement& statement, Scope& scope) {
  for (const auto& [condition, body] : statement.branches) {
    if (truth(evaluate(*condition, scope))) return execute(body, scope);
  }
  return execute(statement.otherwise, scope);
}

std::vector<Value> Interpreter::loop_items(const Statement& statement, Scope& scope) {
  const Value iterable = evaluate(*statement.expression, scope);
  at_ = statement.expression->offset;
  std::vector<Value> items = iterate(runtime_, iterable);
  if (!statement.condition) return items;
  std::vector<Value> kept;
  for (Value& item : items) {
    auto inner = std::make_unique<Scope>();
    inner->parent = &scope;
    assign(statement.target, item, *inner);
    if (truth(evaluate(*statement.condition, *inner))) kept.push_back(std::move(item));
  }
  return kept;
}

Interpreter::Flow Interpreter::execute_loop(const Statement& statement, Scope& scope) {
  auto loop = std::make_shared<Loop>();
  loop->items = loop_items(statement, scope);
  for (const Value& item : loop->items) loop->depth = std::max(loop->depth, item.depth() + 1);
  const Value loop_value{std::shared_ptr<const Loop>(loop)};
  for (std::size_t i = 0; i < loop->items.size(); ++i) {
    runtime_.budget.step();
    loop->index = i;
    auto inner = std::make_unique<Scope>();
    inner->parent = &scope;
    inner->variables["loop"] = loop_value;
    at_ = statement.offset;
    assign(statement.target, loop->items[i], *inner);
    const Flow flow = execute(statement.body, *inner);
    retire(std::move(inner));
    if (flow == Flow::stop) break;
  }
  if (!loop->items.empty()) return Flow::normal;
  return execute(statement.otherwise, scope);
}

Interpreter::Flow Interpreter::execute_generation(const Statement& statement, Scope& scope) {
  const std::size_t start = out_->size();
  auto inner = std::make_unique<Scope>();
  inner->parent = &scope;
  const Flow flow = execute(statement.body, *inner);
  retire(std::move(inner));
  // Inside a capture the place in the final text is not known.
  if (captures_ == 0) generated_.emplace_back(start, out_->size());
  return flow;
}

void Interpreter::execute_with(const Statement& statement, Scope& scope) {
  auto inner = std::make_unique<Scope>();
  inner->parent = &scope;
  for (const auto& [target, expression] : statement.assignments) {
    assign(target, evaluate(*expression, scope), *inner);
  }
  execute(statement.body, *inner);
  retire(std::move(inner));
}

void Interpreter::execute_call_block(const Statement& statement, Scope& scope) {
  const Expression& node = *statement.expression;
  const Value callee = evaluate(*node.children[0], scope);
  Arguments arguments = evaluate_arguments(node.arguments, scope);
  arguments.named.emplace_back("caller", define_macro(statement, scope));
  at_ = node.offset;
  write(to_text(runtime_, call(callee, arguments)));
}

void Interpreter::assign(const Target& target, const Value& value, Scope& scope) {
  if (!target.parts.empty()) {
    const std::vector<Value> items = iterate(runtime_, value);
    if (items.size() != target.parts.size()) {
      throw bad_input(
          fmt::format("{} names cannot take {} values", target.parts.size(), items.size()));
    }
    for (std::size_t i = 0; i < items.size(); ++i) assign(target.parts[i], items[i], scope);
    return;
  }
  if (target.attribute.empty()) {
    scope.variables[target.name] = value;
    return;
  }
  for (Scope* at = &scope; at != nullptr; at = at->parent) {
    const auto found = at->variables.find(target.name);
    if (found == at->variables.end()) continue;
    if (!found->second.is(jinja::Kind::names)) break;
    check_namespace_name(target.attribute);
    runtime_.budget.allocate(sizeof(Value));
    found->second.names().values[target.attribute] = value;
    return;
  }
  throw bad_input(
      fmt::format("cannot set an attribute of '{}', which is not a namespace", target.name));
}

Value Interpreter::define_macro(const Statement& statement, Scope& scope) {
  for (Scope* at = &scope; at != nullptr && !at->captured; at = at->parent) at->captured = true;
  runtime_.budget.allocate(sizeof(Macro));
  return std::shared_ptr<const Callable>(std::make_shared<Macro>(*this, statement, &scope));
}

Value Interpreter::make_namespace(const Arguments& arguments) {
  auto names = std::make_unique<Namespace>();
  if (arguments.positional.size() > 1) {
    throw bad_input("namespace takes at most one argument without a name");
  }
  if (!arguments.positional.empty()) {
    if (!arguments.positional[0].is(jinja::Kind::dict)) {
      throw bad_input("namespace takes a dict or named arguments");
    }
    for (const auto& [key, value] : arguments.positional[0].dict().entries) {
      if (!key.is(jinja::Kind::string)) throw bad_input("namespace names must be strings");
      names->values[key.string()] = value;
    }
  }
  for (const auto& [name, value] : arguments.named) names->values[name] = value;
  for (const auto& entry : names->values) check_namespace_name(entry.first);
  runtime_.budget.allocate(sizeof(Namespace) + names->values.size() * 3 * sizeof(Value));
  namespaces_.push_back(std::move(names));
  return namespaces_.back().get();
}

Value Interpreter::call_macro(const Statement& macro, Scope* scope, const Arguments& arguments) {
  const std::size_t call_place = at_;
  auto inner = std::make_unique<Scope>();
  inner->parent = scope;
  std::vector<Value> more_positional;
  Dict more_named;
  auto& variables = inner->variables;
  for (std::size_t i = 0; i < arguments.positional.size(); ++i) {
    if (i < macro.parameters.size()) {
      variables[macro.parameters[i].name] = arguments.positional[i];
    } else if (macro.takes_more_positional) {
      more_positional.push_back(arguments.positional[i]);
    } else {
      throw bad_input(fmt::format("macro '{}' takes not more than {} argument(s)", macro.text,
                                  macro.parameters.size()));
    }
  }
  for (const auto& argument : arguments.named) {
    const auto& name = argument.first;
    const Value& value = argument.second;
    const bool known = std::any_of(macro.parameters.begin(), macro.parameters.end(),
                                   [&](const auto& parameter) { return parameter.name == name; });
    if (known || (name == "caller" && macro.uses_caller)) {
      if (!variables.emplace(name, value).second) {
        throw bad_input(fmt::format("macro '{}' got the argument '{}' twice", macro.text, name));
      }
    } else if (macro.takes_more_named) {
      more_named.set(name, value);
    } else {
      throw bad_input(fmt::format("macro '{}' takes no argument named '{}'", macro.text, name));
    }
  }
  for (const auto& parameter : macro.parameters) {
    if (variables.count(parameter.name) != 0) continue;
    variables[parameter.name] =
        parameter.otherwise
            ? evaluate(*parameter.otherwise, *inner)
            : Value::undefined(fmt::format("parameter '{}' was not provided", parameter.name));
  }
  if (macro.takes_more_positional) {
    variables["varargs"] = make_list(runtime_, std::move(more_positional), List::Form::tuple);
  }
  if (macro.takes_more_named) variables["kwargs"] = make_dict(runtime_, std::move(more_named));
  if (macro.uses_caller) variables.try_emplace("caller", Value::undefined("No caller defined"));
  Value result = make_string(runtime_, capture(macro.body, *inner));
  retire(std::move(inner));
  at_ = call_place;
  return result;
}

}  // namespace jielong::jinja
