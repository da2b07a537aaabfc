// The formatter's walk over the tree. Comments are taken in the order of the text, each at the
// first place behind it where a line may end: before a statement, before an item of a list, behind
// an operator. So all are kept, whatever holds them.
//
//   expressions.cpp   expressions, types, lists      statements.cpp   statements, blocks
//   declarations.cpp   the rest
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/ast.h"
#include "dsl/format/doc.h"

namespace bitloom::dsl::format_detail {

inline constexpr std::size_t kWidth = 100;
inline constexpr std::size_t kIndent = 4;

class Formatter {
 public:
  Formatter(std::string_view source, const File& file)
      : source_(source), file_(file), lines_(kWidth) {}
  std::string run();

 private:
  // ---- Comments
  // -------------------------------------------------------------------------------------------------------
  bool comment_before(std::uint32_t offset) const;
  std::string take_comment();
  // Whether a line ends between the two places.
  bool line_ends_between(std::uint32_t begin, std::uint32_t end) const;
  bool blank_line_before(std::uint32_t offset) const;
  // Comments before `offset`, in lines of their own. `first`: nothing stands before in this block,
  // so no blank line does.
  void write_comments(std::uint32_t offset, std::size_t column, bool& first);
  // To the line just written: a comment before `behind` that found no place, or one behind it in
  // the same line of the source, up to `limit`.
  void write_trailing(std::uint32_t behind, std::uint32_t limit);
  // Behind an operator or a sign, before an operand at `offset`: the comments there and a line
  // break, or `otherwise`.
  Doc comments_or(std::uint32_t offset, Doc otherwise);

  // ---- Lists
  // ----------------------------------------------------------------------------------------------------------
  struct List {
    const char* open;
    const char* close;
    bool one_a_line = false;  // where it does not fit in one; otherwise lines are filled
    bool broken = false;      // even where it would fit
    bool own_group = true;
  };
  // The bracket that closes a list whose last item ends at `offset`.
  std::uint32_t closer_behind(std::uint32_t offset, char closer) const;
  // Items with the comments between them. `place(i)` and `doc(i)` describe the items; `doc` is
  // called in the order of the text.
  template <class ItemPlace, class ItemDoc>
  Doc list(const List& style, std::size_t count, const ItemPlace& place, const ItemDoc& doc);

  bool comma_behind(std::uint32_t offset) const;

  // ---- Documents
  // ------------------------------------------------------------------------------------------------------
  struct ExpressionDoc;
  static Doc string(const std::string& value);
  Doc expression(const Expr& expr);
  Doc binary(const Binary& node);
  // In parentheses where it binds looser than `level`.
  Doc operand(const Expr& expr, int level);
  Doc expressions(const char* open, const std::vector<ExprPtr>& items, const char* close);
  Doc arguments(const std::vector<Argument>& arguments);
  Doc index(const Index& node);
  Doc type(const TypeSyntax& type);
  Doc attribute(const Attribute& attribute);
  void add_attributes(Doc& doc, const std::vector<Attribute>& attributes);
  bool has_arguments(const Attribute& attribute) const;
  Doc range(const ExprPtr& lower, const ExprPtr& upper);
  Doc condition(const ExprPtr& x);
  // `= value`, with the comments between.
  Doc value(std::string sign, const ExprPtr& value);
  Doc generic_parameters(const std::vector<GenericParameter>& generics);
  Doc parameters(const std::vector<ParameterSyntax>& parameters, bool kernel);

  // ---- Statements
  // -----------------------------------------------------------------------------------------------------
  struct WriteStatement;
  void write(Doc doc, std::size_t column) { lines_.write(group(std::move(doc)), column); }
  void write(std::string line, std::size_t column) { lines_.write(text(std::move(line)), column); }
  void statement(const Stmt& stmt, std::size_t column);
  // `header {`, the statements, and `}`.
  void block(Doc header, const Block& body, std::size_t column);
  void open_block(Doc header, const Block& body, std::size_t column);  // … without the `}`
  // What stands in a block that begins behind `begin` and whose `}` stands at `end`.
  void statements(const std::vector<StmtPtr>& list, std::uint32_t begin, std::uint32_t end,
                  std::size_t column, bool first = true);
  void if_chain(const If& node, std::size_t column);
  void pipeline(const Pipeline& node, Place place, std::size_t column);
  void roles(const Roles& node, Place place, std::size_t column);

  // ---- Declarations
  // ---------------------------------------------------------------------------------------------------
  struct WriteDeclaration;
  void write_leftovers(std::uint32_t end, std::uint32_t next, bool& first);
  void function(const FunctionDecl& node);
  void kernel(const KernelDecl& node);
  void declared_block(Doc header, const Block& body);

  std::string_view source_;
  const File& file_;
  Lines lines_;
  std::size_t next_comment_ = 0;
  bool spilled_ =
      false;  // a comment of the last declaration stands behind it, and may not document the next
};

template <class ItemPlace, class ItemDoc>
Doc Formatter::list(const List& style, std::size_t count, const ItemPlace& place,
                    const ItemDoc& doc) {
  if (count == 0) return text(std::string(style.open) + style.close);
  Doc head = text(style.open);
  std::vector<Doc> parts;
  // Comments before `offset`: to the line of the part before, or to lines of their own before
  // `next`.
  const auto take_comments = [&](std::uint32_t offset, Doc& next) {
    for (bool first = true; comment_before(offset); first = false) {
      if (first && !file_.comments[next_comment_].own_line) {
        Doc& before = parts.empty() ? head : parts.back();
        before = concat(std::move(before), suffix(take_comment()));
      } else {
        next.add(concat(text(take_comment()), hard()));
      }
    }
  };
  for (std::size_t i = 0; i < count; ++i) {
    Doc part;
    take_comments(place(i).begin, part);
    part.add(doc(i));
    if (i + 1 < count) part.add(text(","));
    if (i + 1 == count && style.one_a_line) part.add(broken(","));
    parts.push_back(std::move(part));
  }
  Doc last;
  take_comments(closer_behind(place(count - 1).end, *style.close), last);

  Doc items = style.one_a_line ? concat() : fill();
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i != 0) items.add(line());
    items.add(std::move(parts[i]));
  }
  Doc inner = concat(soft(), std::move(items));
  for (Doc& comment : last.parts) inner.add(concat(hard(), std::move(comment.parts.front())));
  Doc result =
      concat(std::move(head), indent(kIndent, std::move(inner)), soft(), text(style.close));
  result.breaks = result.breaks || style.broken;
  return style.own_group ? group(std::move(result)) : result;
}

}  // namespace bitloom::dsl::format_detail
