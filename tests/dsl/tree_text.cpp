#include "tests/dsl/tree_text.h"

#include <fmt/format.h>

#include <array>

namespace bitloom::dsl {
namespace {

constexpr std::array kBinary = {"||", "&&", "==", "!=", "<", "<=", ">", ">=", "|",
                                "^",  "&",  "<<", ">>", "+", "-",  "*", "/",  "%"};
constexpr std::array kUnary = {"-", "!", "~"};
constexpr std::array kAssign = {"=", "+=", "-=", "*="};

std::string text(const ExprPtr& x) {
  return x ? tree_text(*x) : "none";
}

std::string text(const std::vector<ExprPtr>& list) {
  std::string result;
  for (const ExprPtr& x : list) result += fmt::format(" {}", text(x));
  return result;
}

std::string text(const std::vector<Argument>& arguments) {
  std::string result;
  for (const Argument& argument : arguments) {
    result += fmt::format(" {}{}{}", argument.name, argument.name.empty() ? "" : "=",
                          text(argument.value));
  }
  return result;
}

std::string text(const std::vector<Attribute>& attributes) {
  std::string result;
  for (const Attribute& attribute : attributes) {
    result += fmt::format(" (@{}{})", attribute.name, text(attribute.arguments));
  }
  return result;
}

std::string text(const Block& block) {
  std::string result = "{";
  for (const StmtPtr& stmt : block.statements) result += fmt::format(" {}", tree_text(*stmt));
  return result + " }";
}

std::string text(const std::vector<GenericParameter>& generics) {
  constexpr std::array kKinds = {"type", "int", "bool", "layout"};
  std::string result;
  for (const GenericParameter& generic : generics) {
    result += fmt::format(" ({} {} {})", kKinds[static_cast<std::size_t>(generic.kind)],
                          generic.name, text(generic.otherwise));
  }
  return result;
}

std::string text(const std::vector<ParameterSyntax>& parameters) {
  std::string result;
  for (const ParameterSyntax& parameter : parameters) {
    result += fmt::format(" (param {}{} {})", parameter.variable ? "var " : "", parameter.name,
                          parameter.type ? tree_text(*parameter.type) : "none");
  }
  return result;
}

std::string message(const std::optional<std::string>& text) {
  return text ? fmt::format("'{}'", *text) : "none";
}

std::string item(const IndexItem& index) {
  switch (index.kind) {
    case IndexKind::At:
      return text(index.start);
    case IndexKind::Range:
      return fmt::format("{}+:{}", text(index.start), text(index.extent));
    case IndexKind::All:
      return ":";
  }
  return "";
}

struct ExprText {
  std::string operator()(const Name& x) const { return x.text; }
  std::string operator()(const IntLiteral& x) const { return std::to_string(x.value); }
  std::string operator()(const FloatLiteral& x) const { return fmt::format("f{:a}", x.value); }
  std::string operator()(const StringLiteral& x) const { return fmt::format("'{}'", x.value); }
  std::string operator()(const BoolLiteral& x) const { return x.value ? "true" : "false"; }
  std::string operator()(const Unary& x) const {
    return fmt::format("({} {})", kUnary[static_cast<std::size_t>(x.op)], text(x.x));
  }
  std::string operator()(const Binary& x) const {
    return fmt::format("({} {} {})", kBinary[static_cast<std::size_t>(x.op)], text(x.a), text(x.b));
  }
  std::string operator()(const Member& x) const {
    return fmt::format("(. {} {})", text(x.base), x.name);
  }
  std::string operator()(const Tuple& x) const { return fmt::format("(tuple{})", text(x.items)); }
  std::string operator()(const Ref& x) const { return fmt::format("(ref {})", text(x.x)); }
  std::string operator()(const Call& x) const {
    const std::string generics = x.generics.empty() ? "" : fmt::format(" <{} >", text(x.generics));
    return fmt::format("(call {}{}{})", text(x.callee), generics, text(x.arguments));
  }
  std::string operator()(const Generic& x) const {
    return fmt::format("(generic {}{})", x.name, text(x.generics));
  }
  std::string operator()(const Index& x) const {
    std::string result = fmt::format("(index {}", text(x.base));
    for (const IndexItem& index : x.items) result += fmt::format(" {}", item(index));
    return result + ")";
  }
};

struct StmtText {
  std::string operator()(const Let& x) const {
    return fmt::format("({}{} {} {} {} {})", x.variable ? "var" : "let", x.tuple ? "()" : "",
                       fmt::join(x.names, ","), x.type ? tree_text(*x.type) : "none",
                       text(x.layout), text(x.value));
  }
  std::string operator()(const SharedDecl& x) const {
    return fmt::format("(shared {} {}{})", x.name, tree_text(x.type), text(x.attributes));
  }
  std::string operator()(const BarrierDecl& x) const {
    return fmt::format("(barrier {} {}{})", x.name, text(x.extent), text(x.attributes));
  }
  std::string operator()(const Assign& x) const {
    return fmt::format("({} {} {})", kAssign[static_cast<std::size_t>(x.op)], text(x.target),
                       text(x.value));
  }
  std::string operator()(const Move& x) const {
    return fmt::format("(<- {} {})", text(x.target), text(x.value));
  }
  std::string operator()(const If& x) const {
    return fmt::format("(if {} {}{})", text(x.condition), text(x.then),
                       x.otherwise ? fmt::format(" {}", text(*x.otherwise)) : "");
  }
  std::string operator()(const For& x) const {
    return fmt::format("(for {} {} {} {}{} {})", x.name, text(x.lower), text(x.upper), text(x.step),
                       x.unroll ? " unroll" : "", text(x.body));
  }
  std::string operator()(const While& x) const {
    return fmt::format("(while {} {})", text(x.condition), text(x.body));
  }
  std::string operator()(const Break&) const { return "(break)"; }
  std::string operator()(const Continue&) const { return "(continue)"; }
  std::string operator()(const Return& x) const {
    return fmt::format("(return {})", text(x.value));
  }
  std::string operator()(const Pipeline& x) const {
    return fmt::format("(pipeline {} {} {} {} {} {})", text(x.stages), x.name, text(x.lower),
                       text(x.upper), text(x.load), text(x.body));
  }
  std::string operator()(const Roles& x) const {
    std::string result = "(roles";
    for (const Role& role : x.roles) {
      result += fmt::format(" (role {} {}{} {})", role.name, text(role.copies),
                            text(role.attributes), text(role.body));
    }
    return result + ")";
  }
  std::string operator()(const Warps& x) const {
    return fmt::format("(warps {} {})", x.name, text(x.body));
  }
  std::string operator()(const Assert& x) const {
    return fmt::format("(assert {} {})", text(x.condition), message(x.message));
  }
  std::string operator()(const Print& x) const {
    return fmt::format("(print '{}'{})", x.format, text(x.values));
  }
  std::string operator()(const ExprStmt& x) const { return text(x.x); }
};

struct DeclText {
  std::string operator()(const ImportDecl& x) const {
    return fmt::format("(import {}{} {})", x.quoted ? "file " : "", x.path, x.alias);
  }
  std::string operator()(const ConstDecl& x) const {
    return fmt::format("(const {} {})", x.name, text(x.value));
  }
  std::string operator()(const FunctionDecl& x) const {
    return fmt::format("(fn {}{}{} {}{} {})", x.name, text(x.generics), text(x.parameters),
                       x.result ? tree_text(*x.result) : "none", x.short_form ? " =" : "",
                       text(x.body));
  }
  std::string operator()(const KernelDecl& x) const {
    std::string result = fmt::format("({}kernel {}{}{}{}", x.is_explicit ? "explicit " : "", x.name,
                                     text(x.generics), text(x.parameters), text(x.attributes));
    for (const Where& where : x.wheres) {
      result += fmt::format(" (where {} {})", text(where.condition), message(where.message));
    }
    return fmt::format("{} {})", result, text(x.body));
  }
};

}  // namespace

std::string tree_text(const Expr& expr) {
  return std::visit(ExprText{}, expr.node);
}
std::string tree_text(const Stmt& stmt) {
  return std::visit(StmtText{}, stmt.node);
}

std::string tree_text(const Decl& decl) {
  const std::string text = std::visit(DeclText{}, decl.node);
  return decl.documentation.empty() ? text : fmt::format("\"{}\" {}", decl.documentation, text);
}

std::string tree_text(const TypeSyntax& type) {
  constexpr std::array kSpaces = {"", "global ", "shared "};
  std::string result = fmt::format("{}{}{}{}", type.optional ? "optional " : "",
                                   kSpaces[static_cast<std::size_t>(type.space)],
                                   type.packed ? "packed " : "", text(type.element));
  return type.has_extents ? fmt::format("{}[{} ]", result, text(type.extents)) : result;
}

std::string tree_text(const File& file) {
  std::string result;
  for (const Decl& decl : file.declarations) result += tree_text(decl) + "\n";
  return result;
}

}  // namespace bitloom::dsl
