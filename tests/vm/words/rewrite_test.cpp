#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "vm/words/run.h"
#include "vm/words/word_program.h"

namespace bitloom::vm {
namespace {

constexpr std::uint16_t kInputs = 3;
constexpr std::size_t kThreads = 5;

// Operations that never meet NaN rules matter least here; any will do. Registers are written again
// now and then.
rc::Gen<WordProgram> any_program() {
  return rc::gen::exec([] {
    WordProgram program{kInputs, kInputs, {}, {}};
    const int count = *rc::gen::inRange(0, 40);
    for (int i = 0; i < count; ++i) {
      const auto opcode = static_cast<WordOpcode>(*rc::gen::inRange(0, kWordOpcodeCount));
      const WordOpInfo& info = word_op_info(opcode);
      WordOp op{opcode, program.registers, 0, 0, 0, 0};
      if (program.registers > kInputs && *rc::gen::inRange(0, 3) == 0)
        op.dst = static_cast<std::uint16_t>(*rc::gen::inRange<int>(kInputs, program.registers));
      const auto operand = [&] {
        return static_cast<std::uint16_t>(*rc::gen::inRange<int>(0, program.registers));
      };
      if (info.operands > 0) op.a = operand();
      if (info.operands > 1) op.b = operand();
      if (info.operands > 2) op.c = operand();
      const auto any = *rc::gen::arbitrary<std::uint32_t>();
      if (info.immediate == WordImmediate::Word)
        op.imm = any % 4;  // equal constants, so that equal operations occur
      if (info.immediate == WordImmediate::Lut) op.imm = any & 0xff;
      if (info.immediate == WordImmediate::Shift) op.imm = any & 3;
      if (info.immediate == WordImmediate::Field) op.imm = 0x0802;
      if (op.dst == program.registers) ++program.registers;
      program.ops.push_back(op);
    }
    const int outputs = *rc::gen::inRange(0, 5);
    for (int i = 0; i < outputs; ++i)
      program.outputs.push_back(
          static_cast<std::uint16_t>(*rc::gen::inRange<int>(0, program.registers)));
    return program;
  });
}

std::vector<std::uint32_t> result(const WordProgram& program) {
  std::vector<std::uint32_t> in(kInputs * kThreads), out(program.outputs.size() * kThreads);
  for (std::size_t i = 0; i < in.size(); ++i)
    in[i] = static_cast<std::uint32_t>(i * 0x9e3779b9u + 0x3c00);
  run(program, in.data(), out.data(), kThreads);
  return out;
}

void expect_same(const WordProgram& before, const WordProgram& after) {
  const auto good = verify(after);
  RC_ASSERT(good.has_value());
  RC_ASSERT(after.outputs.size() == before.outputs.size());
  RC_ASSERT(result(after) == result(before));
}

RC_GTEST_PROP(Rewrite, DeadOpsAreNotMissed, ()) {
  const WordProgram program = *any_program();
  const WordProgram after = eliminate_dead_ops(program);
  expect_same(program, after);
  RC_ASSERT(eliminate_dead_ops(after) == after);
}

RC_GTEST_PROP(Rewrite, CommonOpsAreComputedOnce, ()) {
  const WordProgram program = *any_program();
  const WordProgram after = eliminate_common_ops(program);
  expect_same(program, after);
  RC_ASSERT(after.ops.size() <= program.ops.size());
  RC_ASSERT(eliminate_common_ops(after) == after);
}

RC_GTEST_PROP(Rewrite, RegistersAreSharedWithoutHarm, ()) {
  const WordProgram program = *any_program();
  const WordProgram after = allocate_registers(program);
  expect_same(program, after);
  RC_ASSERT(after.registers <= program.inputs + program.ops.size());
}

RC_GTEST_PROP(Rewrite, TextComesBack, ()) {
  const WordProgram program = *any_program();
  const auto again = parse_word_program(to_string(program));
  RC_ASSERT(again.has_value());
  RC_ASSERT(*again == program);
}

TEST(Rewrite, EqualOperationsBecomeOneWhateverTheirOrder) {
  const auto program = parse_word_program(R"(words 2 -> 2, 6 registers {
    r2 = add r0, r1
    r3 = add r1, r0
    r4 = sub r0, r1
    r5 = sub r1, r0
    out r2, r3 })");
  ASSERT_TRUE(program);
  const WordProgram after = eliminate_dead_ops(eliminate_common_ops(*program));
  EXPECT_EQ(after.ops.size(), 1);
  EXPECT_EQ(after.outputs[0], after.outputs[1]);
}

TEST(Rewrite, AChainNeedsOneRegister) {
  const auto program = parse_word_program(R"(words 1 -> 1, 5 registers {
    r1 = not r0
    r2 = shl r1, 1
    r3 = shl r2, 1
    r4 = shl r3, 1
    out r4 })");
  ASSERT_TRUE(program);
  EXPECT_EQ(allocate_registers(*program).registers, 2);
}

}  // namespace
}  // namespace bitloom::vm
