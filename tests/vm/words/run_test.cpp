#include "vm/words/run.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/vm/words/op_reference.h"
#include "vm/numerics.h"

namespace bitloom::vm {
namespace {

// Any bits, f32 and f16 numbers of all sizes, and the places where rules change.
std::uint32_t draw(std::mt19937_64& random) {
  constexpr std::uint32_t kCorners[] = {0,          0x80000000, 0x7f800000, 0xff800000, 0x7fc00001,
                                        0xffffffff, 0x7fffffff, 1,          0x4f000000, 0x4effffff,
                                        0xcf000000, 0xcf000001, 0x4f800000, 0x4f7fffff, 0x3f000000,
                                        0x3fc00000, 0x7c007c00, 0xfc007e01, 0x00010001, 0x80000001,
                                        0x43e00000, 0x43e80000, 0x477fefff, 0x477ff000, 0x4b000000,
                                        0xcb000001, 0x7f7fffff, 0xbf000000, 0x80008000, 0x7fff7fff};
  const auto any = static_cast<std::uint32_t>(random());
  switch (random() % 6) {
    case 0:
      return kCorners[any % std::size(kCorners)];
    case 1:
      return (any & 0x807fffff) | (127 - 20 + (any >> 8) % 40) << 23;
    case 2:
      return (any & 0x83ff83ff) | (any >> 3) % 31 << 26 | (any >> 7) % 31 << 10;
    case 3:
      return any & static_cast<std::uint32_t>(random() & random());
    case 4:
      return any % 1000;
    default:
      return any;
  }
}

std::uint32_t draw_immediate(WordImmediate kind, std::mt19937_64& random) {
  const auto any = static_cast<std::uint32_t>(random());
  switch (kind) {
    case WordImmediate::None:
      return 0;
    case WordImmediate::Word:
      return any;
    case WordImmediate::Lut:
      return any & 0xff;
    case WordImmediate::Shift:
      return any & 31;
    case WordImmediate::Field:
      break;
  }
  const std::uint32_t position = any & 31;
  return position | (1 + (any >> 8) % (32 - position)) << 8;
}

WordProgram single(WordOpcode opcode, std::uint32_t imm) {
  const int operands = word_op_info(opcode).operands;
  WordOp op{opcode, 3, 0, 0, 0, imm};
  if (operands > 1) op.b = 1;
  if (operands > 2) op.c = 2;
  return {3, 4, {op}, {3}};
}

void expect_as_reference(const WordProgram& program, std::mt19937_64& random, std::size_t threads) {
  const WordOp& op = program.ops[0];
  std::vector<std::uint32_t> in(3 * threads), out(threads), portable(threads);
  for (auto& word : in) word = draw(random);
  run(program, in.data(), out.data(), threads);
  run_portable(program, in.data(), portable.data(), threads);
  for (std::size_t t = 0; t < threads; ++t) {
    const std::uint32_t a = in[t], b = in[threads + t], c = in[2 * threads + t];
    ASSERT_EQ(out[t], reference(op.opcode, a, b, c, op.imm))
        << word_op_info(op.opcode).mnemonic << std::hex << " " << a << " " << b << " " << c
        << " imm " << op.imm;
    ASSERT_EQ(portable[t], out[t])
        << word_op_info(op.opcode).mnemonic << std::hex << " " << a << " " << b << " " << c;
  }
}

class EveryOp : public testing::TestWithParam<int> {};

TEST_P(EveryOp, ComputesWhatTheTableSays) {
  const auto opcode = static_cast<WordOpcode>(GetParam());
  std::mt19937_64 random(static_cast<std::uint64_t>(GetParam()));
  for (int i = 0; i < 300 && !HasFatalFailure(); ++i)
    expect_as_reference(single(opcode, draw_immediate(word_op_info(opcode).immediate, random)),
                        random, 1 + random() % 300);
}

std::string op_name(const testing::TestParamInfo<int>& tested) {
  std::string name(word_op_info(static_cast<WordOpcode>(tested.param)).mnemonic);
  for (char& c : name)
    if (c == '.') c = '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(Table, EveryOp, testing::Range(0, kWordOpcodeCount), op_name);

TEST(Run, EveryTruthTableOfLop3) {
  std::mt19937_64 random(1);
  for (std::uint32_t lut = 0; lut < 256 && !testing::Test::HasFatalFailure(); ++lut)
    expect_as_reference(single(WordOpcode::Lop3, lut), random, 40);
}

TEST(Run, EverySelectorOfPrmtThatIsOneForAllLanes) {
  std::mt19937_64 random(2);
  for (std::uint32_t selector = 0; selector < 0x10000; selector += 7) {
    const WordProgram program{
        2, 4, {{WordOpcode::MovImm, 2, 0, 0, 0, selector}, {WordOpcode::Prmt, 3, 0, 1, 2, 0}}, {3}};
    std::uint32_t in[22], out[11], portable[11];
    for (auto& word : in) word = draw(random);
    run(program, in, out, 11);
    run_portable(program, in, portable, 11);
    for (int t = 0; t < 11; ++t) {
      ASSERT_EQ(out[t], reference(WordOpcode::Prmt, in[t], in[11 + t], selector, 0))
          << std::hex << selector;
      ASSERT_EQ(portable[t], out[t]);
    }
  }
}

TEST(Run, EveryFp8CodeAndEveryF16Narrows) {
  std::vector<std::uint32_t> in(65536), out(65536);
  for (std::uint32_t i = 0; i < 65536; ++i) in[i] = i;
  for (const auto opcode : {WordOpcode::F16x2FromE4M3x2, WordOpcode::F16x2FromE5M2x2,
                            WordOpcode::E4M3x2FromF16x2, WordOpcode::E5M2x2FromF16x2}) {
    run({1, 2, {{opcode, 1, 0, 0, 0, 0}}, {1}}, in.data(), out.data(), in.size());
    for (std::uint32_t i = 0; i < 65536; ++i)
      ASSERT_EQ(out[i], reference(opcode, i, 0, 0, 0)) << std::hex << i;
  }
}

TEST(Run, RegistersMayBeWrittenAgainAndInputsGivenBack) {
  // r2 = a + b; r2 = r2 + a; r2 = r2 ^ r2-as-a; outputs: r2, an input, r2 again.
  const WordProgram program{2,
                            4,
                            {{WordOpcode::Add, 2, 0, 1, 0, 0},
                             {WordOpcode::MovImm, 3, 0, 0, 0, 5},
                             {WordOpcode::Add, 2, 2, 0, 0, 0},
                             {WordOpcode::MovImm, 3, 0, 0, 0, 7},
                             {WordOpcode::MadLo, 2, 2, 3, 2, 0}},
                            {2, 1, 2}};
  ASSERT_TRUE(verify(program));
  for (const std::size_t threads : {1u, 127u, 128u, 129u, 1000u}) {
    std::vector<std::uint32_t> in(2 * threads), out(3 * threads);
    for (std::size_t i = 0; i < in.size(); ++i) in[i] = static_cast<std::uint32_t>(i * 2654435761u);
    run(program, in.data(), out.data(), threads);
    for (std::size_t t = 0; t < threads; ++t) {
      const std::uint32_t expected = (2 * in[t] + in[threads + t]) * 8;
      ASSERT_EQ(out[t], expected);
      ASSERT_EQ(out[threads + t], in[threads + t]);
      ASSERT_EQ(out[2 * threads + t], expected);
    }
  }
}

TEST(Run, NoThreadsAndNoOutputsAreFine) {
  std::uint32_t word = 3;
  run({1, 2, {{WordOpcode::Not, 1, 0, 0, 0, 0}}, {1}}, &word, &word, 0);
  run({1, 2, {{WordOpcode::Not, 1, 0, 0, 0, 0}}, {}}, &word, nullptr, 1);
  EXPECT_EQ(word, 3);
}

}  // namespace
}  // namespace bitloom::vm
