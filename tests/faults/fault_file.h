// A kernel file that says how it is run and what the interpreter finds in it.
//
//   // RUN: target=sm_90a shape=n=128,m=4 arg=x=random out=y set=W=u4 steps=10000
//   … the kernel …
//   // error[BL0508] @ 9: a part of its message
//   // note @ 7: a part of the text of one of its notes
//
// `shape`, `arg`, `out`, `set` and `target` are the options of `bitloom run`; arguments are
// `random`, `zeros` or a number. The texts behind the colons may be left out. The errors named must
// be all that there are, as pairs of code and line; every note named must be among theirs. A file
// without errors must run and have nothing reported.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dsl/source.h"
#include "runtime/execute.h"
#include "vm/diagnostics.h"

namespace bitloom::test {

struct ExpectedError {
  std::string code;
  std::uint32_t line = 0;
  std::string text;  // part of the message
};
struct ExpectedNote {
  std::uint32_t line = 0;
  std::string text;
};

struct FaultFile {
  runtime::Job job;
  std::vector<ExpectedError> errors;
  std::vector<ExpectedNote> notes;
  std::vector<std::string> mistakes;  // lines of the file that the runner does not understand
};

FaultFile read_fault_file(const std::string& path);

// The words of a RUN line, into the job; gives those that it does not understand.
std::vector<std::string> apply_run_words(const std::string& words, runtime::Job& job);

// What is wrong with the diagnostics of a run, a line each; empty when all is as the file says.
std::string compare(const FaultFile& file, const vm::Diagnostics& diagnostics);

}  // namespace bitloom::test
