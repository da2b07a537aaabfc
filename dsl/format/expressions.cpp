#include <fmt/format.h>

#include <algorithm>

#include "dsl/format/formatter.h"
#include "dsl/operators.h"

namespace bitloom::dsl::format_detail {
namespace {

std::string quoted(const std::string& value) {
  std::string result = "\"";
  for (const char c : value) {
    switch (c) {
      case '\n':
        result += "\\n";
        break;
      case '\t':
        result += "\\t";
        break;
      case '"':
        result += "\\\"";
        break;
      case '\\':
        result += "\\\\";
        break;
      default:
        result += c;
    }
  }
  return result + "\"";
}

bool begins_with_minus(const Expr& expr) {
  const Expr* leftmost = &expr;
  while (!leftmost->parenthesised) {
    if (const auto* unary = std::get_if<Unary>(&leftmost->node)) return unary->op == UnaryOp::Neg;
    const auto* binary = std::get_if<Binary>(&leftmost->node);
    if (!binary) return false;
    leftmost = binary->a.get();
  }
  return false;
}

}  // namespace

Doc Formatter::string(const std::string& value) {
  return text(quoted(value));
}

std::uint32_t Formatter::closer_behind(std::uint32_t offset, char closer) const {
  auto comment =
      std::lower_bound(file_.comments.begin(), file_.comments.end(), offset,
                       [](const Comment& c, std::uint32_t at) { return c.place.begin < at; });
  while (offset < source_.size() && source_[offset] != closer) {
    if (comment != file_.comments.end() && comment->place.begin == offset) {
      offset = comment->place.end;
      ++comment;
    } else {
      ++offset;
    }
  }
  return offset;
}

Doc Formatter::expressions(const char* open, const std::vector<ExprPtr>& items, const char* close) {
  // `<-` would be another token.
  const bool apart = *open == '<' && !items.empty() && begins_with_minus(*items.front());
  return list(
      {apart ? "< " : open, close}, items.size(), [&](std::size_t i) { return items[i]->place; },
      [&](std::size_t i) { return expression(*items[i]); });
}

Doc Formatter::arguments(const std::vector<Argument>& arguments) {
  const auto place = [&](std::size_t i) {
    const Argument& argument = arguments[i];
    return Place{argument.name.empty() ? argument.value->place.begin : argument.name_place.begin,
                 argument.value->place.end};
  };
  return list({"(", ")"}, arguments.size(), place, [&](std::size_t i) {
    Doc name = text(arguments[i].name.empty() ? "" : arguments[i].name + " = ");
    return concat(std::move(name), expression(*arguments[i].value));
  });
}

Doc Formatter::index(const Index& node) {
  Doc base = operand(*node.base, kTightestBinary + 2);
  Doc items = list(
      {"[", "]"}, node.items.size(), [&](std::size_t i) { return node.items[i].place; },
      [&](std::size_t i) {
        const IndexItem& item = node.items[i];
        if (item.kind == IndexKind::All) return text(":");
        Doc start = expression(*item.start);
        if (item.kind == IndexKind::At) return start;
        Doc extent = expression(*item.extent);
        return concat(std::move(start), text(" +: "), std::move(extent));
      });
  return concat(std::move(base), std::move(items));
}

// A chain of operators of one precedence is broken behind each of them, or nowhere.
Doc Formatter::binary(const Binary& node) {
  const int level = precedence(node.op);
  std::vector<const Binary*> chain{&node};
  while (true) {
    const Expr& a = *chain.back()->a;
    const auto* next = std::get_if<Binary>(&a.node);
    if (!next || a.parenthesised || precedence(next->op) != level || is_comparison(next->op)) break;
    chain.push_back(next);
  }
  Doc rest;
  Doc first = operand(*chain.back()->a, is_comparison(node.op) ? level + 1 : level);
  for (auto link = chain.rbegin(); link != chain.rend(); ++link) {
    rest.add(text(fmt::format(" {}", spelling((*link)->op))));
    rest.add(comments_or((*link)->b->place.begin, line()));
    rest.add(operand(*(*link)->b, level + 1));
  }
  return group(concat(std::move(first), indent(kIndent, std::move(rest))));
}

Doc Formatter::operand(const Expr& expr, int level) {
  Doc inner = expression(expr);
  if (expr.parenthesised) return inner;
  int own = kTightestBinary + 2;
  if (const auto* binary = std::get_if<Binary>(&expr.node)) own = precedence(binary->op);
  if (std::holds_alternative<Unary>(expr.node) || std::holds_alternative<Ref>(expr.node))
    own = kTightestBinary + 1;
  return own < level ? concat(text("("), std::move(inner), text(")")) : inner;
}

struct Formatter::ExpressionDoc {
  Formatter& f;

