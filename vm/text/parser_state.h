// The recursive descent parser of IR text; only the parse_*.cpp files include this.
//
//   parser.cpp        the head of a kernel, its parameters and conditions, the numbering of values
//   parse_types.cpp   types, layouts, sizes, spans, numbers
//   parse_body.cpp    regions, instructions, attributes
//
// Every parse function returns false (or nullopt) after it has reported; nothing is reported twice.
// Values are numbered by first appearance while parsing, and get the ids that the text gives them
// at the end: only then is it known how many there are.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "vm/diagnostics.h"
#include "vm/ir.h"
#include "vm/text/lexer.h"

namespace bitloom::vm::text {

inline constexpr std::size_t kMaxText = std::size_t{16} << 20;
inline constexpr int kMaxNesting = 64;               // regions within regions
inline constexpr std::size_t kMaxExpression = 4096;  // characters of one layout or size
inline constexpr int kMaxParentheses = 32;           // within one layout or size
inline constexpr std::size_t kMaxRank = 8;
inline constexpr std::size_t kMaxOperands = 4096;  // of one instruction, arguments of one region
inline constexpr std::int64_t kMaxExtent = std::int64_t{1} << 40;

class Parser {
 public:
  Parser(std::string_view text, Diagnostics& diagnostics, std::uint32_t file)
      : lexer_(text), diagnostics_(diagnostics), file_(file) {
    advance();
  }

  std::optional<Function> function();
  bool at_end() const { return token_.kind == TokenKind::End; }

 private:
  // What is known of a value before it has its final id.
  struct Slot {
    Value value;
    std::optional<ValueId> id;  // as the text says
    bool defined = false;
    bool placed = false;  // the text gives its span
    Span first_use;
    std::string spelling;
  };

  // Tokens.
  void advance();
  Token peek() const;
  bool accept(char mark);
  bool accept(std::string_view word);
  bool expect(char mark, std::string_view where);
  bool unexpected(std::string_view expected);
  Diagnostic& error(std::string_view code, const Token& token);
  Span place(const Token& token) const;
  Span place(const Token& first, std::size_t end_of_last) const;

  // parser.cpp
  bool header(Function& function);
  bool header_clause(Function& function);
  bool specialization(Function& function);
  bool sizes(Function& function);
  bool parameters(Function& function);
  bool constraint(Function& function);
  bool finish(Function& function);
  bool number_values(std::vector<ValueId>& ids);

  // parse_types.cpp
  bool type(Type& type);
  bool type_suffixes(Type& type);
  bool shared_layout(Type& type);
  bool packed_atom(Type& type);
  bool extents(Type& type, bool symbolic);
  bool element_type(ElementType& element);
  bool size_expr(layouts::SizeExpr& expr, std::string_view stops);
  bool register_layout(layouts::RegisterLayout& layout);
  bool integer(std::int64_t& number, std::int64_t least, std::int64_t most);
  bool parenthesized(int& number, std::int64_t least, std::int64_t most);
  bool real(double& number);
  bool string(std::string& text);
  bool word_or_string(std::string& text);
  bool list(Shape& shape);
  bool span(Span& span);
  // The source up to a mark of `stops` (or `stop`) outside all parentheses.
  template <class Stop>
  std::optional<std::string_view> slice(Stop&& stop);
  // BL0188 for the expression that begins with this token.
  bool unreadable(const Token& first);
  bool within_bounds(std::string_view printed, const Token& first);

  // parse_body.cpp
  bool region(Region& region);
  bool region_arguments(Region& region);
  bool instruction(Region& region);
  bool outputs(Instruction& instruction);
  bool operands(Instruction& instruction);
  bool attributes(Instruction& instruction);
  bool attribute(Instruction& instruction, const AttributeInfo& row, const Token& name);
  bool words(std::shared_ptr<const WordProgram>& program);
  bool regions(Instruction& instruction);
  // A value and its type, where it comes into being.
  bool definition(ValueId& slot);
  bool use(ValueId& slot);
  bool slot_of(const Token& token, ValueId& slot);

  Lexer lexer_;
  Token token_;
  std::size_t end_ = 0;  // behind the token before token_
  Diagnostics& diagnostics_;
  std::uint32_t file_;
  bool spans_ = false;  // places are as the text says
  int depth_ = 0;
  std::vector<Slot> slots_;
  std::unordered_map<std::string, ValueId> by_name_;
  std::unordered_map<ValueId, ValueId> by_id_;
};

}  // namespace bitloom::vm::text
