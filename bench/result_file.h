// What every measurement of bench/ leaves behind when it is asked to: a file under bench/results/
// that says on which device, when, from which commit and with which command its rows came about.
//
//   build/bench/interpreter_bench --benchmark_repetitions=5 --result=bench/results/interpreter.json
//
// A row is one benchmark: its name, the medians of its real time and of its processor time (of all
// threads, where the benchmark measures that), all real times, in seconds, and its counters.
#pragma once

namespace bitloom::bench {

// The main function of a measurement: runs its benchmarks, prints them, and writes the file.
int run(int argc, char** argv);

}  // namespace bitloom::bench

#define BITLOOM_BENCHMARK_MAIN()            \
  int main(int argc, char** argv) {         \
    return bitloom::bench::run(argc, argv); \
  }
