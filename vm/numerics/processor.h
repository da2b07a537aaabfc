// Which instructions the processor has that runs us.
//
// Functions marked BITLOOM_AVX2 are compiled for AVX2, FMA and F16C whatever the flags of the
// build, and may only be called where has_avx2() holds; beside each stands a form for every
// processor that gives the same bits.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__)
#define BITLOOM_HAVE_AVX2 1
#define BITLOOM_AVX2 __attribute__((target("avx2,fma,f16c")))
#else
#define BITLOOM_HAVE_AVX2 0
#endif

namespace bitloom::vm {

inline bool has_avx2() {
#if BITLOOM_HAVE_AVX2
  // Every processor with AVX2 has F16C, for which clang before 19 has no name.
  static const bool has = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return has;
#else
  return false;
#endif
}

}  // namespace bitloom::vm
