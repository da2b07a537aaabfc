// A word program: straight-line code over 32-bit words, which every thread runs on registers of its
// own.
//
// Conversions between element types are lowered to word programs in the IR (the instruction `words`
// carries one), so that the interpreter executes the very operations that the code generator
// prints. 4-bit codes 2 and 0 to a pair of f16, for example, when the codes lie 16 bits apart:
//
//   words 1 -> 1, 4 registers {
//     r1 = mov 0x000f000f
//     r2 = mov 0x64006400
//     r3 = lop3 r0, r1, r2, 0xea       (r0 & mask) | 0x6400: each half is the f16 number 1024 + q
//     r3 = sub.f16x2 r3, r2
//     out r3
//   }
//
// Registers 0 … inputs-1 hold the inputs and are never written; every other register is written
// before it is read, and may be written again. Output i is register outputs[i]. The operations,
// what they mean and what they cost stand in vm/words/wordop.def; vm/words/run.h executes a
// program, vm/words/builder.h makes one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace bitloom::vm {

enum class WordOpcode : std::uint8_t {
#define WORDOP(Name, ...) Name,
#include "vm/words/wordop.def"
};

inline constexpr int kWordOpcodeCount = 0
#define WORDOP(...) +1
#include "vm/words/wordop.def"
    ;

enum class WordImmediate : std::uint8_t { None, Word, Lut, Shift, Field };
enum class WordPipe : std::uint8_t { Free, Alu, Fma, Convert };

struct WordOpInfo {
  std::string_view mnemonic;
  int operands;
  WordImmediate immediate;
  WordPipe pipe;
  int least_sm;
  std::string_view ptx;
  std::string_view documentation;
};

const WordOpInfo& word_op_info(WordOpcode opcode);

// Registers that an operation does not read are 0.
struct WordOp {
  WordOpcode opcode = WordOpcode::MovImm;
  std::uint16_t dst = 0;
  std::uint16_t a = 0, b = 0, c = 0;
  std::uint32_t imm = 0;

  bool operator==(const WordOp&) const = default;
};

struct WordProgram {
  std::uint16_t inputs = 0, registers = 0;
  std::vector<WordOp> ops;
  std::vector<std::uint16_t> outputs;

  bool operator==(const WordProgram&) const = default;
};

// What is wrong with a program, as a sentence; nothing when it is well formed.
tl::expected<void, std::string> verify(const WordProgram& program);

// One line an operation, as above. `parse` takes what `to_string` gives (any blanks, comments from
// # to the end of a line) and verifies it.
std::string to_string(const WordProgram& program);
tl::expected<WordProgram, std::string> parse_word_program(std::string_view text);

// One operation as PTX, with the registers called by `name`.
std::string ptx(const WordOp& op, std::string_view register_prefix);

// Operations that cost something: all but Free ones.
int cost(const WordProgram& program);
int least_sm(const WordProgram& program);

// ---- Rewrites: each keeps what the program computes -------------------------------------------

// Drops operations whose result nobody reads.
WordProgram eliminate_dead_ops(const WordProgram& program);
// Computes equal things once; every register is written once afterwards.
WordProgram eliminate_common_ops(const WordProgram& program);
// Lets registers be used again after their last reader. Constants keep theirs.
WordProgram allocate_registers(const WordProgram& program);

}  // namespace bitloom::vm
