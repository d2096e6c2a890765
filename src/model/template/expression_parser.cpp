#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "model/template/parser.h"

namespace jielong::jinja {
namespace {

constexpr std::size_t kMaxNesting = 100;
constexpr std::size_t kMaxNodeDepth = 300;

std::string describe(const LexToken& token) {
  switch (token.type) {
    case TokenType::data: return "text";
    case TokenType::variable_begin: return "'{{'";
    case TokenType::variable_end: return "'}}'";
    case TokenType::block_begin: return "'{%'";
    case TokenType::block_end: return "'%}'";
    case TokenType::string: return "a string";
    case TokenType::end: return "the end of the template";
    default: return "'" + token.text + "'";
  }
}

}  // namespace

ExpressionParser::Nesting::Nesting(ExpressionParser& parser) : parser_(parser) {
  if (++parser_.nesting_ > kMaxNesting) {
    --parser_.nesting_;
    parser_.failed_at_ = parser_.current().offset;
    throw Error(ErrorKind::limit,
                fmt::format("the template nests more than {} levels deep", kMaxNesting));
  }
}

bool ExpressionParser::skip_symbol(std::string_view text) {
  if (!is_symbol(text)) return false;
  advance();
  return true;
}

bool ExpressionParser::skip_name(std::string_view text) {
  if (!is_name(text)) return false;
  advance();
  return true;
}

void ExpressionParser::expect_symbol(std::string_view text) {
  if (!skip_symbol(text)) fail_unexpected(fmt::format("'{}'", text));
}

std::string ExpressionParser::expect_name() {
  if (current().type != TokenType::name) fail_unexpected("a name");
  std::string name = current().text;
  advance();
  return name;
}

void ExpressionParser::expect(TokenType type) {
  if (current().type != type) fail_unexpected(describe({type, 0, {}, 0, 0}));
  advance();
}

void ExpressionParser::fail(std::string what, std::string fix) {
  failed_at_ = current().offset;
  throw bad_input(std::move(what), {}, std::move(fix));
}

void ExpressionParser::fail_unexpected(std::string_view expected) {
  const std::string got = describe(current());
  fail(expected.empty() ? fmt::format("unexpected {}", got)
                        : fmt::format("expected {}, but found {}", expected, got));
}

ExpressionPointer ExpressionParser::make(Expression::Kind kind, std::size_t offset) {
  auto node = std::make_unique<Expression>();
  node->kind = kind;
  node->offset = offset;
  return node;
}

void ExpressionParser::check_depth(Expression& node, const ExpressionPointer& child) {
  if (!child) return;
  node.depth = std::max(node.depth, child->depth + 1);
  if (node.depth > kMaxNodeDepth) {
    failed_at_ = node.offset;
    throw Error(ErrorKind::limit,
                fmt::format("an expression has more than {} levels", kMaxNodeDepth));
  }
}

void ExpressionParser::adopt(Expression& node, ExpressionPointer child) {
  check_depth(node, child);
  node.children.push_back(std::move(child));
}

ExpressionPointer ExpressionParser::parse_expression(bool with_conditional) {
  const Nesting nesting(*this);
  return with_conditional ? parse_conditional() : parse_or();
}

ExpressionPointer ExpressionParser::parse_conditional() {
  ExpressionPointer value = parse_or();
  while (is_name("if")) {
    auto node = make(Expression::Kind::conditional, current().offset);
    advance();
    adopt(*node, std::move(value));
    adopt(*node, parse_or());
    adopt(*node, skip_name("else") ? parse_expression() : nullptr);
    value = std::move(node);
  }
  return value;
}

ExpressionPointer ExpressionParser::parse_or() {
  ExpressionPointer left = parse_and();
  while (is_name("or")) {
    auto node = make(Expression::Kind::logical_or, current().offset);
    advance();
    adopt(*node, std::move(left));
    adopt(*node, parse_and());
    left = std::move(node);
  }
  return left;
}

ExpressionPointer ExpressionParser::parse_and() {
  ExpressionPointer left = parse_not();
  while (is_name("and")) {
    auto node = make(Expression::Kind::logical_and, current().offset);
    advance();
    adopt(*node, std::move(left));
    adopt(*node, parse_not());
    left = std::move(node);
  }
  return left;
}

ExpressionPointer ExpressionParser::parse_not() {
  if (!is_name("not")) return parse_compare();
  const Nesting nesting(*this);
  auto node = make(Expression::Kind::logical_not, current().offset);
  advance();
  adopt(*node, parse_not());
  return node;
}

ExpressionPointer ExpressionParser::parse_compare() {
  static constexpr std::array<std::string_view, 6> kOperators = {"==", "!=", "<", "<=", ">", ">="};
  ExpressionPointer first = parse_sum();
  ExpressionPointer node;
  for (;;) {
    std::string name;
    const std::size_t offset = current().offset;
    if (current().type == TokenType::symbol &&
        std::find(kOperators.begin(), kOperators.end(), current().text) != kOperators.end()) {
      name = current().text;
    } else if (is_name("in")) {
      name = "in";
    } else if (is_name("not") && look().type == TokenType::name && look().text == "in") {
      advance();
      name = "not in";
    } else {
      break;
    }
    advance();
    if (!node) {
      node = make(Expression::Kind::compare, offset);
      adopt(*node, std::move(first));
    }
    node->operators.push_back(std::move(name));
    adopt(*node, parse_sum());
  }
  return node ? std::move(node) : std::move(first);
}

ExpressionPointer ExpressionParser::parse_binary(std::initializer_list<std::string_view> symbols,
                                                 Parse side) {
  ExpressionPointer left = (this->*side)();
  while (current().type == TokenType::symbol &&
         std::find(symbols.begin(), symbols.end(), current().text) != symbols.end()) {
    auto node = make(Expression::Kind::binary, current().offset);
    node->text = current().text;
    advance();
    adopt(*node, std::move(left));
    adopt(*node, (this->*side)());
    left = std::move(node);
  }
  return left;
}

ExpressionPointer ExpressionParser::parse_sum() {
  return parse_binary({"+", "-"}, &ExpressionParser::parse_concat);
}

ExpressionPointer ExpressionParser::parse_concat() {
  ExpressionPointer first = parse_product();
  if (!is_symbol("~")) return first;
  auto node = make(Expression::Kind::concat, current().offset);
  adopt(*node, std::move(first));
  while (skip_symbol("~")) adopt(*node, parse_product());
  return node;
}

ExpressionPointer ExpressionParser::parse_product() {
  return parse_binary({"*", "/", "//", "%"}, &ExpressionParser::parse_power);
}

ExpressionPointer ExpressionParser::parse_power() {
  return parse_binary({"**"}, &ExpressionParser::parse_filtered_unary);
}

ExpressionPointer ExpressionParser::parse_unary(bool with_filter) {
  ExpressionPointer node;
  if (is_symbol("-") || is_symbol("+")) {
    const Nesting nesting(*this);
    node =
        make(is_symbol("-") ? Expression::Kind::negate : Expression::Kind::plus, current().offset);
    advance();
    adopt(*node, parse_unary(false));
  } else {
    node = parse_primary();
  }
  node = parse_postfix(std::move(node));
  return with_filter ? parse_filters_and_tests(std::move(node)) : std::move(node);
}

ExpressionPointer ExpressionParser::parse_primary() {
  const LexToken& token = current();
  auto node = make(Expression::Kind::constant, token.offset);
  switch (token.type) {
    case TokenType::name:
      if (token.text == "true" || token.text == "True") {
        node->value = true;
      } else if (token.text == "false" || token.text == "False") {
        node->value = false;
      } else if (token.text == "none" || token.text == "None") {
        node->value = None{};
      } else {
        node->kind = Expression::Kind::name;
        node->text = token.text;
        if (std::find(names_.begin(), names_.end(), token.text) == names_.end()) {
          names_.push_back(token.text);
        }
      }
      advance();
      return node;
    case TokenType::string: {
      std::string text;
      while (current().type == TokenType::string) {
        text += current().text;
        advance();
      }
      node->value = std::move(text);
      return node;
    }
    case TokenType::integer:
      node->value = token.integer;
      advance();
      return node;
    case TokenType::real:
      node->value = token.real;
      advance();
      return node;
    default: break;
  }
  if (is_symbol("[")) return parse_list();
  if (is_symbol("{")) return parse_dict();
  if (skip_symbol("(")) {
    node = parse_tuple(true, true);
    expect_symbol(")");
    return node;
  }
  fail_unexpected();
}

ExpressionPointer ExpressionParser::parse_tuple(bool with_conditional, bool in_brackets) {
  const auto at_end = [&] {
    return current().type == TokenType::variable_end || current().type == TokenType::block_end ||
           is_symbol(")");
  };
  const std::size_t offset = current().offset;
  std::vector<ExpressionPointer> items;
  bool is_tuple = false;
  for (;;) {
    if (at_end()) break;
    items.push_back(parse_expression(with_conditional));
    if (!skip_symbol(",")) break;
    is_tuple = true;
  }
  if (!is_tuple && !items.empty()) return std::move(items[0]);
  if (!is_tuple && !in_brackets) fail_unexpected("an expression");
  auto node = make(Expression::Kind::tuple, offset);
  for (auto& item : items) adopt(*node, std::move(item));
  return node;
}

ExpressionPointer ExpressionParser::parse_list() {
  auto node = make(Expression::Kind::list, current().offset);
  expect_symbol("[");
  while (!is_symbol("]")) {
    if (!node->children.empty()) expect_symbol(",");
    if (is_symbol("]")) break;
    adopt(*node, parse_expression());
  }
  expect_symbol("]");
  return node;
}

ExpressionPointer ExpressionParser::parse_dict() {
  auto node = make(Expression::Kind::dict, current().offset);
  expect_symbol("{");
  while (!is_symbol("}")) {
    if (!node->children.empty()) expect_symbol(",");
    if (is_symbol("}")) break;
    adopt(*node, parse_expression());
    expect_symbol(":");
    adopt(*node, parse_expression());
  }
  expect_symbol("}");
  return node;
}

ExpressionPointer ExpressionParser::parse_postfix(ExpressionPointer node) {
  for (;;) {
    if (is_symbol(".") || is_symbol("[")) {
      node = parse_subscript(std::move(node));
    } else if (is_symbol("(")) {
      node = parse_call(std::move(node));
    } else {
      return node;
    }
  }
}

ExpressionPointer ExpressionParser::parse_filters_and_tests(ExpressionPointer node) {
  for (;;) {
    if (skip_symbol("|")) {
      node = parse_filter(std::move(node));
    } else if (is_name("is")) {
      node = parse_test(std::move(node));
    } else if (is_symbol("(")) {
      node = parse_call(std::move(node));
    } else {
      return node;
    }
  }
}

ExpressionPointer ExpressionParser::parse_filter(ExpressionPointer input) {
  for (;;) {
    auto node = make(Expression::Kind::filter, current().offset);
    node->text = expect_name();
    adopt(*node, std::move(input));
    if (is_symbol("(")) node->arguments = parse_arguments();
    for (const auto& argument : node->arguments.positional) check_depth(*node, argument);
    for (const auto& argument : node->arguments.named) check_depth(*node, argument.second);
    input = std::move(node);
    if (!skip_symbol("|")) return input;
  }
}

ExpressionPointer ExpressionParser::parse_test(ExpressionPointer input) {
  const std::size_t offset = current().offset;
  advance();
  const bool negated = skip_name("not");
  auto node = make(Expression::Kind::test, offset);
  node->text = expect_name();
  adopt(*node, std::move(input));
  const bool starts_value =
      current().type == TokenType::string || current().type == TokenType::integer ||
      current().type == TokenType::real || is_symbol("[") || is_symbol("{") ||
      (current().type == TokenType::name && !is_name("else") && !is_name("or") && !is_name("and"));
  if (is_symbol("(")) {
    node->arguments = parse_arguments();
  } else if (starts_value) {
    if (is_name("is")) fail("tests cannot be chained with 'is'");
    node->arguments.positional.push_back(parse_postfix(parse_primary()));
  }
  for (const auto& argument : node->arguments.positional) check_depth(*node, argument);
  for (const auto& argument : node->arguments.named) check_depth(*node, argument.second);
  if (!negated) return node;
  auto inverse = make(Expression::Kind::logical_not, offset);
  adopt(*inverse, std::move(node));
  return inverse;
}

ExpressionPointer ExpressionParser::parse_subscript(ExpressionPointer object) {
  const std::size_t offset = current().offset;
  if (skip_symbol(".")) {
    auto node = make(Expression::Kind::attribute, offset);
    if (current().type == TokenType::integer) {
      node->kind = Expression::Kind::item;
      adopt(*node, std::move(object));
      adopt(*node, parse_primary());
    } else {
      node->text = expect_name();
      adopt(*node, std::move(object));
    }
    return node;
  }
  expect_symbol("[");
  ExpressionPointer first;
  if (!is_symbol(":")) first = parse_expression();
  if (!is_symbol(":")) {
    auto node = make(Expression::Kind::item, offset);
    adopt(*node, std::move(object));
    adopt(*node, std::move(first));
    expect_symbol("]");
    return node;
  }
  auto node = make(Expression::Kind::slice, offset);
  adopt(*node, std::move(object));
  adopt(*node, std::move(first));
  for (int part = 0; part < 2; ++part) {
    const bool given = skip_symbol(":") && !is_symbol(":") && !is_symbol("]");
    adopt(*node, given ? parse_expression() : nullptr);
  }
  expect_symbol("]");
  return node;
}

ExpressionPointer ExpressionParser::parse_call(ExpressionPointer callee) {
  auto node = make(Expression::Kind::call, current().offset);
  adopt(*node, std::move(callee));
  node->arguments = parse_arguments();
  for (const auto& argument : node->arguments.positional) check_depth(*node, argument);
  for (const auto& argument : node->arguments.named) check_depth(*node, argument.second);
  check_depth(*node, node->arguments.more_positional);
  check_depth(*node, node->arguments.more_named);
  return node;
}

CallArguments ExpressionParser::parse_arguments() {
  CallArguments arguments;
  expect_symbol("(");
  bool first = true;
  while (!is_symbol(")")) {
    if (!first) expect_symbol(",");
    first = false;
    if (is_symbol(")")) break;
    if (skip_symbol("*")) {
      if (arguments.more_positional || arguments.more_named) fail("two lists of more arguments");
      arguments.more_positional = parse_expression();
    } else if (skip_symbol("**")) {
      if (arguments.more_named) fail("two dicts of more arguments");
      arguments.more_named = parse_expression();
    } else if (current().type == TokenType::name && look().type == TokenType::symbol &&
               look().text == "=") {
      if (arguments.more_named) fail("an argument stands after '**'");
      std::string name = expect_name();
      advance();
      arguments.named.emplace_back(std::move(name), parse_expression());
    } else {
      if (!arguments.named.empty() || arguments.more_positional || arguments.more_named) {
        fail("a positional argument stands after a named one");
      }
      arguments.positional.push_back(parse_expression());
    }
  }
  expect_symbol(")");
  return arguments;
}

}  // namespace jielong::jinja