  Doc operator()(const Name& x) const { return text(x.text); }
  Doc operator()(const IntLiteral& x) const {
    return text(x.text.empty() ? std::to_string(x.value) : x.text);
  }
  Doc operator()(const FloatLiteral& x) const { return text(x.text); }
  Doc operator()(const StringLiteral& x) const { return f.string(x.value); }
  Doc operator()(const BoolLiteral& x) const { return text(x.value ? "true" : "false"); }
  Doc operator()(const Unary& x) const {
    return concat(text(std::string(spelling(x.op))), f.operand(*x.x, kTightestBinary + 1));
  }
  Doc operator()(const Binary& x) const { return f.binary(x); }
  Doc operator()(const Member& x) const {
    return concat(f.operand(*x.base, kTightestBinary + 2), text("." + x.name));
  }
  Doc operator()(const Tuple& x) const { return f.expressions("(", x.items, ")"); }
  Doc operator()(const Ref& x) const {
    return concat(text("ref "), f.operand(*x.x, kTightestBinary + 2));
  }
  Doc operator()(const Call& x) const {
    Doc result = f.operand(*x.callee, kTightestBinary + 2);
    if (!x.generics.empty()) result.add(f.expressions("<", x.generics, ">"));
    return concat(std::move(result), f.arguments(x.arguments));
  }
  Doc operator()(const Generic& x) const {
    return concat(text(x.name), f.expressions("<", x.generics, ">"));
  }
  Doc operator()(const Index& x) const { return f.index(x); }
};

Doc Formatter::expression(const Expr& expr) {
  Doc inner = std::visit(ExpressionDoc{*this}, expr.node);
  return expr.parenthesised ? concat(text("("), std::move(inner), text(")")) : inner;
}

// ---- Types and attributes -----------------------------------------------------------------------
Doc Formatter::type(const TypeSyntax& type) {
  std::string words = type.optional ? "optional " : "";
  if (type.space == SpaceWord::Global) words += "global ";
  if (type.space == SpaceWord::Shared) words += "shared ";
  if (type.packed) words += "packed ";
  Doc result = concat(text(std::move(words)), expression(*type.element));
  if (type.has_extents) result.add(expressions("[", type.extents, "]"));
  return result;
}

Doc Formatter::attribute(const Attribute& attribute) {
  Doc result = text(attribute.name);
  if (has_arguments(attribute)) result.add(arguments(attribute.arguments));
  return result;
}

// `resident` and `resident()` are the same to the language; as it was written.
bool Formatter::has_arguments(const Attribute& attribute) const {
  return !attribute.arguments.empty() || attribute.place.end > attribute.name_place.end;
}

Doc Formatter::value(std::string sign, const ExprPtr& value) {
  Doc head = text(std::move(sign));
  if (!comment_before(value->place.begin)) {
    head.add(text(" "));
    return concat(std::move(head), expression(*value));
  }
  Doc comments = comments_or(value->place.begin, {});
  return concat(std::move(head), indent(kIndent, concat(std::move(comments), expression(*value))));
}

Doc Formatter::generic_parameters(const std::vector<GenericParameter>& generics) {
  constexpr const char* kKinds[] = {"type", "int", "bool", "layout"};
  if (generics.empty()) return {};
  const auto place = [&](std::size_t i) {
    const GenericParameter& generic = generics[i];
    return Place{generic.place.begin,
                 generic.otherwise ? generic.otherwise->place.end : generic.place.end};
  };
  return list({"<", ">"}, generics.size(), place, [&](std::size_t i) {
    const GenericParameter& generic = generics[i];
    Doc result =
        text(fmt::format("{}: {}", generic.name, kKinds[static_cast<std::size_t>(generic.kind)]));
    if (generic.otherwise) result.add(concat(text(" = "), expression(*generic.otherwise)));
    return result;
  });
}

}  // namespace bitloom::dsl::format_detail
