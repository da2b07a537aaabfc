// Functions at random, for tests that want every instruction, every attribute and every kind of
// type in every combination.
//
//   Random random(seed);
//   const Function function = random_function(random, {.instructions = 40});
//
// The generator is driven by the instruction table: a row that is added is generated without a
// change here. What it makes is well formed (operands, attributes and regions as the rows say,
// values defined before they are used) and follows no further rule: types are arbitrary. It is food
// for printers, parsers, clones and for the verifier's robustness.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "vm/ir.h"

namespace bitloom::vm::testing {

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  // A number of [least, most].
  std::int64_t number(std::int64_t least, std::int64_t most) {
    const auto span = static_cast<std::uint64_t>(most - least) + 1;
    return least + static_cast<std::int64_t>(span == 0 ? engine_() : engine_() % span);
  }
  bool chance(int percent) { return number(1, 100) <= percent; }
  template <class List>
  const auto& pick(const List& list) {
    return list[static_cast<std::size_t>(number(0, static_cast<std::int64_t>(list.size()) - 1))];
  }

 private:
  std::mt19937_64 engine_;
};

struct RandomOptions {
  int instructions = 30;  // about; regions add theirs
  int nesting = 3;
  bool spans = true;
  // Types and a head that the verifier takes, so that it goes on to the instructions.
  bool plausible = false;
};

Function random_function(Random& random, const RandomOptions& options = {});

// Parts of it.
Type random_type(Random& random, Space space, bool plausible = false);
layouts::RegisterLayout random_layout(Random& random, int rank);
layouts::SizeExpr random_size(Random& random, int depth);
AttributeValue random_attribute(Random& random, AttributeKind kind);

}  // namespace bitloom::vm::testing
