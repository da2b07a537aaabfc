#include <fmt/format.h>

#include <algorithm>

#include "dsl/format.h"
#include "dsl/format/formatter.h"

namespace bitloom::dsl {
namespace format_detail {
namespace {

bool has_body(const Decl& decl) {
  const auto* function = std::get_if<FunctionDecl>(&decl.node);
  return std::holds_alternative<KernelDecl>(decl.node) || (function && !function->short_form);
}

}  // namespace

struct Formatter::WriteDeclaration {
  Formatter& f;

  void operator()(const ImportDecl& x) const {
    Doc path = x.quoted ? f.string(x.path) : text(x.path);
    f.write(concat(text("import "), std::move(path), text(x.alias.empty() ? "" : " as " + x.alias)),
            0);
  }
  void operator()(const ConstDecl& x) const {
    f.write(concat(text(fmt::format("const {} ", x.name)), f.value("=", x.value)), 0);
  }
  void operator()(const FunctionDecl& x) const { f.function(x); }
  void operator()(const KernelDecl& x) const { f.kernel(x); }
};

Doc Formatter::parameters(const std::vector<ParameterSyntax>& parameters, bool kernel) {
  std::size_t widest = 0;
  bool typed = false;
  for (const ParameterSyntax& parameter : parameters) {
    widest = std::max(widest, width_of(parameter.name));
    typed = typed || parameter.type.has_value();
  }
  const auto place = [&](std::size_t i) {
    const ParameterSyntax& parameter = parameters[i];
    return Place{parameter.name_place.begin,
                 parameter.type ? parameter.type->place.end : parameter.name_place.end};
  };
  List style{"(", ")"};
  style.one_a_line = typed;
  style.own_group = !kernel;
  style.broken = typed && !parameters.empty() && comma_behind(place(parameters.size() - 1).end);
  return list(style, parameters.size(), place, [&](std::size_t i) {
    const ParameterSyntax& parameter = parameters[i];
    Doc result = text((parameter.variable ? "var " : "") + parameter.name);
    if (!parameter.type) return result;
    result.add(text(": "));
    if (kernel) result.add(broken(std::string(widest - width_of(parameter.name), ' ')));
    return concat(std::move(result), type(*parameter.type));
  });
}

void Formatter::function(const FunctionDecl& node) {
  Doc header = concat(text("fn " + node.name), generic_parameters(node.generics));
  header = concat(std::move(header), parameters(node.parameters, false));
  if (node.result) header = concat(std::move(header), text(" -> "), type(*node.result));
  if (!node.short_form) {
    declared_block(std::move(header), node.body);
    return;
  }
  header.add(text(" "));
  write(concat(std::move(header),
               value("=", std::get<Return>(node.body.statements.front()->node).value)),
        0);
}

// `fn f() { }` in one line where nothing stands inside.
void Formatter::declared_block(Doc header, const Block& body) {
  if (body.statements.empty() && !comment_before(body.place.end)) {
    write(concat(std::move(header), text(" { }")), 0);
  } else {
    block(std::move(header), body, 0);
  }
}

// The header is one group: when it takes several lines, the parameters and the `{` have lines of
// their own.
void Formatter::kernel(const KernelDecl& node) {
  Doc header =
      concat(text(fmt::format("{}kernel {}", node.is_explicit ? "explicit " : "", node.name)),
             generic_parameters(node.generics));
  header = concat(std::move(header), parameters(node.parameters, true));
  Doc rest;
  for (const Attribute& one : node.attributes) {
    rest.add(comments_or(one.place.begin, text(" ")));
    rest.add(attribute(one));
  }
  for (const Where& where : node.wheres) {
    rest.add(comments_or(where.place.begin, hard()));
    rest.add(concat(text("where "), indent(kIndent, expression(*where.condition))));
    if (where.message) rest.add(concat(text(", "), string(*where.message)));
  }
  header = concat(std::move(header), indent(2, std::move(rest)));
  header.add(comments_or(node.body.place.begin, line()));
  const bool empty = node.body.statements.empty() && !comment_before(node.body.place.end);
  if (empty) {
    write(concat(std::move(header), text("{ }")), 0);
    return;
  }
  write(concat(std::move(header), text("{")), 0);
  statements(node.body.statements, node.body.place.begin + 1, node.body.place.end - 1, kIndent);
  write("}", 0);
}

std::string Formatter::run() {
  const auto end = static_cast<std::uint32_t>(source_.size());
  const auto& all = file_.declarations;
  bool first = true;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Place place = all[i].place;
    // Between two declarations of which one has a body stands a blank line: before the comments of
    // the second.
    if (i > 0 && (has_body(all[i]) || has_body(all[i - 1]))) {
      lines_.blank();
      first = true;
    }
    if (i > 0) write_leftovers(all[i - 1].place.end, place.begin, first);
    write_comments(place.begin, 0, first);
    if (!first && blank_line_before(place.begin)) lines_.blank();
    first = false;
    std::visit(WriteDeclaration{*this}, all[i].node);
    write_trailing(place.end, i + 1 < all.size() ? all[i + 1].place.begin : end);
  }
  write_comments(end, 0, first);
  return lines_.str();
}

// Comments of the declaration before that found no place in its lines. They may not become
// documentation of the next.
void Formatter::write_leftovers(std::uint32_t end, std::uint32_t next, bool& first) {
  const std::size_t begin = next_comment_;
  while (comment_before(end) || (comment_before(next) && !file_.comments[next_comment_].own_line)) {
    write_comments(file_.comments[next_comment_].place.end, 0, first);
  }
  if (next_comment_ == begin) return;
  lines_.blank();
  first = true;
}

// ---- Comments -----------------------------------------------------------------------------------
bool Formatter::comment_before(std::uint32_t offset) const {
  return next_comment_ < file_.comments.size() &&
         file_.comments[next_comment_].place.begin < offset;
}

std::string Formatter::take_comment() {
  const Place place = file_.comments[next_comment_++].place;
  return std::string(source_.substr(place.begin, place.end - place.begin));
}

bool Formatter::line_ends_between(std::uint32_t begin, std::uint32_t end) const {
  return begin < end && source_.substr(begin, end - begin).find('\n') != std::string_view::npos;
}

bool Formatter::blank_line_before(std::uint32_t offset) const {
  int ends = 0;
  while (offset > 0 &&
         std::string_view(" \t\r\n").find(source_[offset - 1]) != std::string_view::npos) {
    ends += source_[--offset] == '\n' ? 1 : 0;
  }
  return ends > 1;
}

// Whether the list whose last item ends at `offset` goes on with a comma: its author wants an item
// a line.
bool Formatter::comma_behind(std::uint32_t offset) const {
  const std::uint32_t closer = closer_behind(offset, ')');
  return closer_behind(offset, ',') < closer;
}

void Formatter::write_comments(std::uint32_t offset, std::size_t column, bool& first) {
  while (comment_before(offset)) {
    if (!first && blank_line_before(file_.comments[next_comment_].place.begin)) lines_.blank();
    lines_.own_line(take_comment(), column);
    first = false;
  }
}

void Formatter::write_trailing(std::uint32_t behind, std::uint32_t limit) {
  if (!comment_before(limit) || !lines_.takes_comment()) return;
  const Comment& comment = file_.comments[next_comment_];
  const bool same_line = !comment.own_line && !line_ends_between(behind, comment.place.begin);
  if (comment.place.begin < behind || same_line) lines_.comment(take_comment());
}

Doc Formatter::comments_or(std::uint32_t offset, Doc otherwise) {
  if (!comment_before(offset)) return otherwise;
  Doc result;
  while (comment_before(offset)) {
    if (!file_.comments[next_comment_].own_line && result.parts.empty()) {
      result.add(suffix(take_comment()));
    } else {
      result.add(concat(hard(), text(take_comment())));
    }
  }
  result.add(hard());
  return result;
}

}  // namespace format_detail

std::string format(const SourceManager& sources, const File& file) {
  return format_detail::Formatter(sources.text(file.id), file).run();
}

}  // namespace bitloom::dsl
