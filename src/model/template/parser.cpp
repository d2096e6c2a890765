#include "model/template/parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"

namespace jielong::jinja {
namespace {

std::unique_ptr<Statement> make_statement(Statement::Kind kind, std::size_t offset) {
  auto statement = std::make_unique<Statement>();
  statement->kind = kind;
  statement->offset = offset;
  return statement;
}

}  // namespace

Block Parser::parse() { return parse_until({}, {}); }

Block Parser::parse_until(std::initializer_list<std::string_view> ends,
                          std::string_view opened_by) {
  const Nesting nesting(*this);
  Block block;
  for (;;) {
    const std::size_t offset = current().offset;
    switch (current().type) {
      case TokenType::data:
        block.push_back(make_statement(Statement::Kind::text, offset));
        block.back()->text = current().text;
        advance();
        break;
      case TokenType::variable_begin:
        advance();
        block.push_back(make_statement(Statement::Kind::output, offset));
        block.back()->expression = parse_tuple();
        expect(TokenType::variable_end);
        break;
      case TokenType::block_begin: {
        advance();
        if (current().type == TokenType::name &&
            std::find(ends.begin(), ends.end(), current().text) != ends.end()) {
          return block;
        }
        block.push_back(parse_statement());
        expect(TokenType::block_end);
        break;
      }
      case TokenType::end:
        if (ends.size() == 0) return block;
        fail(fmt::format("'{}' is not closed", opened_by),
             fmt::format("add '{{% {} %}}'", *(ends.end() - 1)));
      default: fail_unexpected();
    }
  }
}

std::unique_ptr<Statement> Parser::parse_statement() {
  static constexpr std::array<std::string_view, 8> kOthers = {
      "block", "extends", "include", "import", "from", "do", "autoescape", "trans"};
  const std::size_t offset = current().offset;
  if (current().type != TokenType::name) fail_unexpected("the name of a tag");
  const std::string name = current().text;
  if (std::find(kOthers.begin(), kOthers.end(), name) != kOthers.end()) {
    fail(fmt::format("chat templates cannot use the tag '{}'", name));
  }
  advance();
  if (name == "if") return parse_if(offset);
  if (name == "for") return parse_for(offset);
  if (name == "set") return parse_set(offset);
  if (name == "macro") return parse_macro(offset);
  if (name == "call") return parse_call_block(offset);
  if (name == "filter") return parse_filter_block(offset);
  if (name == "with") return parse_with(offset);
  if (name == "generation") return parse_generation(offset);
  if (name == "break" || name == "continue") {
    if (loops_ == 0) fail(fmt::format("'{}' stands outside a loop", name));
    return make_statement(name == "break" ? Statement::Kind::stop : Statement::Kind::next, offset);
  }
  fail(fmt::format("unknown tag '{}'", name));
}

Block Parser::parse_body(std::string_view end) {
  expect(TokenType::block_end);
  Block body = parse_until({end}, end.substr(3));
  advance();
  return body;
}

std::unique_ptr<Statement> Parser::parse_if(std::size_t offset) {
  auto statement = make_statement(Statement::Kind::conditional, offset);
  for (;;) {
    ExpressionPointer condition = parse_tuple(false);
    expect(TokenType::block_end);
    Block body = parse_until({"elif", "else", "endif"}, "if");
    statement->branches.emplace_back(std::move(condition), std::move(body));
    if (skip_name("elif")) continue;
    if (skip_name("else")) {
      statement->otherwise = parse_body("endif");
    } else {
      advance();
    }
    return statement;
  }
}

std::unique_ptr<Statement> Parser::parse_for(std::size_t offset) {
  auto statement = make_statement(Statement::Kind::loop, offset);
  statement->target = parse_target(false);
  if (!skip_name("in")) fail_unexpected("'in'");
  statement->expression = parse_tuple(false);
  if (skip_name("if")) statement->condition = parse_expression();
  if (is_name("recursive")) fail("chat templates cannot use recursive loops");
  expect(TokenType::block_end);
  ++loops_;
  statement->body = parse_until({"else", "endfor"}, "for");
  --loops_;
  if (skip_name("else")) {
    statement->otherwise = parse_body("endfor");
  } else {
    advance();
  }
  return statement;
}

Target Parser::parse_one_target(bool with_attributes) {
  Target target;
  if (skip_symbol("(")) {
    target = parse_target(with_attributes);
    expect_symbol(")");
    return target;
  }
  static constexpr std::array<std::string_view, 6> kConstants = {"true",  "True", "false",
                                                                 "False", "none", "None"};
  target.name = expect_name();
  if (std::find(kConstants.begin(), kConstants.end(), target.name) != kConstants.end()) {
    fail(fmt::format("cannot assign to '{}'", target.name));
  }
  if (with_attributes && skip_symbol(".")) target.attribute = expect_name();
  return target;
}

Target Parser::parse_target(bool with_attributes) {
  const Nesting nesting(*this);
  Target first = parse_one_target(with_attributes);
  if (!is_symbol(",")) return first;
  Target several;
  several.parts.push_back(std::move(first));
  while (skip_symbol(",")) {
    if (current().type != TokenType::name && !is_symbol("(")) break;
    if (is_name("in")) break;
    several.parts.push_back(parse_one_target(with_attributes));
  }
  return several;
}

std::unique_ptr<Statement> Parser::parse_set(std::size_t offset) {
  auto statement = make_statement(Statement::Kind::set, offset);
  statement->target = parse_target(true);
  if (skip_symbol("=")) {
    statement->expression = parse_tuple();
    return statement;
  }
  statement->kind = Statement::Kind::set_block;
  if (skip_symbol("|")) statement->expression = parse_filter(nullptr);
  statement->body = parse_body("endset");
  return statement;
}

void Parser::parse_parameters(Statement& statement) {
  expect_symbol("(");
  bool first = true;
  while (!is_symbol(")")) {
    if (!first) expect_symbol(",");
    first = false;
    if (is_symbol(")")) break;
    Statement::Parameter parameter;
    parameter.name = expect_name();
    if (skip_symbol("=")) {
      parameter.otherwise = parse_expression();
    } else if (!statement.parameters.empty() && statement.parameters.back().otherwise) {
      fail("a parameter without a default stands after one with a default");
    }
    statement.parameters.push_back(std::move(parameter));
  }
  expect_symbol(")");
}

void Parser::parse_macro_body(Statement& statement, std::string_view end) {
  const std::size_t outer_loops = std::exchange(loops_, 0);
  std::vector<std::string> outer_names = std::exchange(names_, {});
  statement.body = parse_body(end);
  loops_ = outer_loops;
  const auto reads = [&](std::string_view name) {
    return std::find(names_.begin(), names_.end(), name) != names_.end();
  };
  statement.uses_caller = reads("caller");
  statement.takes_more_positional = reads("varargs");
  statement.takes_more_named = reads("kwargs");
  names_.swap(outer_names);
  for (std::string& name : outer_names) {
    if (std::find(names_.begin(), names_.end(), name) == names_.end()) {
      names_.push_back(std::move(name));
    }
  }
}

std::unique_ptr<Statement> Parser::parse_macro(std::size_t offset) {
  auto statement = make_statement(Statement::Kind::macro, offset);
  statement->text = expect_name();
  parse_parameters(*statement);
  parse_macro_body(*statement, "endmacro");
  return statement;
}

std::unique_ptr<Statement> Parser::parse_call_block(std::size_t offset) {
  auto statement = make_statement(Statement::Kind::call_block, offset);
  statement->text = "caller";
  if (is_symbol("(")) parse_parameters(*statement);
  statement->expression = parse_expression();
  if (statement->expression->kind != Expression::Kind::call) fail("expected a call");
  parse_macro_body(*statement, "endcall");
  return statement;
}

std::unique_ptr<Statement> Parser::parse_filter_block(std::size_t offset) {
  auto statement = make_statement(Statement::Kind::filter, offset);
  statement->expression = parse_filter(nullptr);
  statement->body = parse_body("endfilter");
  return statement;
}

std::unique_ptr<Statement> Parser::parse_with(std::size_t offset) {
  auto statement = make_statement(Statement::Kind::with, offset);
  while (current().type != TokenType::block_end) {
    if (!statement->assignments.empty()) expect_symbol(",");
    Target target = parse_one_target(false);
    expect_symbol("=");
    statement->assignments.emplace_back(std::move(target), parse_expression());
  }
  statement->body = parse_body("endwith");
  return statement;
}

std::unique_ptr<Statement> Parser::parse_generation(std::size_t offset) {
  auto statement = make_statement(Statement::Kind::generation, offset);
  statement->body = parse_body("endgeneration");
  return statement;
}

}  // namespace jielong::jinja
