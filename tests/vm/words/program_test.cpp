#include <gmock/gmock.h>

#include <set>

#include "vm/words/builder.h"
#include "vm/words/word_program.h"

namespace bitloom::vm {
namespace {

using testing::HasSubstr;

constexpr const char* kExample =
    R"(words 1 -> 1, 4 registers {
  r1 = mov 0x000f000f
  r2 = mov 0x64006400
  r3 = lop3 r0, r1, r2, 0xea
  r3 = sub.f16x2 r3, r2
  out r3
})";

// One operation of every kind, each reading what stands before it.
WordProgram one_of_each() {
  WordProgram program{3, 3, {}, {}};
  for (int i = 0; i < kWordOpcodeCount; ++i) {
    const auto opcode = static_cast<WordOpcode>(i);
    const WordOpInfo& info = word_op_info(opcode);
    WordOp op{opcode, program.registers++, 0, 0, 0, 0};
    if (info.operands > 0) op.a = static_cast<std::uint16_t>(op.dst - 1);
    if (info.operands > 1) op.b = 1;
    if (info.operands > 2) op.c = 2;
    if (info.immediate == WordImmediate::Field) op.imm = 0x0503;
    if (info.immediate == WordImmediate::Shift) op.imm = 31;
    if (info.immediate == WordImmediate::Lut) op.imm = 0xca;
    if (info.immediate == WordImmediate::Word) op.imm = 0xdeadbeef;
    program.ops.push_back(op);
  }
  program.outputs = {static_cast<std::uint16_t>(program.registers - 1), 0};
  return program;
}

TEST(WordProgramText, ReadsAsDocumented) {
  const auto program = parse_word_program(kExample);
  ASSERT_TRUE(program) << program.error();
  EXPECT_EQ(to_string(*program), kExample);
  EXPECT_EQ(cost(*program), 2);
}

TEST(WordProgramText, EveryOperationComesBack) {
  const WordProgram program = one_of_each();
  ASSERT_TRUE(verify(program));
  EXPECT_EQ(parse_word_program(to_string(program)), program);
  const WordProgram empty{2, 2, {}, {}};
  EXPECT_EQ(parse_word_program(to_string(empty)), empty);
}

TEST(WordProgramText, TakesCommentsAndBlanks) {
  const auto program = parse_word_program("words 1->1,2 registers{ # head\n r1=not r0 out r1\n}\n");
  ASSERT_TRUE(program) << program.error();
  EXPECT_EQ(program->ops.size(), 1);
}

TEST(WordProgramText, SaysWhatIsWrongAndWhere) {
  const auto error = [](const char* text) { return parse_word_program(text).error(); };
  EXPECT_THAT(error("word 1 -> 1"),
              HasSubstr("line 1 of the word program: expected 'words N -> M, K registers {'"));
  EXPECT_THAT(error("words 1 -> 1, 2 registers {\n r1 = nand r0\n out r1 }"),
              HasSubstr("line 2 of the word program: there is no operation 'nand'"));
  EXPECT_THAT(error("words 1 -> 1, 2 registers { r1 = add r0 out r1 }"),
              HasSubstr("add takes 2 registers"));
  EXPECT_THAT(error("words 1 -> 1, 2 registers { r1 = shl r0 out r1 }"),
              HasSubstr("shl takes a 32-bit immediate"));
  EXPECT_THAT(error("words 1 -> 1, 2 registers { r1 = shl r0, 32 out r1 }"),
              HasSubstr("0x20 is no immediate of shl"));
  EXPECT_THAT(error("words 1 -> 2, 2 registers { r1 = not r0 out r1 }"),
              HasSubstr("1 outputs where 2 are promised"));
  EXPECT_THAT(error("words 1 -> 1, 2 registers { r1 = not r0 out r1 } }"),
              HasSubstr("nothing behind it"));
  EXPECT_THAT(error("words 1 -> 1, 70000 registers { out r0 }"), HasSubstr("at most 65535"));
}

