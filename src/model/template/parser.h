#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/template/ast.h"
#include "model/template/lexer.h"

namespace jielong::jinja {

/// Reads the statements of a template. The expression part is a class of its own below it.
/// Throws Error(bad_input | unsupported | limit) with an empty `where`; failed_at() then
/// tells the byte concerned.
class ExpressionParser {
 public:
  explicit ExpressionParser(const std::vector<LexToken>& tokens) : tokens_(tokens) {}

  std::size_t failed_at() const { return failed_at_; }
  /// Every name read as a variable, once each.
  const std::vector<std::string>& names() const { return names_; }

 protected:
  const LexToken& current() const { return tokens_[at_]; }
  const LexToken& look() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  void advance() {
    if (at_ + 1 < tokens_.size()) ++at_;
  }
  bool is_symbol(std::string_view text) const {
    return current().type == TokenType::symbol && current().text == text;
  }
  bool is_name(std::string_view text) const {
    return current().type == TokenType::name && current().text == text;
  }
  bool skip_symbol(std::string_view text);
  bool skip_name(std::string_view text);
  void expect_symbol(std::string_view text);
  std::string expect_name();
  void expect(TokenType type);
  [[noreturn]] void fail(std::string what, std::string fix = {});
  [[noreturn]] void fail_unexpected(std::string_view expected = {});

  ExpressionPointer parse_expression(bool with_conditional = true);
  /// One expression, or a tuple of several divided by commas.
  ExpressionPointer parse_tuple(bool with_conditional = true, bool in_brackets = false);
  ExpressionPointer parse_primary();
  ExpressionPointer parse_postfix(ExpressionPointer node);
  /// "filter" or "filter(…) | filter": `input` may be null.
  ExpressionPointer parse_filter(ExpressionPointer input);

  /// Holds one level of nesting while parsing; throws Error(limit) at too many.
  class Nesting {
   public:
    explicit Nesting(ExpressionParser& parser);
    ~Nesting() { --parser_.nesting_; }

   private:
    ExpressionParser& parser_;
  };

  std::vector<std::string> names_;

 private:
  using Parse = ExpressionPointer (ExpressionParser::*)();

  ExpressionPointer parse_conditional();
  ExpressionPointer parse_or();
  ExpressionPointer parse_and();
  ExpressionPointer parse_not();
  ExpressionPointer parse_compare();
  ExpressionPointer parse_sum();
  ExpressionPointer parse_concat();
  ExpressionPointer parse_product();
  ExpressionPointer parse_power();
  ExpressionPointer parse_filtered_unary() { return parse_unary(true); }
  ExpressionPointer parse_unary(bool with_filter);
  ExpressionPointer parse_filters_and_tests(ExpressionPointer node);
  ExpressionPointer parse_test(ExpressionPointer node);
  ExpressionPointer parse_subscript(ExpressionPointer node);
  ExpressionPointer parse_call(ExpressionPointer node);
  ExpressionPointer parse_list();
  ExpressionPointer parse_dict();
  CallArguments parse_arguments();
  /// left (symbol right)* for any of `symbols`, each side read by `side`.
  ExpressionPointer parse_binary(std::initializer_list<std::string_view> symbols, Parse side);

  ExpressionPointer make(Expression::Kind kind, std::size_t offset);
  /// Adds a child and keeps the depth right.
  void adopt(Expression& node, ExpressionPointer child);
  void check_depth(Expression& node, const ExpressionPointer& child);

  const std::vector<LexToken>& tokens_;
  std::size_t at_ = 0;
  std::size_t failed_at_ = 0;
  std::size_t nesting_ = 0;
};

class Parser : public ExpressionParser {
 public:
  using ExpressionParser::ExpressionParser;

  Block parse();

 private:
  /// Statements up to a block tag named by one of `ends`, which stays current.
  Block parse_until(std::initializer_list<std::string_view> ends, std::string_view opened_by);
  std::unique_ptr<Statement> parse_statement();
  std::unique_ptr<Statement> parse_if(std::size_t offset);
  std::unique_ptr<Statement> parse_for(std::size_t offset);
  std::unique_ptr<Statement> parse_set(std::size_t offset);
  std::unique_ptr<Statement> parse_macro(std::size_t offset);
  std::unique_ptr<Statement> parse_call_block(std::size_t offset);
  std::unique_ptr<Statement> parse_filter_block(std::size_t offset);
  std::unique_ptr<Statement> parse_with(std::size_t offset);
  std::unique_ptr<Statement> parse_generation(std::size_t offset);
  void parse_parameters(Statement& statement);
  /// The body of a macro or call block, and which of Jinja's three hidden parameters it reads.
  void parse_macro_body(Statement& statement, std::string_view end);
  Target parse_target(bool with_attributes);
  Target parse_one_target(bool with_attributes);
  /// The body up to {% end %}, which is gone past up to its closing tag.
  Block parse_body(std::string_view end);

  std::size_t loops_ = 0;
};

}  // namespace jielong::jinja
