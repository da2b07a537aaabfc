// Arithmetic: folding of what the compiler knows, and elementwise instructions for the rest.
//
// Numbers that the compiler knows have no type of their own; they take the element type of what
// they meet. Registers keep theirs: two registers of different types are an error. Shapes are
// broadcast from the last dimension.
#pragma once

#include <initializer_list>
#include <optional>
#include <string_view>

#include "dsl/sema/context.h"

namespace bitloom::dsl::sema {

// Element types that an operation is defined for.
enum class Domain : std::uint8_t {
  Comparable,  // arithmetic types, and bool
  Arithmetic,  // f16 bf16 f32 f64, integers of 8, 16, 32 and 64 bits
  Integer,     // of 8, 16, 32 and 64 bits
  Float,       // f16 bf16 f32 f64
  Bits,        // bool, and integers of any width
  Bool,
  F32,
  WideFloat,  // f32 f64
  Wide,       // integers of 32 and 64 bits
  Int32,      // i32 u32
  Word,       // u32
};

struct Operand {
  Value value;
  Place place;
};

Value binary(Context& c, BinaryOp op, const Operand& a, const Operand& b, Place place);
Value unary(Context& c, UnaryOp op, const Operand& x, Place place);
std::string_view spelling(BinaryOp op);
std::string_view spelling(UnaryOp op);

// One instruction on operands that are brought to one element type and one shape. `result`: the
// element type when it is not that of the operands.
Value elementwise(Context& c, vm::Opcode opcode, std::string_view name,
                  std::initializer_list<Operand> operands, Domain domain, Place place,
                  std::optional<vm::ElementType> result = std::nullopt);
// select(condition, a, b) with a condition that is known when the kernel runs.
Value select(Context& c, const Operand& condition, const Operand& a, const Operand& b, Place place);

// Compile-time only. Poison, with an error, when there is no result; nullopt when an operand is not
// known.
std::optional<Value> fold(Context& c, BinaryOp op, const Value& a, const Value& b, Place place);

// A number or register of this element type, as a register of this shape. `what` names it in
// messages: "the left operand".
std::optional<Register> as_tile(Context& c, const Value& value, vm::ElementType element,
                                const vm::Shape& shape, Place place);
// A number as a register of its default type, i32 or f32; registers as they are.
std::optional<Register> as_register(Context& c, const Value& value, Place place);
// Scalars of i32 or f32 that a number has by itself.
vm::ElementType default_type(const Value& number);
// Whether the number can be written in the type; reports BL0205 when not.
bool fits(Context& c, const Value& number, vm::ElementType element, Place place);

std::optional<vm::Shape> broadcast_shape(const vm::Shape& a, const vm::Shape& b);
// The register repeated to the shape, which must be possible.
vm::ValueId broadcast(Context& c, vm::ValueId id, const vm::Shape& shape, Place place);

// For assignments, stores, typed lets, parameters: the value with exactly this type, or BL0207.
// `place_name` says where it goes: "the variable acc", "the window".
std::optional<Register> fit(Context& c, const Value& value, vm::ElementType element,
                            const vm::Shape& shape, Place place, std::string_view place_name,
                            vm::Span declared);

// A value that later assignments cannot change: a copy of a variable, everything else itself.
Value snapshot(Context& c, const Value& value, Place place);

bool in_domain(Domain domain, vm::ElementType type);

}  // namespace bitloom::dsl::sema
