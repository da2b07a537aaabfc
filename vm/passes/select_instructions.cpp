#include "vm/passes/select_instructions.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "vm/passes/copy_granule.h"
#include "vm/passes/layout_tools.h"
#include "vm/passes/rewrite.h"

namespace bitloom::vm {
namespace {

using layouts::Digit;

constexpr int kVector = 16;

// Registers that follow one another and hold elements that do, along the last dimension.
std::int64_t contiguous_registers(const RegisterLayout& layout) {
  const auto registers = layout.register_digits();
  const int last = layout.rank() - 1;
  if (registers.empty() || registers.back().dim != last || registers.back().stride != 1) return 1;
  std::int64_t run = registers.back().extent;
  const auto limit = [&](const Digit& digit) {
    if (digit.dim == last && digit.stride != 1) run = std::gcd(run, digit.stride);
  };
  for (const Digit& digit : registers) limit(digit);
  for (const Digit& digit : layout.thread_digits()) {
    if (digit.dim == last) run = std::gcd(run, digit.stride);
  }
  return run;
}

// The widest power of two of bytes that `elements` fill in whole granules.
int widest(std::int64_t elements, int bits) {
  int bytes = kVector;
  while (bytes > 1 && (bytes * 8 % bits != 0 || elements % (bytes * 8 / bits) != 0)) bytes /= 2;
  return bytes;
}

class Selector {
 public:
  Selector(Function& function, PassContext& context)
      : function_(function), context_(context), facts_(function) {}

  PassResult run() {
    walk(function_.body, [&](Instruction& instruction) {
      switch (instruction.opcode) {
        case Opcode::Load:
          select(instruction, instruction.inputs[0], instruction.outputs[0], instruction.inputs[1]);
          break;
        case Opcode::Store:
          select(instruction, instruction.inputs[0], instruction.inputs[1], instruction.inputs[2]);
          break;
        case Opcode::CopyAsync:
          select_copy(instruction);
          break;
        default:
          break;
      }
    });
    if (failed_) return PassResult::Failed;
    return changed_ ? PassResult::Changed : PassResult::Unchanged;
  }

 private:
  void select(Instruction& access, ValueId view, ValueId tile, ValueId mask);
  void select_copy(Instruction& copy);
  bool select_matrix(Instruction& access, ValueId view, const Type& type, int aligned);
  void set(Instruction& instruction, std::string_view name, AttributeValue value) {
    const AttributeValue* before = instruction.find(name);
    if (before && *before == value) return;
    instruction.set(name, std::move(value));
    changed_ = true;
  }

  Function& function_;
  PassContext& context_;
  ScalarFacts facts_;
  bool changed_ = false, failed_ = false;
};

void Selector::select(Instruction& access, ValueId view, ValueId tile, ValueId mask) {
  const Type& type = function_.type(tile);
  if (type.is_scalar()) return;
  const RegisterLayout& layout = *type.layout;
  if (const auto& packed = function_.type(view).packed) {
    set(access, "vector", std::int64_t{packed_vector_bytes(layout, *packed)});
    return;
  }
  const int aligned = aligned_bytes(function_, facts_, view, access.shape("clip"));
  const bool plain = mask == kNoValue && access.shape("clip").empty();
  if (plain && select_matrix(access, view, type, aligned)) return;
  const int bits = type.element.bits;
  // A mask may be true for one element of a vector and false for the next.
  const bool whole = mask == kNoValue || (bits >= 8 && has_even_rows(function_, mask));
  const int held = widest(whole ? contiguous_registers(layout) : 1, bits);
  const int bytes = std::max(std::min(held, aligned), 1);
  set(access, "vector", std::int64_t{bytes});
  if (bytes < held && function_.type(view).space == Space::Global) {
    context_.remarks.push_back(
        {"select-instructions", access.span,
         fmt::format("{} bytes at a time where the registers would take {}: rows of the tensor are "
                     "not provably aligned; a constraint such as `where n % {} == 0` would do",
                     bytes, held, held * 8 / bits)});
  }
}

// ldmatrix and stmatrix move 8x8 matrices of 16-bit elements whose rows are 16 aligned bytes.
bool Selector::select_matrix(Instruction& access, ValueId view, const Type& type, int aligned) {
  const bool load = access.opcode == Opcode::Load;
  const int least = load ? 75 : 90;
  if (function_.type(view).space != Space::Shared || context_.target.sm < least) return false;
  if (aligned < kVector || type.shape.size() < 2) return false;
  if (type.element.bits != 16) return false;
  const RegisterLayout matrix = layouts::spatial(8, 4) * layouts::local(1, 2);
  const auto turned = matrix.permute({1, 0});
  const bool straight = (*type.layout / matrix).has_value();
  if (!straight && !(turned && *type.layout / *turned)) return false;
  set(access, "form", std::string(load ? "ldmatrix" : "stmatrix") + (straight ? "" : "_trans"));
  set(access, "vector", std::int64_t{kVector});
  return true;
}

void Selector::select_copy(Instruction& copy) {
  const int granule = copy_granule(function_, facts_, copy);
  if (granule > 0) {
    set(copy, "vector", std::int64_t{granule});
    return;
  }
  if (copy.integer("vector") > 0) return;  // given by the text, or proved while loops had bounds
  context_.diagnostics
      .error(
          "BL0310", copy.span,
          "copy_async moves 4, 8 or 16 aligned bytes at once, and the rows of the window are not "
          "provably aligned to 4")
      .hint("add a constraint such as `where k % 8 == 0`, or load and store");
  failed_ = true;
}

}  // namespace

bool has_even_rows(const Function& function, ValueId tile) {
  const Instruction* definition = nullptr;
  walk(function.body, [&](const Instruction& instruction) {
    if (std::ranges::find(instruction.outputs, tile) != instruction.outputs.end())
      definition = &instruction;
  });
  if (!definition) return false;
  if (definition->opcode == Opcode::ConvertLayout)
    return has_even_rows(function, definition->inputs[0]);
  if (definition->opcode != Opcode::Broadcast) return false;
  const Shape& from = function.type(definition->inputs[0]).shape;
  return from.empty() || from.back() == 1 || function.type(tile).shape.back() == 1;
}

PassResult select_instructions(Function& function, PassContext& context) {
  return Selector(function, context).run();
}

}  // namespace bitloom::vm
