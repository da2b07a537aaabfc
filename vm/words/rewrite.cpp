// Rewrites of word programs. Each walks the operations once, forwards or backwards.
#include <algorithm>
#include <limits>
#include <map>
#include <tuple>

#include "vm/words/word_program.h"

namespace bitloom::vm {
namespace {

constexpr auto kNowhere = std::numeric_limits<std::size_t>::max();

template <typename Visit>
void for_each_operand(WordOp& op, Visit visit) {
  std::uint16_t* const operands[] = {&op.a, &op.b, &op.c};
  for (int k = 0; k < word_op_info(op.opcode).operands; ++k) visit(*operands[k]);
}

// Where a and b may change places: the key of such operations is sorted.
constexpr WordOpcode kCommutative[] = {
    WordOpcode::And,      WordOpcode::Or,        WordOpcode::Xor,       WordOpcode::Add,
    WordOpcode::MulLo,    WordOpcode::MadLo,     WordOpcode::MinU,      WordOpcode::MaxU,
    WordOpcode::MinS,     WordOpcode::MaxS,      WordOpcode::SetEq,     WordOpcode::AddF32,
    WordOpcode::MulF32,   WordOpcode::FmaF32,    WordOpcode::MinF32,    WordOpcode::MaxF32,
    WordOpcode::AddF16x2, WordOpcode::MulF16x2,  WordOpcode::FmaF16x2,  WordOpcode::MinF16x2,
    WordOpcode::MaxF16x2, WordOpcode::FmaBF16x2, WordOpcode::MinBF16x2, WordOpcode::MaxBF16x2,
};

bool is_commutative(WordOpcode opcode) {
  return std::find(std::begin(kCommutative), std::end(kCommutative), opcode) !=
         std::end(kCommutative);
}

}  // namespace

WordProgram eliminate_dead_ops(const WordProgram& program) {
  WordProgram result = program;
  result.ops.clear();
  std::vector<bool> live(program.registers, false);
  for (const std::uint16_t reg : program.outputs) live[reg] = true;
  for (auto op = program.ops.rbegin(); op != program.ops.rend(); ++op) {
    if (!live[op->dst]) continue;
    live[op->dst] = false;
    result.ops.push_back(*op);
    for_each_operand(result.ops.back(), [&](std::uint16_t reg) { live[reg] = true; });
  }
  std::reverse(result.ops.begin(), result.ops.end());
  return result;
}

WordProgram eliminate_common_ops(const WordProgram& program) {
  using Key = std::tuple<WordOpcode, std::uint16_t, std::uint16_t, std::uint16_t, std::uint32_t>;
  std::map<Key, std::uint16_t> known;
  std::vector<std::uint16_t> now(program.registers);  // which new register an old one stands for
  for (std::uint16_t i = 0; i < program.inputs; ++i) now[i] = i;
  WordProgram result;
  result.inputs = result.registers = program.inputs;
  for (WordOp op : program.ops) {
    for_each_operand(op, [&](std::uint16_t& reg) { reg = now[reg]; });
    if (is_commutative(op.opcode) && op.b < op.a) std::swap(op.a, op.b);
    const std::uint16_t old = op.dst;
    const auto [found, fresh] =
        known.try_emplace(Key{op.opcode, op.a, op.b, op.c, op.imm}, result.registers);
    if (fresh) {
      op.dst = result.registers++;
      result.ops.push_back(op);
    }
    now[old] = found->second;
  }
  for (const std::uint16_t reg : program.outputs) result.outputs.push_back(now[reg]);
  return result;
}

WordProgram allocate_registers(const WordProgram& program) {
  // The value that operation i makes dies at its last reader; an output and a constant never do.
  std::vector<std::size_t> maker(program.registers, kNowhere), last(program.ops.size(), 0);
  for (std::size_t i = 0; i < program.ops.size(); ++i) {
    WordOp op = program.ops[i];
    for_each_operand(op, [&](std::uint16_t reg) {
      if (maker[reg] != kNowhere) last[maker[reg]] = std::max(last[maker[reg]], i);
    });
    maker[op.dst] = i;
    last[i] = op.opcode == WordOpcode::MovImm ? kNowhere : i;
  }
  for (const std::uint16_t reg : program.outputs)
    if (maker[reg] != kNowhere) last[maker[reg]] = kNowhere;

  WordProgram result;
  result.inputs = result.registers = program.inputs;
  std::vector<std::uint16_t> place(program.registers), free;
  for (std::uint16_t i = 0; i < program.inputs; ++i) place[i] = i;
  std::vector<std::vector<std::uint16_t>> dying(program.ops.size());
  for (std::size_t i = 0; i < program.ops.size(); ++i) {
    WordOp op = program.ops[i];
    for_each_operand(op, [&](std::uint16_t& reg) { reg = place[reg]; });
    // Operands that die here make room for the result.
    free.insert(free.end(), dying[i].begin(), dying[i].end());
    const std::uint16_t old = op.dst;
    if (free.empty() || op.opcode == WordOpcode::MovImm) {
      op.dst = result.registers++;
    } else {
      op.dst = free.back();
      free.pop_back();
    }
    place[old] = op.dst;
    if (last[i] == i)
      free.push_back(op.dst);  // nobody reads it
    else if (last[i] != kNowhere)
      dying[last[i]].push_back(op.dst);
    result.ops.push_back(op);
  }
  for (const std::uint16_t reg : program.outputs) result.outputs.push_back(place[reg]);
  return result;
}

}  // namespace bitloom::vm
