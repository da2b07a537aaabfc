// The syntax tree of a Bitloom file, as the grammar builds it and the formatter and the semantic
// analysis read it.
//
// Nodes say what was written and where (byte offsets into the file), and nothing about what it
// means: `f16` is a Name, `gemm<u4>` a Generic. Nodes are immutable once parsed and shared, because
// generic bodies are analysed many times. docs/language.md is the reference for what each form
// means.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace bitloom::dsl {

// Bytes [begin, end) of the file.
struct Place {
  std::uint32_t begin = 0, end = 0;
};

struct Expr;
struct Stmt;
using ExprPtr = std::shared_ptr<const Expr>;
using StmtPtr = std::shared_ptr<const Stmt>;

enum class UnaryOp : std::uint8_t { Neg, Not, BitNot };
enum class BinaryOp : std::uint8_t {
  Or,
  And,
  Eq,
  Ne,
  Lt,
  Le,
  Gt,
  Ge,
  BitOr,
  BitXor,
  BitAnd,
  Shl,
  Shr,
  Add,
  Sub,
  Mul,
  Div,
  Rem
};

// ---- Expressions --------------------------------------------------------------------------------
struct Name {
  std::string text;
};
struct IntLiteral {
  std::uint64_t value = 0;
  std::string text;
};
struct FloatLiteral {
  double value = 0;
  std::string text;
};
struct StringLiteral {
  std::string value;  // escapes resolved
};
struct BoolLiteral {
  bool value = false;
};
struct Unary {
  UnaryOp op = UnaryOp::Neg;
  ExprPtr x;
};
struct Binary {
  BinaryOp op = BinaryOp::Add;
  ExprPtr a, b;
  Place op_place;
};
// block.x, quant.dequantize, mma.c
struct Member {
  ExprPtr base;
  std::string name;
  Place name_place;
};
// (1, 8): two items or more
struct Tuple {
  std::vector<ExprPtr> items;
};
// ref at[s]
struct Ref {
  ExprPtr x;
};
struct Argument {
  std::string name;  // empty: by position
  Place name_place;
  ExprPtr value;
};
struct Call {
  ExprPtr callee;
  std::vector<ExprPtr> generics;
  std::vector<Argument> arguments;
};
// cast<f16> without a call does not parse; codebook<4> and T<…> in type position do.
struct Generic {
  std::string name;
  std::vector<ExprPtr> generics;
};
enum class IndexKind : std::uint8_t { At, Range, All };  // i | start +: extent | :
struct IndexItem {
  IndexKind kind = IndexKind::At;
  ExprPtr start, extent;
  Place place;
};
struct Index {
  ExprPtr base;
  std::vector<IndexItem> items;
};

// The place of an expression in parentheses includes them.
struct Expr {
  Place place;
  std::variant<Name, IntLiteral, FloatLiteral, StringLiteral, BoolLiteral, Unary, Binary, Member,
               Tuple, Ref, Call, Generic, Index>
      node;
  bool parenthesised = false;  // (a * b) + c: the formatter keeps them
  std::uint32_t height = 1;  // of the tree; at most kMaxExpressionHeight, so that walks may recurse
};
inline constexpr std::uint32_t kMaxExpressionHeight = 500;

// ---- Types as written ---------------------------------------------------------------------------
enum class SpaceWord : std::uint8_t { None, Global, Shared };
struct TypeSyntax {
  Place place;
  bool optional = false;
  SpaceWord space = SpaceWord::None;
  bool packed = false;
  // Name, Generic or Member; nullptr for `type`, `int`, `bool`, `layout` of generics.
  ExprPtr element;
  std::vector<ExprPtr> extents;  // a Name `_` stands for any extent
  bool has_extents = false;      // T and T[] differ
};

// ---- Statements ---------------------------------------------------------------------------------
struct Block {
  std::vector<StmtPtr> statements;
  Place place;
};

