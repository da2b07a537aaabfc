#include "vm/words/builder.h"

namespace bitloom::vm {

WordBuilder::WordBuilder(int inputs) : inputs_(inputs) {}

WordBuilder::Key WordBuilder::key(WordOpcode opcode, Word a, Word b, Word c, std::uint32_t imm) {
  const int operands = word_op_info(opcode).operands;
  const auto read = [&](int index, Word word) {
    return index < operands ? word.id : std::uint16_t{0};
  };
  return {opcode, read(0, a), read(1, b), read(2, c), imm};
}

std::optional<Word> WordBuilder::known(WordOpcode opcode, Word a, Word b, Word c,
                                       std::uint32_t imm) const {
  const auto place = known_.find(key(opcode, a, b, c, imm));
  if (place == known_.end()) return std::nullopt;
  return place->second;
}

Word WordBuilder::op(WordOpcode opcode, Word a, Word b, Word c, std::uint32_t imm) {
  const Key asked = key(opcode, a, b, c, imm);
  const Word next{static_cast<std::uint16_t>(inputs_ + static_cast<int>(ops_.size()))};
  const auto [place, fresh] = known_.try_emplace(asked, next);
  if (!fresh) return place->second;
  ops_.push_back(
      {opcode, next.id, std::get<1>(asked), std::get<2>(asked), std::get<3>(asked), imm});
  cost_ += word_op_info(opcode).pipe != WordPipe::Free;
  return next;
}

void WordBuilder::go_back(std::size_t mark) {
  while (ops_.size() > mark) {
    const WordOp& last = ops_.back();
    known_.erase(Key{last.opcode, last.a, last.b, last.c, last.imm});
    cost_ -= word_op_info(last.opcode).pipe != WordPipe::Free;
    ops_.pop_back();
  }
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
