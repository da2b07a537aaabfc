// Executes word programs for many threads at once.
//
// Words of one register lie together, one a thread: word w of thread t is in[w * threads + t], and
// likewise in out. The threads are taken in blocks small enough for the registers of a block to
// stay in the first-level cache; within a block an operation is one vectorised loop. The
// processor's AVX2, FMA and F16C are used where it has them and change no bit.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vm/words/word_program.h"

namespace bitloom::vm {

// `in` holds program.inputs words a thread, `out` receives program.outputs.size(). They must not
// overlap.
void run(const WordProgram& program, const std::uint32_t* in, std::uint32_t* out,
         std::size_t threads);

// The same without AVX2, whatever the processor: tests hold the two to each other.
void run_portable(const WordProgram& program, const std::uint32_t* in, std::uint32_t* out,
                  std::size_t threads);

}  // namespace bitloom::vm
