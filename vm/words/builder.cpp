#include "vm/words/builder.h"

namespace bitloom::vm {

WordBuilder::WordBuilder(int inputs) : inputs_(inputs) {}

Word WordBuilder::op(WordOpcode opcode, Word a, Word b, Word c, std::uint32_t imm) {
  const int operands = word_op_info(opcode).operands;
  WordOp op{opcode, static_cast<std::uint16_t>(inputs_ + static_cast<int>(ops_.size())), 0, 0, 0,
            imm};
  if (operands > 0) op.a = a.id;
  if (operands > 1) op.b = b.id;
  if (operands > 2) op.c = c.id;
  const auto [place, fresh] = known_.try_emplace(Key{opcode, op.a, op.b, op.c, imm}, Word{op.dst});
  if (fresh) ops_.push_back(op);
  return place->second;
}

Word WordBuilder::constant(std::uint32_t value) {
  return op(WordOpcode::MovImm, {}, {}, {}, value);
}

std::optional<std::uint32_t> WordBuilder::constant_value(Word word) const {
  if (word.id < inputs_) return std::nullopt;
  const WordOp& op = ops_[static_cast<std::size_t>(word.id - inputs_)];
  if (op.opcode != WordOpcode::MovImm) return std::nullopt;
  return op.imm;
}

Word WordBuilder::shl(Word x, int amount) {
  if (amount < 0) return shr(x, -amount);
  return amount == 0 ? x : op(WordOpcode::Shl, x, {}, {}, static_cast<std::uint32_t>(amount));
}

Word WordBuilder::shr(Word x, int amount) {
  if (amount < 0) return shl(x, -amount);
  return amount == 0 ? x : op(WordOpcode::Shr, x, {}, {}, static_cast<std::uint32_t>(amount));
}

Word WordBuilder::sar(Word x, int amount) {
  return amount == 0 ? x : op(WordOpcode::Sar, x, {}, {}, static_cast<std::uint32_t>(amount));
}

Word WordBuilder::prmt(Word a, Word b, std::uint32_t selector) {
  return selector == 0x3210 ? a : op(WordOpcode::Prmt, a, b, constant(selector));
}

Word WordBuilder::and_imm(Word x, std::uint32_t mask) {
  if (mask == 0) return constant(0);
  return mask == ~0u ? x : op(WordOpcode::And, x, constant(mask));
}

Word WordBuilder::and_or(Word x, std::uint32_t mask, std::uint32_t ones) {
  if (ones == 0) return and_imm(x, mask);
  const Word kept = constant(mask);
  return lop3(x, kept, constant(ones), (kLutA & kLutB) | kLutC);
}

Word WordBuilder::and_or(Word x, std::uint32_t mask, Word y) {
  if (constant_value(y) == 0u) return and_imm(x, mask);
  return lop3(x, constant(mask), y, (kLutA & kLutB) | kLutC);
}

Word WordBuilder::and_xor(Word x, std::uint32_t mask, std::uint32_t flip) {
  if (flip == 0) return and_imm(x, mask);
  if (mask == ~0u) return op(WordOpcode::Xor, x, constant(flip));
  const Word kept = constant(mask);
  return lop3(x, kept, constant(flip), (kLutA & kLutB) ^ kLutC);
}

Word WordBuilder::select_bits(std::uint32_t mask, Word ones, Word zeros) {
  return lop3(constant(mask), ones, zeros, (kLutA & kLutB) | (~kLutA & kLutC & 0xff));
}

Word WordBuilder::or_(Word x, Word y) {
  return op(WordOpcode::Or, x, y);
}

WordProgram WordBuilder::finish(const std::vector<Word>& outputs) const {
  WordProgram program;
  program.inputs = static_cast<std::uint16_t>(inputs_);
  program.registers = static_cast<std::uint16_t>(inputs_ + static_cast<int>(ops_.size()));
  program.ops = ops_;
  for (const Word word : outputs) program.outputs.push_back(word.id);
  return allocate_registers(eliminate_dead_ops(program));
}

}  // namespace bitloom::vm
