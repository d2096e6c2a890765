#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "model/template/ast.h"

namespace jielong::jinja {

/// The variables of one block; looks up outward through its parents.
struct Scope {
  Scope* parent = nullptr;
  std::unordered_map<std::string, Value> variables;
  /// A macro may still read it after its block ended.
  bool captured = false;
};

/// Runs one rendering of a parsed template. It reaches what Runtime holds and nothing else.
class Interpreter {
 public:
  Interpreter(const Limits& limits, const std::tm& now) : runtime_{Budget(limits), now} {}
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  Runtime& runtime() { return runtime_; }
  void set_global(const std::string& name, Value value) {
    globals_.variables[name] = std::move(value);
  }
  std::string run(const Block& block);
  /// The byte of the source at work; after an Error, where it happened.
  std::size_t at() const { return at_; }
  /// The byte ranges of the output that came from generation blocks.
  const std::vector<std::pair<std::size_t, std::size_t>>& generated() const { return generated_; }

  /// Calls a macro or the body of a call block.
  Value call_macro(const Statement& macro, Scope* scope, const Arguments& arguments);
  Value make_namespace(const Arguments& arguments);

 private:
  enum class Flow { normal, stop, next };

  Flow execute(const Block& block, Scope& scope);
  Flow execute(const Statement& statement, Scope& scope);
  Flow execute_loop(const Statement& statement, Scope& scope);
  Flow execute_conditional(const Statement& statement, Scope& scope);
  Flow execute_generation(const Statement& statement, Scope& scope);
  void execute_call_block(const Statement& statement, Scope& scope);
  void execute_with(const Statement& statement, Scope& scope);
  std::vector<Value> loop_items(const Statement& statement, Scope& scope);
  void assign(const Target& target, const Value& value, Scope& scope);
  Value define_macro(const Statement& statement, Scope& scope);
  /// What `block` writes, in a scope of its own.
  std::string capture(const Block& block, Scope& scope);
  void write(std::string_view text);
  /// Keeps a scope that a macro can still reach.
  void retire(std::unique_ptr<Scope> scope);

  Value evaluate(const Expression& node, Scope& scope);
  Value evaluate_name(const Expression& node, Scope& scope);
  Value evaluate_container(const Expression& node, Scope& scope);
  Value evaluate_access(const Expression& node, Scope& scope);
  Value evaluate_logic(const Expression& node, Scope& scope);
  Value evaluate_compare(const Expression& node, Scope& scope);
  Value evaluate_concat(const Expression& node, Scope& scope);
  Value evaluate_call(const Expression& node, Scope& scope);
  Value evaluate_test(const Expression& node, Scope& scope);
  Value evaluate_filter(const Expression& node, Scope& scope, const Value* innermost);
  Arguments evaluate_arguments(const CallArguments& arguments, Scope& scope);
  Value call(const Value& callee, const Arguments& arguments);

  Runtime runtime_;
  Scope globals_;
  std::string* out_ = nullptr;
  std::size_t captures_ = 0;
  std::size_t at_ = 0;
  std::vector<std::pair<std::size_t, std::size_t>> generated_;
  std::vector<std::unique_ptr<Scope>> retired_;
  std::vector<std::unique_ptr<Namespace>> namespaces_;
};

// Python's arithmetic, in operators.cpp.
Value binary(Runtime& runtime, std::string_view symbol, const Value& left, const Value& right);
Value negate(const Value& operand);

}  // namespace jielong::jinja
