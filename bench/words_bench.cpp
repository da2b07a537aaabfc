// How fast the interpreter runs word programs: word operations a second on one core.
#include <benchmark/benchmark.h>

#include <vector>

#include "bench/result_file.h"
#include "vm/words/run.h"
#include "vm/words/word_program.h"

namespace {

using namespace bitloom::vm;

WordProgram parsed(const char* text) {
  return parse_word_program(text).value();
}

// Eight 4-bit codes, in the order 0 2 4 6 1 3 5 7, to four pairs of f16.
const WordProgram kNibbles = parsed(R"(words 1 -> 4, 12 registers {
  r1 = mov 0x000f000f
  r2 = mov 0x00f000f0
  r3 = mov 0x64006400
  r4 = mov 0xe408e408
  r5 = mov 0x2c002c00
  r6 = mov 0xd480d480
  r7 = shr r0, 8
  r8 = lop3 r0, r1, r3, 0xea
  r9 = lop3 r0, r2, r3, 0xea
  r10 = lop3 r7, r1, r3, 0xea
  r11 = lop3 r7, r2, r3, 0xea
  r8 = add.f16x2 r8, r4
  r9 = fma.f16x2 r9, r5, r6
  r10 = add.f16x2 r10, r4
  r11 = fma.f16x2 r11, r5, r6
  out r8, r9, r10, r11
})");

// Bits only: masks, shifts and byte permutations.
const WordProgram kBits = parsed(R"(words 2 -> 2, 9 registers {
  r2 = mov 0x0f0f0f0f
  r3 = mov 0x5140
  r4 = mov 0x7362
  r5 = shf.r r0, r1, 4
  r6 = lop3 r0, r2, r5, 0x6a
  r7 = lop3 r5, r2, r6, 0xca
  r8 = prmt r6, r7, r3
  r6 = prmt r6, r7, r4
  r7 = xor r8, r6
  r8 = add r8, r7
  out r7, r8
})");

const WordProgram kFloats = parsed(R"(words 2 -> 1, 4 registers {
  r2 = fma.f32 r0, r1, r0
  r3 = mul.f32 r2, r1
  r2 = fma.f32 r2, r3, r0
  r2 = add.f32 r2, r3
  out r2
})");

const WordProgram kBFloats = parsed(R"(words 2 -> 1, 4 registers {
  r2 = fma.bf16x2 r0, r1, r0
  r3 = fma.bf16x2 r2, r1, r1
  r2 = fma.bf16x2 r2, r3, r0
  out r2
})");

const WordProgram kConversions = parsed(R"(words 2 -> 1, 5 registers {
  r2 = cvt.f32.f16.lo r0
  r3 = cvt.f32.f16.hi r1
  r4 = cvt.bf16x2.f32 r2, r3
  r2 = cvt.f16x2.f32 r3, r2
  r2 = xor r2, r4
  out r2
})");

void run_program(benchmark::State& state, const WordProgram& program) {
  const auto threads = static_cast<std::size_t>(state.range(0));
  std::vector<std::uint32_t> in(program.inputs * threads, 0x3c123a5b),
      out(program.outputs.size() * threads);
  for (auto _ : state) {
    run(program, in.data(), out.data(), threads);
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
  const double ops = static_cast<double>(threads) * cost(program);
  state.counters["word_ops"] =
      benchmark::Counter(ops, benchmark::Counter::kIsIterationInvariantRate);
}

BENCHMARK_CAPTURE(run_program, nibbles_to_f16, kNibbles)->Arg(128)->Arg(4096);
BENCHMARK_CAPTURE(run_program, bits, kBits)->Arg(128)->Arg(4096);
BENCHMARK_CAPTURE(run_program, f32, kFloats)->Arg(128)->Arg(4096);
BENCHMARK_CAPTURE(run_program, bf16_fma, kBFloats)->Arg(128)->Arg(4096);
BENCHMARK_CAPTURE(run_program, half_conversions, kConversions)->Arg(128)->Arg(4096);

}  // namespace

BITLOOM_BENCHMARK_MAIN()
