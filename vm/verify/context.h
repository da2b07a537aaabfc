// What a rule of the verifier knows of the instruction that it looks at, and how it complains.
//
//   void verify(const DotOp& dot, VerifyContext& context) {
//     if (…) context.fail("BL0203", {dot.a(), dot.b()}) << "a has k = " << … ;
//   }
//
// `fail` begins the message with the instruction's name and adds a note at the definition of each
// value that it is given. Rules run only after the generic ones have passed for the instruction:
// operands are there, in the right spaces, and attributes have the right kind.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vm/diagnostics.h"
#include "vm/ir.h"
#include "vm/ops.h"
#include "vm/verify.h"

namespace bitloom::vm {

struct VerifyContext {
  const Function& function;
  Diagnostics& diagnostics;
  VerifyStage stage;
  std::vector<const Instruction*>
      definitions;                           // of each value; nullptr for parameters and the like
  const Instruction* instruction = nullptr;  // the one that is looked at
  int threads = 0;                           // of the strand that runs it

  bool lowered() const { return stage == VerifyStage::Lowered; }
  const Type& type(ValueId id) const { return function.type(id); }
  const Shape& shape(ValueId id) const { return function.type(id).shape; }
  ElementType element(ValueId id) const { return function.type(id).element; }

  // The number behind a scalar that a `constant` gives, unless it is a variable.
  std::optional<std::int64_t> constant(ValueId id) const;
  // Extent of a memory tile along a dimension where it is constant.
  std::optional<std::int64_t> extent(ValueId id, int dim) const;
  // The parameter or allocation that a memory operand is a view of.
  ValueId root(ValueId id) const { return root_of(function, definitions, id); }

  // "x": the name in the text, or the operand's name in the instruction.
  std::string name(ValueId id) const;
  // "x is f16[16, 64]"
  std::string described(ValueId id) const;

  Diagnostic& fail(std::string_view code, std::initializer_list<ValueId> about = {});
};

// One for every instruction; visit() makes a missing one an error of the compiler.
#define INSTRUCTION(Name, ...) void verify(const Name##Op& op, VerifyContext& context);
#include "vm/isa.def"

}  // namespace bitloom::vm
