#include "dsl/operators.h"

namespace bitloom::dsl {
namespace {

struct Row {
  std::string_view spelling;
  int precedence;
};

Row row(BinaryOp op) {
  switch (op) {
    case BinaryOp::Or:
      return {"||", 1};
    case BinaryOp::And:
      return {"&&", 2};
    case BinaryOp::Eq:
      return {"==", 3};
    case BinaryOp::Ne:
      return {"!=", 3};
    case BinaryOp::Lt:
      return {"<", 3};
    case BinaryOp::Le:
      return {"<=", 3};
    case BinaryOp::Gt:
      return {">", 3};
    case BinaryOp::Ge:
      return {">=", 3};
    case BinaryOp::BitOr:
      return {"|", 4};
    case BinaryOp::BitXor:
      return {"^", 5};
    case BinaryOp::BitAnd:
      return {"&", 6};
    case BinaryOp::Shl:
      return {"<<", 7};
    case BinaryOp::Shr:
      return {">>", 7};
    case BinaryOp::Add:
      return {"+", 8};
    case BinaryOp::Sub:
      return {"-", 8};
    case BinaryOp::Mul:
      return {"*", 9};
    case BinaryOp::Div:
      return {"/", 9};
    case BinaryOp::Rem:
      return {"%", kTightestBinary};
  }
  return {};
}

}  // namespace

std::string_view spelling(BinaryOp op) {
  return row(op).spelling;
}
int precedence(BinaryOp op) {
  return row(op).precedence;
}
bool is_comparison(BinaryOp op) {
  return precedence(op) == precedence(BinaryOp::Eq);
}

std::string_view spelling(UnaryOp op) {
  switch (op) {
    case UnaryOp::Neg:
      return "-";
    case UnaryOp::Not:
      return "!";
    case UnaryOp::BitNot:
      return "~";
  }
  return {};
}

std::string_view spelling(AssignOp op) {
  switch (op) {
    case AssignOp::Set:
      return "=";
    case AssignOp::Add:
      return "+=";
    case AssignOp::Sub:
      return "-=";
    case AssignOp::Mul:
      return "*=";
  }
  return {};
}

}  // namespace bitloom::dsl
