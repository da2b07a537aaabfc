#include "vm/words/run.h"

#include <algorithm>
#include <vector>

#include "vm/numerics/processor.h"
#include "vm/words/run_ops.h"

#if BITLOOM_HAVE_AVX2
#include <immintrin.h>
#endif

namespace bitloom::vm {
namespace {

using words_detail::Lanes;

// 32 registers of a block are 16 KB.
constexpr std::size_t kBlock = 128;

// An operation with its operands found: registers are rows of the block's scratch, or the caller's
// inputs.
struct Step {
  WordOpcode opcode;
  bool uniform = false;  // prmt: every lane has the same selector, which stands in imm
  std::uint16_t d = 0, a = 0, b = 0, c = 0;
  std::uint32_t imm = 0;
};

// ---- prmt with one selector for all lanes: the only kind that lowered conversions contain -------

void permute_uniform(const Lanes& x) {
  struct Byte {
    std::uint32_t from, to;
    bool from_b, sign;
  } bytes[4];
  for (std::uint32_t i = 0; i < 4; ++i) {
    const std::uint32_t nibble = x.imm >> (4 * i);
    bytes[i] = {8 * (nibble & 3u), 8 * i, (nibble & 4u) != 0, (nibble & 8u) != 0};
  }
#pragma GCC ivdep
  for (std::size_t i = 0; i < x.count; ++i) {
    const std::uint32_t a = x.a[i], b = x.b[i];
    std::uint32_t word = 0;
    for (const Byte& byte : bytes) {
      const std::uint32_t value = ((byte.from_b ? b : a) >> byte.from) & 0xffu;
      word |= (byte.sign ? 0xffu * (value >> 7) : value) << byte.to;
    }
    x.d[i] = word;
  }
}

#if BITLOOM_HAVE_AVX2
BITLOOM_AVX2 __m256i load(const void* at) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(at));
}

// Byte shuffles pick within each word; a negative index gives 0.
BITLOOM_AVX2 void permute_uniform_avx2(const Lanes& x) {
  alignas(32) std::int8_t from_a[32], from_b[32], sign[32];
  for (int i = 0; i < 32; ++i) {
    const int nibble = static_cast<int>(x.imm >> (4 * (i & 3))) & 15,
              byte = (i & 12) + (nibble & 3);
    from_a[i] = static_cast<std::int8_t>(nibble & 4 ? -1 : byte);
    from_b[i] = static_cast<std::int8_t>(nibble & 4 ? byte : -1);
    sign[i] = static_cast<std::int8_t>(nibble & 8 ? -1 : 0);
  }
  const __m256i pick_a = load(from_a), pick_b = load(from_b), signs = load(sign);
  std::size_t i = 0;
  for (; i + 8 <= x.count; i += 8) {
    const __m256i picked = _mm256_or_si256(_mm256_shuffle_epi8(load(x.a + i), pick_a),
                                           _mm256_shuffle_epi8(load(x.b + i), pick_b));
    const __m256i copies = _mm256_cmpgt_epi8(_mm256_setzero_si256(), picked);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(x.d + i),
                        _mm256_blendv_epi8(picked, copies, signs));
  }
  permute_uniform({x.d + i, x.a + i, x.b + i, nullptr, x.imm, x.count - i});
}

BITLOOM_AVX2 void execute_avx2(const Step& step, const Lanes& lanes) {
  if (step.uniform) return permute_uniform_avx2(lanes);
  words_detail::execute(step.opcode, lanes);
}
#endif

void execute_portable(const Step& step, const Lanes& lanes) {
  if (step.uniform) return permute_uniform(lanes);
  words_detail::execute(step.opcode, lanes);
}

// ---- The program ------------------------------------------------------------------------------

// Which registers hold one constant from beginning to end: written once, by mov.
std::vector<const WordOp*> find_constants(const WordProgram& program) {
  std::vector<int> writers(program.registers, 0);
  std::vector<const WordOp*> constants(program.registers, nullptr);
  for (const WordOp& op : program.ops) {
    ++writers[op.dst];
    constants[op.dst] = op.opcode == WordOpcode::MovImm ? &op : nullptr;
  }
  for (std::size_t reg = 0; reg < constants.size(); ++reg)
    if (writers[reg] != 1) constants[reg] = nullptr;
  return constants;
}

std::vector<Step> find_steps(const WordProgram& program,
                             const std::vector<const WordOp*>& constants) {
  std::vector<Step> steps;
  steps.reserve(program.ops.size());
  for (const WordOp& op : program.ops) {
    if (constants[op.dst]) continue;
    Step step{op.opcode, false, op.dst, op.a, op.b, op.c, op.imm};
    if (op.opcode == WordOpcode::Prmt && constants[op.c]) {
      step.uniform = true;
      step.imm = constants[op.c]->imm;
    }
    steps.push_back(step);
  }
  return steps;
}

using Execute = void (*)(const Step&, const Lanes&);

void run_with(Execute execute, const WordProgram& program, const std::uint32_t* in,
              std::uint32_t* out, std::size_t threads) {
  const auto constants = find_constants(program);
  const auto steps = find_steps(program, constants);
  const std::size_t block = std::min(kBlock, threads);
  std::vector<std::uint32_t> scratch(block * (program.registers - program.inputs));
  std::vector<std::uint32_t*> rows(program.registers, nullptr);
  for (std::size_t reg = program.inputs; reg < rows.size(); ++reg) {
    rows[reg] = scratch.data() + block * (reg - program.inputs);
    if (constants[reg]) std::fill_n(rows[reg], block, constants[reg]->imm);
  }
  std::vector<const std::uint32_t*> sources(rows.begin(), rows.end());
  for (std::size_t first = 0; first < threads; first += block) {
    const std::size_t count = std::min(block, threads - first);
    for (std::size_t reg = 0; reg < program.inputs; ++reg)
      sources[reg] = in + reg * threads + first;
    for (const Step& step : steps)
      execute(step,
              {rows[step.d], sources[step.a], sources[step.b], sources[step.c], step.imm, count});
    for (std::size_t i = 0; i < program.outputs.size(); ++i)
      std::copy_n(sources[program.outputs[i]], count, out + i * threads + first);
  }
}

}  // namespace

void run(const WordProgram& program, const std::uint32_t* in, std::uint32_t* out,
         std::size_t threads) {
#if BITLOOM_HAVE_AVX2
  if (has_avx2()) return run_with(execute_avx2, program, in, out, threads);
#endif
  run_with(execute_portable, program, in, out, threads);
}

void run_portable(const WordProgram& program, const std::uint32_t* in, std::uint32_t* out,
                  std::size_t threads) {
  run_with(execute_portable, program, in, out, threads);
}

}  // namespace bitloom::vm
