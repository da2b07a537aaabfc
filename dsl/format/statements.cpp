#include <fmt/format.h>

#include "dsl/format/formatter.h"
#include "dsl/operators.h"

namespace bitloom::dsl::format_detail {

struct Formatter::WriteStatement {
  Formatter& f;
  const Stmt& stmt;
  std::size_t column;

  void operator()(const Let& x) const {
    const std::string names =
        x.tuple ? fmt::format("({})", fmt::join(x.names, ", ")) : x.names.front();
    Doc doc = text(fmt::format("{} {}", x.variable ? "var" : "let", names));
    if (x.type) doc.add(concat(text(": "), f.type(*x.type)));
    doc.add(text(" "));
    doc.add(f.value("=", x.value));
    if (x.layout) doc.add(concat(text(" in "), f.expression(*x.layout)));
    f.write(std::move(doc), column);
  }
  void operator()(const SharedDecl& x) const {
    Doc doc = concat(text(fmt::format("shared {}: ", x.name)), f.type(x.type));
    f.add_attributes(doc, x.attributes);
    f.write(std::move(doc), column);
  }
  void operator()(const BarrierDecl& x) const {
    Doc doc = text(fmt::format("barrier {}", x.name));
    if (x.extent) doc.add(concat(text("["), f.expression(*x.extent), text("]")));
    f.add_attributes(doc, x.attributes);
    f.write(std::move(doc), column);
  }
  void operator()(const Assign& x) const {
    Doc target = f.expression(*x.target);
    Doc value = f.value(std::string(spelling(x.op)), x.value);
    f.write(concat(std::move(target), text(" "), std::move(value)), column);
  }
  void operator()(const Move& x) const {
    Doc target = f.expression(*x.target);
    Doc value = f.value("<-", x.value);
    f.write(concat(std::move(target), text(" "), std::move(value)), column);
  }
  void operator()(const If& x) const { f.if_chain(x, column); }
  void operator()(const For& x) const {
    Doc header = concat(text(fmt::format("for {} in ", x.name)), f.range(x.lower, x.upper));
    if (x.step) header.add(concat(text(" step "), f.expression(*x.step)));
    if (x.unroll) header.add(text(" unroll"));
    f.block(std::move(header), x.body, column);
  }
  void operator()(const While& x) const {
    f.block(concat(text("while "), f.condition(x.condition)), x.body, column);
  }
  void operator()(const Break&) const { f.write("break", column); }
  void operator()(const Continue&) const { f.write("continue", column); }
  void operator()(const Return& x) const {
    f.write(x.value ? concat(text("return "), f.expression(*x.value)) : text("return"), column);
  }
  void operator()(const Pipeline& x) const { f.pipeline(x, stmt.place, column); }
  void operator()(const Roles& x) const { f.roles(x, stmt.place, column); }
  void operator()(const Warps& x) const {
    f.block(text(fmt::format("warps {}", x.name)), x.body, column);
  }
  void operator()(const Assert& x) const {
    Doc doc = concat(text("assert "), f.expression(*x.condition));
    if (x.message) doc.add(concat(text(", "), f.string(*x.message)));
    f.write(std::move(doc), column);
  }
  void operator()(const Print& x) const {
    const auto place = [&](std::size_t i) {
      return i == 0 ? x.format_place : x.values[i - 1]->place;
    };
    f.write(concat(text("print"), f.list({"(", ")"}, x.values.size() + 1, place,
                                         [&](std::size_t i) {
                                           return i == 0 ? f.string(x.format)
                                                         : f.expression(*x.values[i - 1]);
                                         })),
            column);
  }
  void operator()(const ExprStmt& x) const { f.write(f.expression(*x.x), column); }
};

void Formatter::statement(const Stmt& stmt, std::size_t column) {
  std::visit(WriteStatement{*this, stmt, column}, stmt.node);
}

void Formatter::add_attributes(Doc& doc, const std::vector<Attribute>& attributes) {
  for (const Attribute& one : attributes) doc.add(concat(text(" "), attribute(one)));
}

Doc Formatter::range(const ExprPtr& lower, const ExprPtr& upper) {
  Doc first = indent(kIndent, expression(*lower));
  Doc sign = text(" ..");
  Doc gap = comments_or(upper->place.begin, text(" "));
  return concat(std::move(first), std::move(sign),
                indent(kIndent, concat(std::move(gap), expression(*upper))));
}

// Goes on deeper than the body of the statement.
Doc Formatter::condition(const ExprPtr& x) {
  return indent(kIndent, expression(*x));
}

void Formatter::block(Doc header, const Block& body, std::size_t column) {
  open_block(std::move(header), body, column);
  write("}", column);
}

void Formatter::open_block(Doc header, const Block& body, std::size_t column) {
  write(concat(std::move(header), text(" {")), column);
  statements(body.statements, body.place.begin + 1, body.place.end - 1, column + kIndent);
}

void Formatter::statements(const std::vector<StmtPtr>& list, std::uint32_t begin, std::uint32_t end,
                           std::size_t column, bool first) {
  write_trailing(begin, list.empty() ? end : list.front()->place.begin);
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Place place = list[i]->place;
    write_comments(place.begin, column, first);
    if (!first && blank_line_before(place.begin)) lines_.blank();
    first = false;
    statement(*list[i], column);
    write_trailing(place.end, i + 1 < list.size() ? list[i + 1]->place.begin : end);
  }
  write_comments(end, column, first);
}

