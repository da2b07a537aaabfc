// Where a view begins in its root: the chain of windows, permutations and reinterpretations added
// up.
//
// A view of rank r of a root of rank R is described by an offset for each dimension of the root,
// and by the root's dimension that each of its own dimensions runs along. memory_view changes type
// and shape of the bytes, so it begins a chain anew: `root` is then the memory_view itself.
#pragma once

#include <optional>
#include <vector>

#include "vm/passes/scalar_facts.h"

namespace bitloom::vm {

struct ViewPlace {
  ValueId root = kNoValue;
  std::vector<layouts::SizeExpr> offsets;  // one a dimension of the root
  std::vector<int> dims;                   // of the view: which dimension of the root
};

ViewPlace place_of(const Function& function, const ScalarFacts& facts, ValueId view);

// The extent of a dimension of a tensor or tile, a constant for all but global parameters.
layouts::SizeExpr extent_of(const Type& type, int dim);

}  // namespace bitloom::vm
