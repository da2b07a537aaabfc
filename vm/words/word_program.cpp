#include "vm/words/word_program.h"

#include <fmt/format.h>

#include <algorithm>

namespace bitloom::vm {
namespace {

using enum WordImmediate;
using enum WordPipe;

constexpr WordOpInfo kInfo[] = {
#define WORDOP(Name, mnemonic, operands, immediate, pipe, sm, text, documentation) \
  {#mnemonic, operands, immediate, pipe, sm, text, documentation},
#include "vm/words/wordop.def"
};

tl::unexpected<std::string> wrong(std::size_t op, std::string_view what) {
  return tl::unexpected(fmt::format("operation {}: {}", op, what));
}

bool immediate_fits(WordImmediate kind, std::uint32_t imm) {
  switch (kind) {
    case WordImmediate::None:
      return imm == 0;
    case WordImmediate::Word:
      return true;
    case WordImmediate::Lut:
      return imm <= 0xff;
    case WordImmediate::Shift:
      return imm <= 31;
    case WordImmediate::Field:
      break;
  }
  const std::uint32_t position = imm & 0xff, length = imm >> 8;
  return length >= 1 && position + length <= 32;
}

void replace(std::string& text, std::string_view what, const std::string& with) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
}

}  // namespace

const WordOpInfo& word_op_info(WordOpcode opcode) {
  return kInfo[static_cast<int>(opcode)];
}

tl::expected<void, std::string> verify(const WordProgram& program) {
  if (program.inputs > program.registers)
    return tl::unexpected(
        fmt::format("{} inputs do not fit {} registers", program.inputs, program.registers));
  std::vector<bool> written(program.registers, false);
  std::fill_n(written.begin(), program.inputs, true);
  const auto readable = [&](std::uint16_t reg) { return reg < program.registers && written[reg]; };
  for (std::size_t i = 0; i < program.ops.size(); ++i) {
    const WordOp& op = program.ops[i];
    if (static_cast<int>(op.opcode) >= kWordOpcodeCount) return wrong(i, "no such opcode");
    const WordOpInfo& info = word_op_info(op.opcode);
    const std::uint16_t operands[] = {op.a, op.b, op.c};
    for (int k = 0; k < 3; ++k) {
      if (k < info.operands && !readable(operands[k]))
        return wrong(i, fmt::format("r{} is read before it is written", operands[k]));
      if (k >= info.operands && operands[k] != 0)
        return wrong(i, fmt::format("{} takes {} operands", info.mnemonic, info.operands));
    }
    if (!immediate_fits(info.immediate, op.imm))
      return wrong(i, fmt::format("{:#x} is no immediate of {}", op.imm, info.mnemonic));
    if (op.dst >= program.registers)
      return wrong(i, fmt::format("r{} is beyond the {} registers", op.dst, program.registers));
    if (op.dst < program.inputs)
      return wrong(i, fmt::format("r{} is an input and cannot be written", op.dst));
    written[op.dst] = true;
  }
  for (const std::uint16_t reg : program.outputs)
    if (!readable(reg)) return tl::unexpected(fmt::format("output r{} is never written", reg));
  return {};
}

std::string ptx(const WordOp& op, std::string_view prefix) {
  std::string text(word_op_info(op.opcode).ptx);
  replace(text, "$d", fmt::format("{}{}", prefix, op.dst));
  replace(text, "$a", fmt::format("{}{}", prefix, op.a));
  replace(text, "$b", fmt::format("{}{}", prefix, op.b));
  replace(text, "$c", fmt::format("{}{}", prefix, op.c));
  replace(text, "$i", fmt::format("{:#x}", op.imm));
  replace(text, "$p", fmt::format("{}", op.imm & 0xff));
  replace(text, "$l", fmt::format("{}", op.imm >> 8));
  return text;
}

int cost(const WordProgram& program) {
  return static_cast<int>(std::count_if(
      program.ops.begin(), program.ops.end(),
      [](const WordOp& op) { return word_op_info(op.opcode).pipe != WordPipe::Free; }));
}

int least_sm(const WordProgram& program) {
  int sm = 70;
  for (const WordOp& op : program.ops) sm = std::max(sm, word_op_info(op.opcode).least_sm);
  return sm;
}

}  // namespace bitloom::vm