void Formatter::if_chain(const If& node, std::size_t column) {
  std::string lead = "if ";
  for (const If* link = &node; link != nullptr;) {
    Doc header = concat(text(lead), condition(link->condition));
    open_block(std::move(header), link->then, column);
    const If* next = nullptr;
    if (link->otherwise) {
      const Block& otherwise = *link->otherwise;
      // An `else if` is a block without braces of its own.
      if (otherwise.statements.size() == 1 &&
          otherwise.statements.front()->place.begin == otherwise.place.begin) {
        next = &std::get<If>(otherwise.statements.front()->node);
        lead = "} else if ";
      } else {
        open_block(text("} else"), otherwise, column);
      }
    }
    link = next;
  }
  write("}", column);
}

void Formatter::pipeline(const Pipeline& node, Place place, std::size_t column) {
  Doc header = concat(text("pipeline<"), expression(*node.stages),
                      text(fmt::format("> for {} in ", node.name)), range(node.lower, node.upper),
                      text(" {"));
  write(std::move(header), column);
  const std::size_t inner = column + kIndent;
  bool first = true;
  write_trailing(closer_behind(node.upper->place.end, '{') + 1, node.load.place.begin);
  write_comments(node.load.place.begin, inner, first);
  block(text("load"), node.load, inner);
  const auto& rest = node.body.statements;
  write_trailing(node.load.place.end, rest.empty() ? place.end - 1 : rest.front()->place.begin);
  statements(rest, node.load.place.end, place.end - 1, inner, false);
  write("}", column);
}

void Formatter::roles(const Roles& node, Place place, std::size_t column) {
  write("roles {", column);
  bool first = true;
  write_trailing(closer_behind(place.begin, '{') + 1,
                 node.roles.empty() ? place.end - 1 : node.roles.front().place.begin);
  for (std::size_t i = 0; i < node.roles.size(); ++i) {
    const Role& role = node.roles[i];
    write_comments(role.place.begin, column + kIndent, first);
    if (!first && blank_line_before(role.place.begin)) lines_.blank();
    first = false;
    Doc header = text(fmt::format("role {}", role.name));
    if (role.copies) header.add(concat(text("["), expression(*role.copies), text("]")));
    add_attributes(header, role.attributes);
    block(std::move(header), role.body, column + kIndent);
    write_trailing(role.place.end,
                   i + 1 < node.roles.size() ? node.roles[i + 1].place.begin : place.end - 1);
  }
  write_comments(place.end - 1, column + kIndent, first);
  write("}", column);
}

}  // namespace bitloom::dsl::format_detail
