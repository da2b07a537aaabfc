// What to say when nothing goes on: which strands wait, where, and for what.
#pragma once

#include <deque>
#include <memory>

#include "vm/interpreter/machine.h"

namespace bitloom::vm::interpreter {

// The strands of one cluster wait for one another.
void report_stuck(Cluster& cluster);
// Every cluster waits for a value in global memory that none will write.
void report_deadlock(Grid& grid, const std::deque<std::unique_ptr<Cluster>>& parked);
// The step limit was reached, or the user wants an end: where everyone was.
void report_interrupted(Grid& grid, const std::deque<std::unique_ptr<Cluster>>& clusters);

}  // namespace bitloom::vm::interpreter
