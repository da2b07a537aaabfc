// A check inside a fuzz target: unlike assert() it is there in release builds, and it ends in the
// way fuzzers notice.
#pragma once

#include <cstdio>
#include <cstdlib>

#define BITLOOM_FUZZ_REQUIRE(condition)                                                  \
  do {                                                                                   \
    if (!(condition)) {                                                                  \
      std::fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                      \
    }                                                                                    \
  } while (false)