TEST(WordProgramVerify, RefusesWhatCannotRun) {
  const auto error = [](WordProgram program) { return verify(program).error(); };
  EXPECT_THAT(error({1, 3, {{WordOpcode::Not, 1, 2, 0, 0, 0}}, {1}}),
              HasSubstr("operation 0: r2 is read before it is written"));
  EXPECT_THAT(error({1, 2, {{WordOpcode::Not, 1, 7, 0, 0, 0}}, {1}}),
              HasSubstr("r7 is read before"));
  EXPECT_THAT(error({1, 2, {{WordOpcode::Not, 0, 0, 0, 0, 0}}, {0}}), HasSubstr("r0 is an input"));
  EXPECT_THAT(error({1, 2, {{WordOpcode::Not, 2, 0, 0, 0, 0}}, {0}}),
              HasSubstr("beyond the 2 registers"));
  EXPECT_THAT(error({2, 3, {{WordOpcode::Not, 2, 0, 1, 0, 0}}, {2}}),
              HasSubstr("not takes 1 operands"));
  EXPECT_THAT(error({1, 2, {{WordOpcode::Not, 1, 0, 0, 0, 9}}, {1}}),
              HasSubstr("0x9 is no immediate of not"));
  EXPECT_THAT(error({1, 2, {{WordOpcode::Lop3, 1, 0, 0, 0, 0x100}}, {1}}),
              HasSubstr("no immediate of lop3"));
  EXPECT_THAT(error({1, 2, {{WordOpcode::Bfe, 1, 0, 0, 0, 0x1e04}}, {1}}),
              HasSubstr("no immediate of bfe"));
  EXPECT_THAT(error({1, 2, {{WordOpcode::Bfe, 1, 0, 0, 0, 4}}, {1}}),
              HasSubstr("no immediate of bfe"));
  EXPECT_THAT(error({1, 2, {}, {1}}), HasSubstr("output r1 is never written"));
  EXPECT_THAT(error({3, 2, {}, {}}), HasSubstr("3 inputs do not fit 2 registers"));
}

TEST(WordOpTable, MnemonicsAreDistinctAndRowsComplete) {
  std::set<std::string_view> mnemonics;
  for (int i = 0; i < kWordOpcodeCount; ++i) {
    const WordOpInfo& info = word_op_info(static_cast<WordOpcode>(i));
    EXPECT_TRUE(mnemonics.insert(info.mnemonic).second) << info.mnemonic;
    EXPECT_FALSE(info.documentation.empty()) << info.mnemonic;
    const std::string_view operands[] = {"$a", "$b", "$c"};
    for (int k = 0; k < 3; ++k)
      EXPECT_EQ(info.ptx.find(operands[k]) != std::string_view::npos, k < info.operands)
          << info.mnemonic;
    EXPECT_NE(info.ptx.find("$d"), std::string_view::npos) << info.mnemonic;
    EXPECT_EQ(info.ptx.find("$i") != std::string_view::npos ||
                  info.ptx.find("$p") != std::string_view::npos,
              info.immediate != WordImmediate::None);
  }
}

TEST(WordOpTable, PrintsAsPtx) {
  EXPECT_EQ(ptx({WordOpcode::Lop3, 9, 1, 2, 3, 0xea}, "%w"), "lop3.b32 %w9, %w1, %w2, %w3, 0xea;");
  EXPECT_EQ(ptx({WordOpcode::Bfe, 9, 1, 0, 0, 0x0405}, "r"), "bfe.u32 r9, r1, 5, 4;");
  EXPECT_EQ(ptx({WordOpcode::F16x2FromF32, 9, 1, 2, 0, 0}, "r"), "cvt.rn.f16x2.f32 r9, r2, r1;");
}

TEST(WordBuilder, AsksOnceForTheSameThingAndDropsTheRest) {
  WordBuilder b(1);
  const Word x = b.input(0);
  EXPECT_EQ(b.and_imm(x, 0xff), b.and_imm(x, 0xff));
  EXPECT_EQ(b.shl(x, 0), x);
  EXPECT_EQ(b.shl(x, -3), b.shr(x, 3));
  EXPECT_EQ(b.prmt(x, x, 0x3210), x);
  b.op(WordOpcode::Popc, x);
  const Word y = b.and_or(x, 0x000f000f, 0x64006400);
  const WordProgram program = b.finish({b.op(WordOpcode::SubF16x2, y, b.constant(0x64006400))});
  EXPECT_EQ(to_string(program), kExample);
}

}  // namespace
}  // namespace bitloom::vm