struct Let {  // let x = e, var x: f32[16, 8] in L = e, let (a, b) = e
  bool variable = false;
  std::vector<std::string> names;
  std::vector<Place> name_places;
  bool tuple = false;
  std::optional<TypeSyntax> type;
  ExprPtr layout;  // may be null
  ExprPtr value;
};
// swizzle(128)
struct Attribute {
  std::string name;
  std::vector<Argument> arguments;
  Place place;
  Place name_place;
};
struct SharedDecl {
  std::string name;
  Place name_place;
  TypeSyntax type;
  std::vector<Attribute> attributes;
};
struct BarrierDecl {
  std::string name;
  Place name_place;
  ExprPtr extent;
  std::vector<Attribute> attributes;
};
enum class AssignOp : std::uint8_t { Set, Add, Sub, Mul };
// x = e, x += e
struct Assign {
  AssignOp op = AssignOp::Set;
  ExprPtr target, value;
};
// target <- value
struct Move {
  ExprPtr target, value;
};
struct If {
  ExprPtr condition;
  Block then;
  std::optional<Block> otherwise;  // else if: a block that holds one If
};
struct For {
  std::string name;
  Place name_place;
  ExprPtr lower, upper, step;
  bool unroll = false;
  Block body;
};
struct While {
  ExprPtr condition;
  Block body;
};
struct Break {};
struct Continue {};
struct Return {
  ExprPtr value;  // may be null
};
struct Pipeline {
  ExprPtr stages;
  std::string name;
  Place name_place;
  ExprPtr lower, upper;
  Block load;
  Block body;  // what stands behind the load block
};
struct Role {
  std::string name;
  Place name_place;
  ExprPtr copies;
  std::vector<Attribute> attributes;
  Block body;
  Place place;
};
struct Roles {
  std::vector<Role> roles;
};
struct Warps {
  std::string name;
  Place name_place;
  Block body;
};
struct Assert {
  ExprPtr condition;
  std::optional<std::string> message;
};
struct Print {
  std::string format;
  Place format_place;
  std::vector<ExprPtr> values;
};
// sync()
struct ExprStmt {
  ExprPtr x;
};

struct Stmt {
  Place place;
  std::variant<Let, SharedDecl, BarrierDecl, Assign, Move, If, For, While, Break, Continue, Return,
               Pipeline, Roles, Warps, Assert, Print, ExprStmt>
      node;
};

// ---- Declarations -------------------------------------------------------------------------------
enum class GenericKind : std::uint8_t { Type, Int, Bool, Layout };
struct GenericParameter {
  GenericKind kind = GenericKind::Int;
  std::string name;
  Place place;
  ExprPtr otherwise;
};
struct ParameterSyntax {
  std::string name;
  Place name_place;
  bool variable = false;
  std::optional<TypeSyntax> type;
};
struct Where {
  ExprPtr condition;
  std::optional<std::string> message;
  Place place;
};

// std.quant | "file.bl" as name
struct ImportDecl {
  std::string path;
  bool quoted = false;
  std::string alias;
  Place path_place;
};
struct ConstDecl {
  std::string name;
  Place name_place;
  ExprPtr value;
};
struct FunctionDecl {
  std::string name;
  Place name_place;
  std::vector<GenericParameter> generics;
  std::vector<ParameterSyntax> parameters;
  std::optional<TypeSyntax> result;
  Block body;  // `= e` is a block that holds one Return
  bool short_form = false;
};
struct KernelDecl {
  bool is_explicit = false;
  std::string name;
  Place name_place;
  std::vector<GenericParameter> generics;
  std::vector<ParameterSyntax> parameters;
  std::vector<Attribute> attributes;  // grid, threads, cluster, min_blocks, resident
  std::vector<Where> wheres;
  Block body;
};
struct Decl {
  Place place;
  std::string documentation;  // of the /// lines before it
  std::variant<ImportDecl, ConstDecl, FunctionDecl, KernelDecl> node;
};

// Comments and blank lines, which the grammar skips and the formatter puts back.
struct Comment {
  Place place;
  bool own_line = false;
};

struct File {
  std::uint32_t id = 0;  // of the SourceManager
  std::vector<Decl> declarations;
  std::vector<Comment> comments;
};

}  // namespace bitloom::dsl
